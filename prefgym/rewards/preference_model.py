"""A model of preferences, not of a reward: P(a preferred to b), which may go round in a circle; it pays win rates.

Self-play preference optimisation (SPO, arXiv:2401.04056): the policy plays against what it did lately. A piece of an
episode is worth the share of recent pieces that it would be preferred to, and each of its steps is paid that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import logsigmoid

from prefgym.limits import Count, Natural, NonNegative, Positive, check
from prefgym.networks import Activation, RunningNorm, mlp
from prefgym.preferences import Preferences
from prefgym.rewards.diagnostics import FitReport, accuracy, calibration_error
from prefgym.rewards.fit import check_gradient, held_out
from prefgym.segments import Segments
from prefgym.spaces import single_spaces
from prefgym.states import State, load_optimizer_state, optimizer_state

PIECES_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class ComparisonFitCfg:
    """How the model is fitted in each session."""

    learning_rate: Positive = 1e-3
    """Of AdamW."""
    weight_decay: NonNegative = 0.1
    """Of AdamW."""
    gradient_steps: Count = 200
    """Gradients in a session."""
    minibatch_size: Count = 64
    """Queries per gradient."""

    __post_init__ = check


@dataclass(frozen=True, kw_only=True)
class PreferenceModelCfg:
    """Configuration of `PreferenceModel`."""

    hidden: tuple[Count, ...] = (64, 64)
    """Hidden layers of what looks at each step."""
    activation: Activation = "tanh"
    """Between the layers."""
    num_cycles: Natural = 4
    """Pairs of numbers of which one may beat the other and be beaten in turn; 0 leaves a score, which is transitive."""
    queue: Count = 64
    """Latest pieces of episodes that a piece is compared with."""
    fit: ComparisonFitCfg = field(default_factory=ComparisonFitCfg)
    """How it is fitted."""

    __post_init__ = check


class Comparer(nn.Module):
    """What a segment is, in a few numbers, and how likely one is preferred to another.

    logit P(a > b) = u(a) - u(b) + v(a) w(b) - v(b) w(a)

    is antisymmetric, as a preference must be; u is a score, and the rest what no score can say.
    """

    def __init__(self, cfg: PreferenceModelCfg, input_dim: int, generator: Generator) -> None:
        super().__init__()
        self.num_cycles, width = cfg.num_cycles, cfg.hidden[-1]
        self.norm = RunningNorm(input_dim)
        self.steps = mlp((input_dim, *cfg.hidden), cfg.activation, generator, orthogonal=False)
        self.summary = mlp((2 * width, width, 1 + 2 * cfg.num_cycles), cfg.activation, generator, orthogonal=False)

    def forward(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """Sum segments up by the mean and the maximum of what is seen in their steps.

        Args:
            inputs: What is seen of each step. Shape: (..., T, inputs).
            weight: How much each step counts in the mean; 0 where there is none. Shape: (..., T).

        Returns:
            u, v and w. Shape: (..., 1 + 2 C).
        """
        seen = self.steps(self.norm(inputs))
        mean = (seen * weight.unsqueeze(-1)).sum(-2)
        most = seen.masked_fill(weight.unsqueeze(-1) == 0, -torch.inf).amax(-2)
        return self.summary(torch.cat([mean, most], -1))

    def logit(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare two sums of that kind. Shapes: (..., 1 + 2 C) each, to (...,)."""
        (u_a, v_a, w_a), (u_b, v_b, w_b) = (torch.split(x, [1, self.num_cycles, self.num_cycles], -1) for x in (a, b))
        return (u_a - u_b).squeeze(-1) + (v_a * w_b - v_b * w_a).sum(-1)


class PreferenceModel:
    """Pays pieces of episodes by the share of recent pieces that they would be preferred to."""

    def __init__(self, cfg: PreferenceModelCfg, env: Any, *, seed: int = 0, device: str = "cpu") -> None:  # noqa: ANN401
        """Make an unfitted model.

        Args:
            cfg: Sizes, and how to fit.
            env: An environment, single or vectorised, whose spaces are one-dimensional Boxes.
            seed: Seed of weights and of the order of the data.
            device: Where the model is.
        """
        self.cfg, self.device = cfg, torch.device(device)
        self.generator = torch.Generator().manual_seed(seed)
        observation, action = single_spaces(env)
        input_dim = observation.shape[0] + action.shape[0]
        self.comparer = Comparer(cfg, input_dim, self.generator).to(self.device)
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            self.comparer.parameters(), lr=cfg.fit.learning_rate, weight_decay=cfg.fit.weight_decay, fused=True
        )
        # the latest pieces, oldest first: what is seen of their steps, and how much each counts
        self.queue = torch.zeros(0, 1, input_dim, device=self.device)
        self.queue_weight = torch.zeros(0, 1, device=self.device)
        self._queue_sums: Tensor | None = None  # what the present model makes of it
        self.is_fitted = False

    def inputs(self, segments: Segments) -> tuple[Tensor, Tensor]:
        """Join what is seen of each step, and say how much it counts. Shapes: (..., T, inputs), (..., T).

        The mean over a segment that terminated is over all T steps, so that what it has not got counts as zero.
        """
        seen = torch.cat([segments.obs[..., :-1, :], segments.action], -1)
        steps = torch.where(segments.terminated, segments.num_steps, segments.length)
        return seen.to(self.device), (segments.mask / steps.unsqueeze(-1)).to(self.device)

    # --- fit ---------------------------------------------------------------------------------------------------------

    def fit(self, preferences: Preferences) -> FitReport:
        """Fit to all preferences so far but a tenth, on which it is judged: L = -sum_k c_k log P(k preferred).

        Raises:
            ValueError: If queries have other than two options.
        """
        preferences = preferences.without_truth()[preferences.answers.answered]
        if preferences.queries.num_options != 2:
            raise ValueError("a preference model compares two options: ask about two at a time")
        inputs, weight = self.inputs(preferences.queries.options)
        self.comparer.norm.update(inputs[weight > 0])
        if not len(self.queue):  # until there are pieces of one's own
            self.watch(preferences.queries.options.map(lambda x: x.flatten(0, 1)))
        choice = preferences.answers.choice.to(self.device)
        hidden = held_out(preferences.query_id.to(self.device), 1)[0]
        seen = torch.arange(len(choice), device=self.device)[~hidden]
        losses: list[Tensor] = []
        hits: list[float] = []
        for _ in range(self.cfg.fit.gradient_steps if len(seen) else 0):
            rows = torch.randint(len(seen), (self.cfg.fit.minibatch_size,), generator=self.generator)
            batch = seen[rows.to(self.device)]
            log_prob = self.log_prob(inputs[batch], weight[batch])
            loss = -(choice[batch] * log_prob).sum(-1).mean()
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            check_gradient(self.optimizer)
            self.optimizer.step()
            losses.append(loss.detach())
            hits.append(accuracy(log_prob.detach().cpu(), choice[batch].cpu()))
        self.is_fitted, self._queue_sums = True, None
        with torch.no_grad():
            foreseen, chosen = self.log_prob(inputs[hidden], weight[hidden]).cpu(), choice[hidden].cpu()
        probability = foreseen[:, 0].exp()
        late = len(losses) // 2  # the mean over the second half, since steps are drawn with replacement
        return FitReport(
            num_preferences=len(choice),
            epochs=round(len(losses) * self.cfg.fit.minibatch_size / max(len(seen), 1)),
            loss=float(torch.stack(losses[late:]).mean()) if losses else float("nan"),
            train_accuracy=float(torch.tensor(hits[late:]).nanmean()),
            accuracy=accuracy(foreseen, chosen),
            calibration_error=calibration_error(probability, chosen[:, 0]),
            probability=probability,
            choice=chosen[:, 0],
        )

    def log_prob(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """Return log P of either option. Shapes: (B, 2, T, inputs), (B, 2, T) to (B, 2)."""
        first, second = self.comparer(inputs, weight).unbind(-2)
        logit = self.comparer.logit(first, second)
        return torch.stack([logsigmoid(logit), logsigmoid(-logit)], -1)

    # --- pay ---------------------------------------------------------------------------------------------------------

    def watch(self, pieces: Segments) -> None:
        """Remember the latest pieces of episodes, as what others are compared with. Batch shape: (M,)."""
        inputs, weight = self.inputs(pieces)
        if self.queue.shape[1] != weight.shape[-1]:  # the first ones
            self.queue, self.queue_weight = inputs[:0], weight[:0]
        self.queue = torch.cat([self.queue, inputs])[-self.cfg.queue :]
        self.queue_weight = torch.cat([self.queue_weight, weight])[-self.cfg.queue :]
        self._queue_sums = None

    @torch.no_grad()
    def win_rate(self, segments: Segments) -> Tensor:
        """Return the mean chance to be preferred to one of the queue (SPO, Algorithm 1). Shape: that of the batch."""
        inputs, weight = self.inputs(segments)
        queue = self._queue_sums = (
            self._summed(self.queue, self.queue_weight) if self._queue_sums is None else self._queue_sums
        )
        sums = self._summed(inputs.reshape(-1, *inputs.shape[-2:]), weight.reshape(-1, weight.shape[-1]))
        parts = torch.split(sums, PIECES_AT_ONCE)
        rates = [self.comparer.logit(part.unsqueeze(1), queue).sigmoid().mean(1) for part in parts]
        return torch.cat(rates).view(segments.batch_shape)

    def _summed(self, inputs: Tensor, weight: Tensor) -> Tensor:
        parts = zip(torch.split(inputs, PIECES_AT_ONCE), torch.split(weight, PIECES_AT_ONCE))
        return torch.cat([self.comparer(*part) for part in parts])

    def reward(self, segments: Segments) -> Tensor:
        """Pay each step alone: the win rate of a piece that consists of it. Shape: (1, ..., T).

        For what must have a reward of single steps: wrappers, reports, samplers. Training pays whole pieces.
        """
        steps = Segments.of_steps(
            segments.obs[..., :-1, :],
            segments.action,
            segments.obs[..., 1:, :],
            torch.zeros_like(segments.mask),
            torch.zeros_like(segments.mask),
        )
        return self.win_rate(steps)[None]

    def score(self, segments: Segments) -> Tensor:
        """Return log(w / (1 - w)) of the win rate w of segments. Shape: (1, ...)."""
        return self.win_rate(segments).logit(1e-6)[None]

    # --- keeping -----------------------------------------------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """Return everything that was learned, and what is compared with."""
        return {**self.comparer.state_dict(), "queue": self.queue, "queue_weight": self.queue_weight}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over what `weights` returned."""
        learned = dict(weights)
        self.queue, self.queue_weight = (learned.pop(name).to(self.device) for name in ("queue", "queue_weight"))
        self.comparer.load_state_dict(learned)
        self.is_fitted, self._queue_sums = True, None

    def state_dict(self) -> State:
        """Return all that moves."""
        generator, optimizer = self.generator.get_state(), optimizer_state(self.optimizer)
        return {"weights": self.weights(), "optimizer": optimizer, "generator": generator, "is_fitted": self.is_fitted}

    def load_state_dict(self, state: State) -> None:
        """Go on from what `state_dict` returned."""
        self.load_weights(state["weights"])
        load_optimizer_state(self.optimizer, state["optimizer"])
        self.generator.set_state(state["generator"])
        self.is_fitted = state["is_fitted"]
