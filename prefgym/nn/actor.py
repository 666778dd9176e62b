"""A policy over actions in -1..1 for likelihood-based learning: Gaussian, or deterministic."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Generator, Tensor, nn

from prefgym.common.limits import LogStd, Width, Within, check
from prefgym.nn.gaussian import gaussian_nll
from prefgym.nn.mlp import Activation, Dropout, mlp
from prefgym.nn.normalisation import RunningNorm

LOG_STD_RANGE = -5.0, 2.0  # a deviation of zero would make likelihoods infinite

Head = Literal["gaussian", "deterministic"]


@dataclass(frozen=True, kw_only=True)
class ActorCfg:
    """Architecture of the policy."""

    head: Head = "gaussian"
    """Form of log pi(a|s): a Gaussian with the same deviation in all states, or minus the squared distance of the
    action from the policy's own."""
    hidden: tuple[Width, ...] = (256, 256)
    """Hidden layers."""
    activation: Activation = "relu"
    """Activation between the layers."""
    dropout: Annotated[float, Within(0, 0.99)] = 0.0
    """Dropout: share of the units of each hidden layer that is zeroed in an update."""
    log_std_init: LogStd = -1.0
    """Logarithm of the Gaussian's initial standard deviation, for actions in -1..1."""

    __post_init__ = check


class Actor(nn.Module):
    """A network with squashed output; observations are normalised by the running statistics `obs_norm`."""

    def __init__(self, cfg: ActorCfg, obs_dim: int, action_dim: int, weights: Generator, noise: Generator) -> None:
        """Make an untrained policy.

        Args:
            cfg: Architecture.
            obs_dim: O.
            action_dim: A.
            weights: Generator of the weights.
            noise: Generator of actions and dropout, on the device of the policy.
        """
        super().__init__()
        self.cfg, self.noise = cfg, noise
        self.obs_norm = RunningNorm(obs_dim)
        sizes = (obs_dim, *cfg.hidden, action_dim)
        dropout = Dropout(cfg.dropout, noise) if cfg.dropout else None
        self.net = mlp(sizes, cfg.activation, weights, output_gain=0.01, dropout=dropout)
        self.log_std = nn.Parameter(torch.full((action_dim,), cfg.log_std_init), cfg.head == "gaussian")

    def forward(self, obs: Tensor) -> Tensor:
        """Return the most likely action. Shapes: (..., O) to (..., A)."""
        return self.net(self.obs_norm(obs)).tanh()

    @property
    def std(self) -> Tensor:
        """Return the standard deviation of the Gaussian. Shape: (A,)."""
        return self.log_std.clamp(*LOG_STD_RANGE).exp()

    def log_prob(self, obs: Tensor, action: Tensor, known: Tensor | None = None) -> Tensor:
        """Return log pi(a|s).

        Args:
            obs: Shape: (..., O).
            action: Shape: (..., A).
            known: Mask of the dimensions of the action that count; None for all. Shape: (..., A), bool.

        Returns:
            Shape: (...,).
        """
        error = action - self(obs)
        # log pi := -||mu(s) - a||^2, which is a Gaussian of fixed deviation up to a constant
        terms = -error.square()
        if self.cfg.head == "gaussian":
            terms = -gaussian_nll(error / self.std, self.std.log())
        return (terms if known is None else terms * known).sum(-1)

    @torch.no_grad()
    def sample(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor]:
        """Sample actions and their log-probabilities. Shapes: (N, O) to (N, A), (N,)."""
        mean = self(obs)
        if deterministic or self.cfg.head == "deterministic":
            return mean, torch.zeros(len(mean), device=mean.device)
        action = mean + self.std * torch.empty_like(mean).normal_(generator=self.noise)
        return action, self.log_prob(obs, action)
