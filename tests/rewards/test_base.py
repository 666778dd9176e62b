"""The base of reward learners: `fit` and `reward` are all that a learner writes."""

import torch
from torch import Tensor, nn

from prefgym.core.capabilities import Capability, capabilities_of
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Preferences
from prefgym.core.segments import Segments
from prefgym.rewards.base import RewardLearner
from prefgym.testing import check_learner, example_preferences


class Network(RewardLearner):
    """A network that takes one step of Adam a fit, with noise, beside a scale and a mean."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.net = nn.Linear(3, 1)
        nn.init.normal_(self.net.weight, generator=self.generator)
        nn.init.zeros_(self.net.bias)
        self.scale = nn.Parameter(torch.ones(()))
        self.optimizer = torch.optim.Adam([*self.net.parameters(), self.scale], 0.1)
        self.mean = torch.zeros(3)
        self._last: Tensor | None = None

    def fit(self, preferences: Preferences) -> FitReport:
        """Take a step."""
        options = preferences.queries.options
        self.mean = options.obs.mean((0, 1, 2))
        returns = (self.outputs(options) * options.mask).sum(-1)
        noise = torch.randn(returns.shape, generator=self.generator)
        loss = -(preferences.answers.choice * (returns + noise).log_softmax(-1)).sum(-1).mean()
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        self._last = loss.detach()
        self.is_fitted = True
        return FitReport(
            num_preferences=len(preferences), loss=float(loss.detach()), extra={"scale": self.scale.item()}
        )

    def outputs(self, segments: Segments) -> Tensor:
        """Predict the reward of each step. Shape: (..., T)."""
        return self.scale * self.net(segments.obs[..., :-1, :] - self.mean).squeeze(-1)

    @torch.no_grad()
    def reward(self, segments: Segments) -> Tensor:
        """Predict the reward of each step. Shape: (1, ..., T)."""
        return self.outputs(segments).unsqueeze(0)


def make() -> Network:
    with torch.random.fork_rng():
        return Network()


def test_a_learner_that_writes_fit_and_reward_passes_all_checks() -> None:
    check_learner(make)


def test_weights_are_tensors_and_networks_and_the_state_is_all_that_goes_on() -> None:
    learner = make()
    assert learner.weights().keys() == {"mean", "scale", "net.weight", "net.bias"}
    assert learner.state_dict().keys() == {"weights", "optimizer", "generator", "is_fitted"}
    assert capabilities_of(learner) == {Capability.STATEFUL}


def test_what_is_loaded_stays_with_its_optimiser() -> None:
    learner, other = make(), make()
    learner.fit(example_preferences())
    other.load_state_dict(learner.state_dict())
    before = other.scale
    other.fit(example_preferences())
    assert other.scale is before and not torch.equal(other.scale, learner.scale)


def test_numbers_of_ones_own_are_logged() -> None:
    assert make().fit(example_preferences()).metrics()["reward_model/scale"] != 1.0
