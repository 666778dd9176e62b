"""Experts: what ships is what its card says; files of others are checked before they are used."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import command
from train_experts import table

from prefgym.common.errors import UserError
from prefgym.common.files import read_sealed_json, write_sealed_json
from prefgym.envs import expert
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import evaluate
from prefgym.evaluation.experts import LEVELS, Expert, ExpertCard, Measured, load_expert

FOLDER = Path(__file__).resolve().parents[2] / "envs" / "experts"
SHIPPED = sorted(file.stem for file in FOLDER.glob("*.json"))
QUICK = ("InvertedPendulum", "Pusher", "Reacher")
"""Tasks whose ten episodes take less than a second or two."""
LEAST = {
    "Ant": 3500,
    "HalfCheetah": 5000,
    "Hopper": 2800,
    "Humanoid": 5000,
    "HumanoidStandup": 100_000,
    "InvertedDoublePendulum": 9000,
    "InvertedPendulum": 1000,
    "Pusher": -35,
    "Reacher": -6,
    "Swimmer": 100,
    "Walker2d": 4000,
}
"""What an expert returns at least."""


def small() -> Expert:
    """Make an expert for a pendulum whose weights are drawn."""
    card = ExpertCard(
        env="prefgym/InvertedPendulum-v0", level="expert", agent="ppo", steps=1, command="", date="2026-01-01",
        action_low=(-3.0,), action_high=(3.0,), obs_dim=4, activation="tanh", hidden=(8,), value_hidden=(6,), gamma=0.9,
        value_rmse=0.0, value_std=0.0,
        returns=Measured(episodes=1, mean=0.0, std=0.0, few=1, few_low=0.0, few_high=0.0),
    )  # fmt: skip
    return Expert(card)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name.startswith(QUICK) else pytest.mark.slow) for name in SHIPPED]
)
def test_an_expert_returns_what_its_card_says(name: str) -> None:
    """The mean of ten other episodes lies where the card predicts it."""
    task, _, level = name.partition("-v0-")
    told = load_expert(f"prefgym/{task}-v0", level)  # pyright: ignore[reportArgumentType]
    few = told.card.returns.few
    measured = evaluate(told, make_evaluation_env(told.card.env, few, 1), seed=20_000).mean
    assert told.card.returns.few_low <= measured <= told.card.returns.few_high
    assert (FOLDER / f"{name}.safetensors").stat().st_size < 1_000_000


def test_experts_are_as_good_as_promised() -> None:
    """And a medium policy has about half of the return, or half of the costs above those of the expert."""
    for task, least in LEAST.items():
        told = {level: load_expert(f"prefgym/{task}-v0", level).card.returns.mean for level in LEVELS}
        assert told["expert"] >= least
        assert told["medium"] < told["expert"], task
        if told["expert"] > 0 and "Pendulum" not in task:  # pendulums fall or stand: nothing lies half way
            assert 0.4 <= told["medium"] / told["expert"] <= 0.7, task


def test_values_say_more_than_a_constant() -> None:
    """Where states differ in what they are worth, V explains most of it."""
    for name in SHIPPED:
        card = json.loads((FOLDER / f"{name}.json").read_text())
        assert card["value_rmse"] < card["value_std"] or card["value_std"] < 0.01 * abs(card["returns"]["mean"]), name


def test_a_horizon_is_where_little_is_left() -> None:
    """gamma^H < 0.01 <= gamma^(H - 1); nothing counts but the first step if gamma is 0."""
    for gamma, horizon in ((0.0, 1), (0.05, 2), (0.9, 44), (0.98, 228), (0.99, 459)):
        made = small()
        made.card = replace(made.card, gamma=gamma)
        assert made.horizon == horizon
        assert gamma**horizon < 0.01
        assert gamma == 0 or gamma ** (horizon - 1) >= 0.01


def test_a_policy_is_what_its_networks_say() -> None:
    """Normalised observations, one layer of tanh, cut off at the bounds; V and Q - V by their own networks."""
    made = small()
    made.obs_norm.update(torch.tensor([[1.0, 2.0, 3.0, 4.0], [3.0, 2.0, 1.0, 8.0]]))
    obs = torch.tensor([[0.0, 1.0, -1.0, 2.0], [900.0, -900.0, 900.0, 900.0]])
    x = ((obs - torch.tensor([2.0, 2.0, 2.0, 6.0])) / torch.tensor([1.0, 1e-4, 1.0, 2.0])).clamp(-10, 10)
    weights = made.state_dict()
    hidden = torch.tanh(x @ weights["actor.0.weight"].T + weights["actor.0.bias"])
    action = (hidden @ weights["actor.2.weight"].T + weights["actor.2.bias"]).clamp(-3, 3)
    chosen, _ = made.predict(obs.numpy())
    np.testing.assert_allclose(chosen, action.numpy(), rtol=1e-4, atol=1e-5)

    def net(name: str, inputs: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(inputs @ weights[f"{name}.0.weight"].T + weights[f"{name}.0.bias"])
        return (hidden @ weights[f"{name}.2.weight"].T + weights[f"{name}.2.bias"]).squeeze(-1)

    value = net("v", x)
    torch.testing.assert_close(made.value(obs), value, rtol=1e-4, atol=1e-5)
    both = value + net("advantage", torch.cat([x, action], -1))
    torch.testing.assert_close(made.action_value(obs, action), both, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="acts without noise"):
        made.predict(obs.numpy(), deterministic=False)


def test_a_file_comes_back(tmp_path: Path) -> None:
    """With its card; both files are needed, and each is checked."""
    made, path = small(), tmp_path / "mine-v0-expert"
    made.save(path)
    back = Expert.load(path, "prefgym/InvertedPendulum-v0")
    assert back.card == made.card
    obs = np.ones((1, 4), np.float32)
    assert np.array_equal(back.predict(obs)[0], made.predict(obs)[0])
    with pytest.raises(UserError, match=r"is an expert for prefgym/InvertedPendulum-v0, not for prefgym/Hopper-v0"):
        Expert.load(path, "prefgym/Hopper-v0")
    with pytest.raises(UserError, match=r"is an expert for prefgym/InvertedPendulum-v0, not for .*-v1"):
        Expert.load(path, "prefgym/InvertedPendulum-v1")
    weights, card = (path.with_name(f"{path.name}.{end}") for end in ("safetensors", "json"))
    whole, told = card.read_text(), read_sealed_json(card)
    for change, sentence in (
        ({"obs_dim": 5}, "is no expert of this version of prefgym: .*size mismatch"),
        ({"gamma": 1.0}, "gamma must be between 0 and 0.999, not 1.0"),
        ({"gamma": "0.9"}, "is no expert of this version of prefgym"),
        ({"activation": "step"}, "is no expert of this version of prefgym"),
        ({"gammas": 0.9}, "gammas is missing or unknown in its card"),
    ):
        write_sealed_json(card, {**told, **change})
        with pytest.raises(UserError, match=sentence) as error:
            Expert.load(path)
        assert len(str(error.value).splitlines()) == 1
    card.write_text(whole.replace("0.9", "0.8"))
    with pytest.raises(UserError, match="is damaged"):
        Expert.load(path)
    card.write_text(whole)
    assert Expert.load(weights).card == Expert.load(card).card == made.card
    flipped = bytearray(weights.read_bytes())
    flipped[-1] ^= 1
    weights.write_bytes(flipped)
    with pytest.raises(UserError, match=r"safetensors is damaged"):
        Expert.load(path)
    weights.unlink()
    with pytest.raises(UserError, match=r"safetensors is missing"):
        Expert.load(path)


def test_an_expert_is_loaded_by_its_task(capsys: pytest.CaptureFixture[str]) -> None:
    """In Python and on the command line; a task without one is told which there are."""
    assert expert("prefgym/InvertedPendulum-v0").card.returns.mean == 1000
    with pytest.raises(UserError, match=r"no expert for prefgym/Delivery-v0; there are .*prefgym/Hopper-v0"):
        expert("prefgym/Delivery-v0")
    for policy, code, told in (
        ("expert:prefgym/InvertedPendulum-v0", 0, "true return 1000.0 ± 0.0, 0 of 2 end early"),
        ("medium:prefgym/Hopper-v1", 2, "There is no medium for prefgym/Hopper-v1; there are experts for"),
        ("expert:Pendulum-v1", 2, "There is no expert for Pendulum-v1"),
    ):
        assert command("evaluate", policy, "--episodes", "2") == code
        out = capsys.readouterr()
        assert told in out.out + out.err


def test_the_table_of_experts_is_what_the_cards_say() -> None:
    """That in docs/experts.md."""
    assert table(FOLDER) in (FOLDER.parents[1] / "docs" / "experts.md").read_text()


def test_there_are_two_files_for_each_level() -> None:
    """Of each task that there is an expert for."""
    wanted = {f"{task}-v0-{level}" for task in LEAST for level in LEVELS}
    assert wanted == set(SHIPPED) == {file.stem for file in FOLDER.glob("*.safetensors")}
