"""A model of preferences instead of a reward: P(a preferred to b), which may be intransitive.

Self-play preference optimisation (SPO, arXiv:2401.04056): the policy plays against its own recent behaviour. The
reward of a step depends on the opponents, which are fragments of the latest rollouts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from prefgym.common.limits import Count, Within
from prefgym.common.states import State
from prefgym.core.arrays import HasSpaces
from prefgym.core.capabilities import Capability
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.kinds import Comparison, Statement
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.rewards.ensemble import Ensemble, EnsembleCfg, Members
from prefgym.rewards.labels import step_sums


@dataclass(frozen=True, kw_only=True)
class PreferenceModelCfg(EnsembleCfg):
    """Configuration of `PreferenceModel`."""

    num_cycles: Annotated[int, Within(0, 1000)] = 1
    """Number of cyclic components v, w of the model; 0 leaves only the score, which is transitive."""
    queue: Count = 64
    """Number of latest trajectory fragments that serve as opponents."""


class PairwiseNetworks(Members):
    """Networks with outputs u, v_1 .. v_C and w_1 .. w_C for each step, and their sums U, V and W for segments.

    logit P(a > b) = U(a) - U(b) + (V(a) . W(b) - V(b) . W(a)) / T

    is antisymmetric, as a preference must be; U is a score, and the second term is the intransitive part.
    """

    @property
    def num_outputs(self) -> int:
        """Return 1 + 2 C."""
        return self.biases[-1].shape[-1]

    def scores(self, index: int | None, inputs: Tensor, mask: Tensor, weight: Tensor | None = None) -> Tensor:
        """Score either option by half of the logit.

        Shapes: (b, 2, T, inputs), (b, 2, T) twice, to (b, 2), with E in front for all.
        """
        sums = step_sums(self, index, inputs, mask, weight)
        first, second = sums.view(*mask.shape[:-1], self.num_outputs).unbind(-2)
        half = logit(first, second, mask.shape[-1]) / 2
        return torch.stack([half, -half], -1)


def against(opponent: Tensor) -> Tensor:
    """Return the weights of u, v and w against an opponent with these means per step: 1, w and -v."""
    num_cycles = opponent.shape[-1] // 2
    u, v, w = torch.split(opponent, [1, num_cycles, num_cycles], -1)
    return torch.cat([torch.ones_like(u), w, -v], -1)


def logit(a: Tensor, b: Tensor, num_steps: int) -> Tensor:
    """Return the logit of the sums of two segments of T steps. Shapes: (..., 1 + 2 C) each, to (...,)."""
    return (a * against(b / num_steps)).sum(-1) - b[..., 0]


class PreferenceModel(Ensemble):
    """An ensemble that rewards each step by its share of the log odds against the latest fragments.

    r(s, a) = u + v . w_q - w . v_q, where v_q and w_q are means over the queue of each fragment's mean. Summed over a
    fragment, this is the mean of its log odds against those in the queue, up to a constant that all fragments share.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.SELF_PLAY, Capability.SCORES})
    fits: ClassVar[tuple[type[Statement], ...]] = (Comparison,)
    cfg: PreferenceModelCfg
    members: PairwiseNetworks

    def __init__(self, cfg: PreferenceModelCfg, env: HasSpaces, *, seed: int = 0, device: str = "cpu") -> None:
        """Make unfitted members; see `Ensemble`."""
        super().__init__(cfg, env, seed=seed, device=device)
        # the latest fragments, oldest first: inputs of their steps, and the weight of each step
        self.queue = torch.zeros(0, 1, len(self.input_mean), device=self.device)
        self.queue_weight = torch.zeros(0, 1, device=self.device)
        self.has_observed = False  # until then, the opponents are the segments of the last fit
        self._opponent: Tensor | None = None  # the present members' outputs for the queue

    def make_members(self, input_dim: int) -> PairwiseNetworks:
        """Make untrained networks."""
        return PairwiseNetworks(self.cfg, input_dim, self.generator, output_dim=1 + 2 * self.cfg.num_cycles)

    def fit(self, preferences: Feedback | Preferences[Statement]) -> FitReport:
        """Fit every member to all preferences so far, then normalise the reward.

        Raises:
            ValueError: If queries do not have two options.
        """
        preferences = preferences.only
        if preferences.queries.num_options != 2:
            raise ValueError("a preference model compares two options: ask about two at a time")
        if not self.has_observed:
            answered = preferences[preferences.answers.answered]
            self._forget()
            self._join(answered.queries.options.map(lambda x: x.flatten(0, 1)))
        self._opponent = None
        return super().fit(preferences)

    @torch.no_grad()
    def score(self, segments: Segments) -> Tensor:
        """Score pairs so that the softmax over them is each member's predicted choice. Shape: (E, ..., 2).

        Raises:
            ValueError: If these are not pairs.
        """
        if segments.batch_shape[-1:] != (2,):
            raise ValueError("a preference model compares two options: show two at a time")
        standardized = (self.inputs(segments) - self.input_mean) * self.input_scale
        inputs = standardized.reshape(-1, 2, *standardized.shape[-2:])
        mask = segments.mask.to(self.device).reshape(inputs.shape[:-1])
        scores = [self.members.scores(member, inputs, mask) for member in range(self.cfg.num_members)]
        return torch.stack(scores).view(-1, *segments.batch_shape)

    def observe_fragments(self, fragments: Segments) -> None:
        """Store the latest trajectory fragments as opponents. Batch shape: (M,).

        The mean over a terminated fragment is over all T steps, so that missing steps count as 0.
        """
        if not self.has_observed or self.queue.shape[1] != fragments.num_steps:
            self._forget()
        self.has_observed = True
        self._join(fragments)

    def _forget(self) -> None:
        self.queue, self.queue_weight = self.queue[:0], self.queue_weight[:0]

    def _join(self, fragments: Segments) -> None:
        steps = torch.where(fragments.terminated, fragments.num_steps, fragments.length)
        inputs, weight = self.inputs(fragments), (fragments.mask / steps.unsqueeze(-1)).to(self.device)
        before = (self.queue, self.queue_weight) if len(self.queue) else (inputs[:0], weight[:0])
        self.queue = torch.cat([before[0], inputs])[-self.cfg.queue :]
        self.queue_weight = torch.cat([before[1], weight])[-self.cfg.queue :]
        self._opponent = None

    @property
    def opponent(self) -> Tensor:
        """Return the means of u, v and w over the queue, for each member; 0 if it is empty. Shape: (E, 1 + 2 C)."""
        if self._opponent is None:
            standardized = (self.queue.flatten(0, 1) - self.input_mean) * self.input_scale
            weight = self.queue_weight.flatten() / max(len(self.queue), 1)
            self._opponent = (self._each(standardized) * weight.unsqueeze(-1)).sum(1)
        return self._opponent

    def outputs(self, standardized: Tensor) -> Tensor:
        """Predict the reward of steps against the queue, by each member. Shapes: (M, inputs) to (E, M)."""
        return (self._each(standardized) * against(self.opponent).unsqueeze(1)).sum(-1)

    def _each(self, standardized: Tensor) -> Tensor:
        return self.run(standardized).view(self.cfg.num_members, len(standardized), self.members.num_outputs)

    def weights(self) -> dict[str, Tensor]:
        """Return all learned tensors, by name, and the queue of opponents."""
        return {**super().weights(), "queue": self.queue, "queue_weight": self.queue_weight}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load tensors that `weights` returned."""
        learned = dict(weights)
        self.queue, self.queue_weight = (learned.pop(name).to(self.device) for name in ("queue", "queue_weight"))
        self._opponent = None
        super().load_weights(learned)

    def state_dict(self) -> State:
        """Return the state to resume from."""
        return {**super().state_dict(), "is_watching": self.has_observed}

    def load_state_dict(self, state: State) -> None:
        """Resume from a state that `state_dict` returned."""
        super().load_state_dict(state)
        self.has_observed = state["is_watching"]
