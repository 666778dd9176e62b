"""From recorded data to a policy; going on where a run was stopped; bad input."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run
from pole_data import DATASET, ask, learn, small
from safetensors.torch import load_file
from tiny import POLE

import prefgym
from prefgym.agents.bc import Cloning
from prefgym.common.errors import UserError
from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import evaluate
from prefgym.samplers.uniform import UniformSamplerCfg
from prefgym.training.config import OfflineCheckpointCfg, OfflineEvalCfg
from prefgym.training.load import load_policy
from prefgym.training.run import Run
from prefgym.training.stop import StoppedError

HOPPER = "prefgym/Hopper-v0"


@pytest.mark.parametrize("agent", ["cpl", "bc"])
def test_a_policy_is_trained_kept_and_measured(here: Path, agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    learn(agent, **DATASET, updates=150, out="run")
    assert capsys.readouterr().out.split(", after")[1] == " 150 updates; see run\n"
    result = json.loads((here / "run" / "result.json").read_text())
    assert (result["env"], result["agent"], result["updates"]) == (POLE, agent, 150)
    again = evaluate(load_policy(here / "run"), make_evaluation_env(POLE, 2, 1))
    assert list(again.returns) == result["returns"]
    lines = [json.loads(line) for line in (here / "run" / "metrics.jsonl").read_text().splitlines()]
    first = 60 if agent == "cpl" else 100  # where the first part ends, or a hundred updates
    assert [line["time/total_timesteps"] for line in lines] == [0, first, 150, 150]


def told(run: Path) -> tuple[Any, ...]:
    """Return what a run came to, but for clock readings."""
    clock = {"time/time_elapsed", "time/fps"}
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    weights = load_file(run / "checkpoints" / "final" / "policy.safetensors")
    return (
        [{key: value for key, value in line.items() if key not in clock} for line in metrics],
        {name: value.numpy().tobytes() for name, value in weights.items()},
    )


def test_a_run_goes_on_where_it_was_stopped(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped hard before the first checkpoint, and after it; the folder of the answers is not needed again."""
    settings: dict[str, Any] = {
        **{**DATASET, "updates": 400, "checkpoint": OfflineCheckpointCfg(every=200)},
        "eval": OfflineEvalCfg(every=200, final_episodes=2),
    }
    learn("sft", **settings, out="never")
    improve = Cloning.improve

    def until(updates: int) -> None:
        def stopping(self: Any, num_updates: int) -> dict[str, float]:  # noqa: ANN401
            if self.num_timesteps >= updates:
                raise OSError("the power is gone")
            return improve(self, num_updates)

        monkeypatch.setattr(Cloning, "improve", stopping)

    until(100)
    with pytest.raises(StoppedError):
        learn("sft", **settings, out="stopped")
    (here / "prefs").unlink()
    until(300)
    with pytest.raises(StoppedError):
        Run("stopped").resume()
    monkeypatch.setattr(Cloning, "improve", improve)
    Run("stopped").resume()
    assert told(here / "stopped") == told(here / "never")
    with pytest.raises(UserError, match="stopped has finished: prefgym train-offline --resume stopped --updates N"):
        Run("stopped").resume()


def test_a_run_is_not_gone_on_with_another_dataset(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    improve = Cloning.improve

    def stopping(self: Any, num_updates: int) -> dict[str, float]:  # noqa: ANN401
        if self.num_timesteps == 200:
            raise OSError("the power is gone")
        return improve(self, num_updates)

    monkeypatch.setattr(Cloning, "improve", stopping)
    with pytest.raises(StoppedError):
        learn("bc", **DATASET, updates=400, checkpoint=OfflineCheckpointCfg(every=100), out="run")
    (here / "data").unlink()
    write_demos(DemosCfg(env=POLE, policy=("random",), episodes=2, dataset="pole/random-v0", out=Path("data")))
    with pytest.raises(UserError, match=r"^the dataset pole/random-v0 has changed since the run began\.$"):
        Run("run").resume()


OFFLINE: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "there is nothing to learn from: give --preferences FOLDER, --dataset ID"),
    "an agent that acts": (
        {"agent": "ppo", "preferences": "prefs"},
        "agent 'ppo' acts while it learns: train it with prefgym train.",
    ),
    "no preferences": (
        {**DATASET, "agent": "cpl"},
        "agent 'cpl' cannot learn from these data: cpl learns from preferences, and there are none",
    ),
    "no folder": ({"preferences": "nowhere"}, "nowhere is not a prefgym-feedback folder"),
    "no dataset": ({**DATASET, "dataset": "no/such-v0"}, "there is no dataset no/such-v0"),
    "no id": ({"dataset": "such"}, "'such' is no id of a dataset"),
    "another task": ({"preferences": "prefs", "env": HOPPER}, "the preferences have (4, 1) numbers"),
    "no such task": (
        {"preferences": "prefs", "env": "prefgym/Hoper-v0"},
        "unknown environment 'prefgym/Hoper-v0': did you mean",
    ),
    "no such agent": ({"preferences": "prefs", "agent": "cpll"}, "unknown agent 'cpll': did you mean 'cpl'?"),
    "a folder that exists": ({"preferences": "prefs", "out": "prefs"}, "The run folder prefs exists"),
    "a device that is not there": (
        {"preferences": "prefs", "device": "nowhere"},
        "--device nowhere cannot be used here",
    ),
}


@pytest.mark.parametrize("case", OFFLINE)
@pytest.mark.usefixtures("here")
def test_what_cannot_be_learned_from_is_refused(case: str) -> None:
    settings, expected = OFFLINE[case]
    with pytest.raises(ValueError, match=re.escape(expected)):
        prefgym.train_offline(**settings)


def test_an_agent_of_recorded_data_does_not_act() -> None:
    with pytest.raises(UserError, match="agent 'cpl' learns from recorded data, and does not"):
        prefgym.train(agent="cpl")


@pytest.mark.usefixtures("here")
def test_what_is_no_run_is_not_gone_on_with() -> None:
    with pytest.raises(UserError, match="prefs is not a run folder"):
        Run("prefs")


@pytest.mark.usefixtures("here")
def test_what_is_of_another_task_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Gymnasium's pendulum has the same sizes, which alone would not tell."""
    learn("bc", **DATASET, updates=1, env="InvertedPendulum-v5", out="run")
    assert capsys.readouterr().err.splitlines() == [
        f"--preferences prefs is of {POLE}, and the policy is evaluated in InvertedPendulum-v5",
        f"--dataset pole/random-v0 is of {POLE}, and the policy is evaluated in InvertedPendulum-v5",
        "agent 'bc' learns from --dataset, and not from --preferences beside it",
    ]


def test_it_is_evaluated_when_it_is_said(here: Path) -> None:
    """Before the first of 100 updates, every 40, and at the end."""
    learn("bc", updates=100, eval=OfflineEvalCfg(every=40, episodes=1, final_episodes=2), out="run")
    lines = [json.loads(line) for line in (here / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["time/total_timesteps"] for line in lines if "eval/mean_reward" in line] == [0, 40, 80, 100]


def test_a_last_update_that_goes_wrong_is_told(here: Path) -> None:
    """Its loss was finite, and what it left behind is not."""
    with pytest.raises(UserError, match=r"^the agent's action is not finite, after 1 updates; see run/dump: "):
        learn(agent=small("sft", learning_rate=np.inf), updates=1, out="run")
    assert Run("run").result.returns == ()


def test_an_unfinished_run_says_how_to_go_on(here: Path) -> None:
    learn("bc", updates=1, out="run")
    (here / "run" / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"if it was stopped, continue with prefgym train-offline --resume run\."):
        prefgym.load_reward("run")
    with pytest.raises(UserError, match=r"run/policies/1\.json is missing"):
        load_policy("run", steps=1)
    assert isinstance(load_policy("run"), Cloning)  # that of its checkpoint


@pytest.mark.usefixtures("here")
def test_uneven_segments_are_refused_where_length_would_count() -> None:
    ask("uneven", UniformSamplerCfg(recent_steps=None, segment_length=12), queries=30)
    told = r"all segments must be of one length \(pass --sampler.no-keep-short when sampling them\)"
    with pytest.raises(UserError, match=told):
        learn("cpl", preferences="uneven", updates=1, out="run")
    learn("sft", preferences="uneven", updates=1, out="run")


def test_a_run_is_gone_on_with_the_command_that_began_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line, which has two commands that go on with runs."""
    learn("bc", updates=1, out="run")
    (here / "run" / "manifest.json").unlink()
    code, _, error = run(capsys, "train", "--resume", "run")
    assert (code, error) == (
        2,
        "prefgym: run was started with another command: prefgym train-offline --resume run.\n",
    )


def test_the_matrix_says_what_agents_learn_from(capsys: pytest.CaptureFixture[str]) -> None:
    """In what `prefgym list` prints."""
    code, output, _ = run(capsys, "list", "agents", "--matrix")
    assert code == 0
    rows = {line.split()[1]: line for line in output.splitlines() if line.startswith("│")}
    assert "train-offline" in rows["cpl"]
    assert "within bounds" in rows["cpl"]
    assert rows["ppo"].count("yes") == 2
    assert "any" in rows["ppo"]
