"""Reward learners are saved and loaded as agents are."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tiny import POLE, tiny_reward

import prefgym
from prefgym import rewards
from prefgym.common.errors import UserError
from prefgym.core.fit_report import FitReport
from prefgym.core.preferences import Comparison, Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.rewards.ensemble import Ensemble


@pytest.fixture(scope="module")
def env() -> Any:  # noqa: ANN401
    """Make an environment."""
    return make_evaluation_env(POLE, 1, 1)


def answered(num: int = 12, steps: int = 4) -> Preferences:
    """Answer queries about random segments: the one with the larger first action is chosen."""
    generator = torch.Generator().manual_seed(0)
    options = Segments(
        obs=torch.randn(num, 2, steps + 1, 4, generator=generator),
        action=torch.randn(num, 2, steps, 1, generator=generator),
        length=torch.full((num, 2), steps),
        terminated=torch.zeros(num, 2, dtype=torch.bool),
        truncated=torch.zeros(num, 2, dtype=torch.bool),
    )
    chosen = options.action[..., 0, 0].argmax(-1)
    return Preferences.of(Queries.of(options), Comparison.of(chosen, 2), RaterInfo(name="larger", settings={"by": 0}))


def test_a_learner_is_saved_and_loaded(env: Any) -> None:  # noqa: ANN401
    """Under a name with dots, in a folder that is made; no environment is needed to load it."""
    preferences = answered()
    steps = preferences.queries.options
    for name in ("reward_lr0.001", "reward_lr0.003"):
        learner = rewards.build("ensemble", tiny_reward(num_members=2 if name.endswith("1") else 3), env=env)
        learner.fit(preferences)
        assert isinstance(learner, Ensemble)
        learner.save(Path("new/folder") / name)
        for loaded in (prefgym.load_reward(f"new/folder/{name}"), Ensemble.load(f"new/folder/{name}")):
            assert loaded.is_fitted and torch.equal(loaded.reward(steps), learner.reward(steps))
    assert len(list(Path("new/folder").iterdir())) == 4
    with pytest.raises(ValueError, match="holds Ensemble, not PreferenceModel"):
        rewards.get("preference-model").load("new/folder/reward_lr0.001")  # pyright: ignore[reportAttributeAccessIssue]


def test_every_learner_comes_back(env: Any) -> None:  # noqa: ANN401
    for name in rewards.names():
        learner = rewards.build(name, rewards.cfg(name), env=env)
        prefgym.save_reward(learner, name)
        loaded = prefgym.load_reward(name)
        assert type(loaded) is type(learner)
        assert all(torch.equal(value, loaded.weights()[key]) for key, value in learner.weights().items())


class Sum:
    """A learner of another package: reward is the sum of the action, times a number that is learned."""

    is_fitted = False

    def __init__(self) -> None:
        self.factor = torch.ones(1)

    def fit(self, preferences: Preferences) -> FitReport:
        """Learn how many there are."""
        self.factor, self.is_fitted = torch.tensor([float(len(preferences))]), True
        return FitReport()

    def reward(self, segments: Segments) -> torch.Tensor:
        """Return it for one member."""
        return (segments.action.sum(-1) * self.factor)[None]

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the number."""
        return {"factor": self.factor}

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the number."""
        self.factor, self.is_fitted = weights["factor"], True


def test_a_learner_of_another_package_is_saved_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file imports no module; one that is imported is found."""
    module = ModuleType("their_rewards")
    monkeypatch.setitem(sys.modules, "their_rewards", module)
    monkeypatch.setattr(Sum, "__module__", "their_rewards")
    module.Sum = Sum  # pyright: ignore[reportAttributeAccessIssue]
    learner = Sum()
    learner.fit(answered())
    prefgym.save_reward(learner, "theirs")
    loaded = prefgym.load_reward("theirs")
    assert isinstance(loaded, Sum) and loaded.factor.item() == 12
    monkeypatch.delitem(sys.modules, "their_rewards")
    with pytest.raises(UserError, match=r"theirs\.json asks for the module their_rewards; if you trust it"):
        prefgym.load_reward("theirs")

    class Local(Sum):
        """A class that no import finds."""

    with pytest.raises(UserError, match="Local cannot be saved: define it in a module"):
        prefgym.save_reward(Local(), "theirs")


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("[]", "theirs.json is damaged"),
        ("{}", "theirs.json is damaged: reward: field required"),
        (
            '{"reward": "ensemble", "cfg": {}}',
            "has no spaces of the environments, which ensemble needs",
        ),
        ('{"reward": "os:system", "cfg": {}}', r"asks for the module os; if you trust it"),
    ],
)
def test_what_cannot_be_loaded_is_told(card: str, sentence: str) -> None:
    with pytest.raises(UserError, match=r"theirs is no run folder, and theirs\.safetensors is missing"):
        prefgym.load_reward("theirs")
    prefgym.save_reward(rewards.make("win-rate"), "theirs")
    Path("theirs.json").write_text(card)
    with pytest.raises(UserError, match=sentence):
        prefgym.load_reward("theirs")


def test_a_reward_of_a_run_is_saved(finished_run: Path) -> None:
    """Of one in memory, and of one that was loaded; its file is that of the run."""
    run = prefgym.Run(finished_run)
    reward = run.reward
    assert isinstance(reward, Ensemble)
    reward.save("reward_v1.5")
    own, theirs = Path("reward_v1.5.json"), finished_run / "checkpoints/final/reward.json"
    assert json.loads(own.read_text()) == json.loads(theirs.read_text())
    assert Path("reward_v1.5.safetensors").read_bytes() == theirs.with_suffix(".safetensors").read_bytes()


def test_preferences_are_saved_and_loaded(finished_run: Path) -> None:
    """By name, from a run folder, and from a folder of feedback; raters and settings come back."""
    preferences = answered()
    preferences.save("answers/by_0.5")
    loaded = Preferences.load("answers/by_0.5")
    assert torch.equal(loaded.queries.options.obs, preferences.queries.options.obs)
    assert loaded.raters == preferences.raters and torch.equal(loaded.answers.choice, preferences.answers.choice)
    assert len(Preferences.load(finished_run)) == 10
    pytest.importorskip("pyarrow")
    from prefgym.data.feedback import Card, write_feedback

    write_feedback(Path("folder"), preferences, Card(env=POLE))
    assert torch.equal(Preferences.load("folder").answers.choice, preferences.answers.choice)
    with pytest.raises(UserError, match=r"nothing\.json is missing"):
        Preferences.load("nothing")
