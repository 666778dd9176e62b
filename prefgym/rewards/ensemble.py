"""An ensemble of reward networks, fitted to preferences (Christiano et al., arXiv:1706.03741)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from prefgym.common.limits import Few, Width, check
from prefgym.common.spaces import Spaces, single_spaces
from prefgym.core.arrays import HasSpaces
from prefgym.core.capabilities import Capability
from prefgym.core.feedback import Feedback
from prefgym.core.fit_report import FitReport
from prefgym.core.kinds import Comparison, Statement
from prefgym.core.likelihoods import LIKELIHOODS, Choice, Likelihood
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.nn.mlp import Activation
from prefgym.nn.stacked import StackedMLP
from prefgym.rewards.base import RewardLearner
from prefgym.rewards.fit import FitCfg, fit
from prefgym.rewards.labels import Labels, step_sums
from prefgym.rewards.shaping import SHAPINGS, Shaping

Product = Literal["auto", "loop", "batched"]

FLOATS_IN_CACHE = 2**19


@dataclass(frozen=True, kw_only=True)
class EnsembleCfg:
    """Configuration of `Ensemble`."""

    num_members: Few = 3
    """Networks, each with its own weights, order of the data, and held-out tenth."""
    hidden: tuple[Width, ...] = (64, 64)
    """Hidden layers of each member."""
    activation: Activation = "tanh"
    """Activation between the layers."""
    next_obs: bool = False
    """Whether members see the next observation, beside observation and action."""
    tanh: bool = False
    """Whether rewards are squashed to -1..1 before they are normalised."""
    offset: Shaping = "keep-zero"
    """Normalisation of rewards after each session, which decides whether survival is rewarded: see docs/rewards.md."""
    product: Product = "auto"
    """Whether members run one by one or in one batched product; `auto` takes the faster one on the device."""
    fit: FitCfg = field(default_factory=FitCfg)
    """Settings of the fit."""

    __post_init__ = check


class Members(StackedMLP):
    """The reward networks."""

    def __init__(self, cfg: EnsembleCfg, input_dim: int, generator: Generator, output_dim: int = 1) -> None:
        super().__init__(
            (input_dim, *cfg.hidden, output_dim), cfg.num_members, cfg.activation, generator, orthogonal=False
        )
        self.squash: Callable[[Tensor], Tensor] = torch.tanh if cfg.tanh else nn.Identity()

    @property
    def rows_in_cache(self) -> int:
        """Return the number of rows of the widest layer that fit in the processor's cache, 2 MiB of floats."""
        return max(1, FLOATS_IN_CACHE // max(bias.shape[-1] for bias in self.biases))

    def member(self, index: int, inputs: Tensor) -> Tensor:
        """Run one member. Shapes: (M, inputs) to (M, outputs); an output of width 1 has no axis."""
        return self.squash(super().member(index, inputs))

    def batched(self, inputs: Tensor) -> Tensor:
        """Run every member on its own inputs in one product a layer. Shapes: (E, M, inputs) to (E, M, outputs)."""
        return self.squash(super().batched(inputs))

    def scores(self, index: int | None, inputs: Tensor, mask: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the sums of rewards (arXiv:1706.03741, eq. 1), weighted if there are weights.

        Shapes: (b, K, T, inputs), (b, K, T) twice, to (b, K), with E in front for all.
        """
        return step_sums(self, index, inputs, mask, weight)


_LIKELIHOOD = "likelihood/"


def _key(part: Preferences[Statement]) -> str:
    """Return the name under which the parameters of a likelihood are kept."""
    options = part.queries.options
    return "-".join(map(str, (part.answers.kind, *options.action.shape[1:-1], *part.answers.scale)))


class Ensemble(RewardLearner):
    """A reward model: the members' mean, normalised after each session."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.SCORES})
    fits: ClassVar[tuple[type[Statement], ...]] = tuple(LIKELIHOODS)

    def __init__(self, cfg: EnsembleCfg, env: HasSpaces, *, seed: int = 0, device: str = "cpu") -> None:
        """Make unfitted members.

        Args:
            cfg: Sizes, and settings of the fit.
            env: Environments, or spaces, that are one-dimensional Boxes.
            seed: Seed of weights and of the order of the data.
            device: Device of the members.
        """
        self.cfg, self.device = cfg, torch.device(device)
        self.generator = torch.Generator().manual_seed(seed)
        self.spaces = Spaces.of(env)
        observation, action = single_spaces(env)
        input_dim = observation.shape[0] * (2 if cfg.next_obs else 1) + action.shape[0]
        self.members = self.make_members(input_dim).to(self.device)
        self.shaping = SHAPINGS[cfg.offset]
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            self.members.parameters(), lr=cfg.fit.learning_rate, weight_decay=cfg.fit.weight_decay, fused=True
        )
        self.input_mean = torch.zeros(input_dim, device=self.device)
        self.input_scale = torch.ones(input_dim, device=self.device)
        # reward = (output - shift) / scale, per member
        self.shift = torch.zeros(cfg.num_members, device=self.device)
        self.scale = torch.ones(cfg.num_members, device=self.device)
        # what likelihoods have learned beside the scores, by kind and name. Shapes: (E, n)
        self._learned: dict[str, Tensor] = {}

    def make_members(self, input_dim: int) -> Members:
        """Make untrained networks."""
        return Members(self.cfg, input_dim, self.generator)

    @property
    def batched(self) -> bool:
        """Return whether members run in one batched product."""
        return self.cfg.product == "batched" or (self.cfg.product == "auto" and self.device.type != "cpu")

    def inputs(self, segments: Segments) -> Tensor:
        """Concatenate the inputs of the members at each step. Shape: (..., T, inputs)."""
        obs = (
            [segments.obs[..., :-1, :], segments.obs[..., 1:, :]] if self.cfg.next_obs else [segments.obs[..., :-1, :]]
        )
        return torch.cat([*obs, segments.action], -1).to(self.device)

    def fit(self, preferences: Feedback | Preferences[Statement]) -> FitReport:
        """Fit every member to all answers so far, then normalise the output."""
        parts = Feedback.of(preferences).answered().without_truth().parts
        valid = [(self.inputs(part.queries.options), part.queries.options.mask.to(self.device)) for part in parts]
        seen = torch.cat([inputs[mask] for inputs, mask in valid])
        self.input_mean, self.input_scale = seen.mean(0), 1 / seen.std(0).clamp_min(1e-3)
        labels = [self._labels(part, inputs, mask) for part, (inputs, mask) in zip(parts, valid)]
        learned = [value for some in labels for value in some.parameters.values()]
        own = [torch.optim.Adam(learned, lr=self.cfg.fit.parameter_learning_rate)] if learned else []
        report = fit(
            self.members,
            [self.optimizer, *own],
            labels,
            cfg=self.cfg.fit,
            batched=self.batched,
            generator=self.generator,
        )
        for part, some in zip(parts, labels):
            self._learned |= {f"{_key(part)}/{name}": value.detach() for name, value in some.parameters.items()}
        self.shift, self.scale = self.shaping(self.outputs((seen - self.input_mean) * self.input_scale))
        self.is_fitted = True
        return report

    def _labels(self, part: Preferences[Statement], inputs: Tensor, mask: Tensor) -> Labels:
        """Return answers of one kind with what was learned about their likelihood so far."""
        likelihood, statement = self.likelihood_of(part.answers), part.answers
        first = {} if self.shares_ties(statement) else likelihood.parameters(statement)
        parameters = {
            name: self._learned.get(f"{_key(part)}/{name}", value.expand(self.cfg.num_members, -1)).to(self.device)
            for name, value in first.items()
        }
        return Labels(
            inputs=(inputs - self.input_mean) * self.input_scale,
            mask=mask,
            statement=statement.map(lambda value: value.to(self.device)),
            query_id=part.query_id.to(self.device),
            likelihood=likelihood,
            parameters={name: value.clone().requires_grad_() for name, value in parameters.items()},
        )

    def likelihood_of(self, statement: Statement) -> Likelihood[Any]:
        """Return the likelihood to fit."""
        if isinstance(statement, Comparison):
            return Choice(margin=self.cfg.fit.margin, smoothing=self.cfg.fit.label_smoothing)
        return LIKELIHOODS[type(statement)]()

    def shares_ties(self, statement: Statement) -> bool:
        """Return whether ties are choices of all options in equal shares."""
        return isinstance(statement, Comparison) and self.cfg.fit.ties == "share"

    @torch.no_grad()
    def reward(self, segments: Segments) -> Tensor:
        """Predict the reward of each step, by each member, normalised. Shape: (E, ..., T)."""
        outputs = self._segment_outputs(segments)
        shape = (-1, *[1] * (outputs.dim() - 1))
        return (outputs - self.shift.view(shape)) / self.scale.view(shape)

    @torch.no_grad()
    def score(self, segments: Segments) -> Tensor:
        """Sum each member's unnormalised output, with which it was fitted, over the valid steps. Shape: (E, ...)."""
        return (self._segment_outputs(segments) * segments.mask.to(self.device)).sum(-1)

    def _segment_outputs(self, segments: Segments) -> Tensor:
        inputs = self.inputs(segments)
        flat = (inputs.reshape(-1, inputs.shape[-1]) - self.input_mean) * self.input_scale
        return self.outputs(flat).reshape(-1, *inputs.shape[:-1])

    def outputs(self, standardized: Tensor) -> Tensor:
        """Predict the unnormalised reward of steps, by each member. Shapes: (M, inputs) to (E, M)."""
        return self.run(standardized)

    @torch.no_grad()
    def run(self, standardized: Tensor) -> Tensor:
        """Run all members on the same rows. Shapes: (M, inputs) to (E, M, outputs), without an axis of 1."""
        if self.batched:
            return self.members.batched(standardized.expand(self.members.num_members, -1, -1))
        members = range(self.members.num_members)
        parts = torch.split(standardized, self.members.rows_in_cache)
        return torch.cat([torch.stack([self.members.member(e, rows) for e in members]) for rows in parts], 1)

    def weights(self) -> dict[str, Tensor]:
        """Return all learned tensors, by name."""
        learned = {"input_mean": self.input_mean, "input_scale": self.input_scale}
        likelihoods = {f"{_LIKELIHOOD}{name}": value for name, value in self._learned.items()}
        return {**self.members.state_dict(), **learned, "shift": self.shift, "scale": self.scale, **likelihoods}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load tensors that `weights` returned."""
        learned = dict(weights)
        for name in ("input_mean", "input_scale", "shift", "scale"):
            setattr(self, name, learned.pop(name).to(self.device))
        names = [name for name in learned if name.startswith(_LIKELIHOOD)]
        self._learned = {name.removeprefix(_LIKELIHOOD): learned.pop(name).to(self.device) for name in names}
        self.members.load_state_dict(learned)
        self.is_fitted = True
