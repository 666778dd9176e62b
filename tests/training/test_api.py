"""The way in from Python: parts by name, configuration, class or object; what a run gives back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import TINY, command

import prefgym
from prefgym import Comparison, Preferences, Queries, RaterInfo
from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.errors import UnknownNameError, UserError
from prefgym.training.api import train_cfg
from prefgym.training.budget import ScheduleCfg
from prefgym.training.config import CheckpointCfg, EvalCfg, TrainCfg
from prefgym.training.loop import Loop
from prefgym.training.resolve import Objects

INFO = RaterInfo(name="first")
PPO = prefgym.agents.cfg("ppo", num_envs=4, num_steps=50, epochs=1, hidden=(8,))
SETTINGS: dict[str, Any] = {
    "agent": PPO,
    "reward": prefgym.rewards.cfg("ensemble", hidden=(8, 8), num_members=2),
    "sampler": prefgym.samplers.cfg("uniform", segment_length=5),
    "budget": 10,
    "steps": 600,
    "threads": 1,
    "report": False,
    "schedule": ScheduleCfg(num_sessions=2),
    "recorder": RecorderCfg(state=False),
    "checkpoint": CheckpointCfg(every=200),
    "eval": EvalCfg(every=300, episodes=1, final_episodes=2),
}
TASK = "prefgym/InvertedPendulum-v0"


def first(queries: Queries) -> Preferences:
    """Prefer the first option."""
    return Preferences.of(queries, Comparison.of(torch.zeros(len(queries), dtype=torch.long), 2), INFO)


class First:
    """Prefers the first option, and has no configuration."""

    def __call__(self, queries: Queries) -> Preferences:
        """Answer at once."""
        return first(queries)


def tiny(out: str | None, **changes: Any) -> prefgym.Run:  # noqa: ANN401
    """Train for a second."""
    return prefgym.train(TASK, out=out, **{**SETTINGS, **changes})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the policy that a plain function as rater leads to."""
    return policy(tiny(str(tmp_path_factory.mktemp("runs") / "run"), rater=first))


def policy(run: prefgym.Run) -> bytes:
    """Return the bytes of the last policy."""
    return (run.path / "checkpoints/final/policy.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("rater", "name"),
    [
        (First(), "First()"),
        (lambda queries: first(queries), "<lambda>()"),
        (First, f"{__name__}:First"),
        (f"{__name__}:first", f"{__name__}:first"),
    ],
    ids=["object", "lambda", "class", "name"],
)
def test_a_rater_is_given_in_any_form(weights: bytes, rater: object, name: str) -> None:
    """All lead to the same bytes; the configuration says where the rater is, if it can be found again."""
    run = tiny("run", rater=rater)
    assert run.config["rater"] == name
    assert policy(run) == weights


def test_configurations_names_and_flags_lead_to_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Byte by byte, and to the same `config.yaml` but for the folder and the command."""
    run = tiny("python", rater="mistake", agent=prefgym.agents.cfg("ppo", num_envs=4, num_steps=50, epochs=1))
    flags: Sequence[str] = (
        *("--rater", "mistake", "--agent.num-envs", "4", "--agent.num-steps", "50", "--agent.epochs", "1"),
        *("--reward.hidden", "8", "8", "--reward.num-members", "2", "--sampler", "uniform", "--segment-length", "5"),
        *("--budget", "10", "--steps", "600", "--threads", "1", "--no-report", "--schedule.num-sessions", "2"),
        *("--recorder.no-state", "--checkpoint.every", "200", "--eval.every", "300", "--eval.episodes", "1"),
        *("--eval.final-episodes", "2", "--env", TASK, "--out", "flags"),
    )
    assert command("train", *flags) == 0
    other = prefgym.Run("flags")
    assert policy(other) == policy(run)
    differs = ("out", "command")
    assert {k: v for k, v in other.config.items() if k not in differs} == {
        k: v for k, v in run.config.items() if k not in differs
    }


def test_a_run_gives_back_what_it_came_to() -> None:
    run = tiny("run", rater="oracle", recorder=RecorderCfg())
    later = prefgym.Run("run")  # opened again, as another program would
    assert run.result == later.result
    assert (run.result.steps, run.result.num_asked, run.result.interrupted) == (600, 10, False)
    assert run.result.mean_return == pytest.approx(np.mean(run.result.returns))
    obs = np.zeros((3, 4), np.float32)
    assert np.array_equal(
        run.policy.predict(obs, deterministic=True)[0], later.policy.predict(obs, deterministic=True)[0]
    )
    preferences = later.preferences
    assert preferences is not None and len(preferences) == 10
    options = preferences.queries.options
    assert torch.equal(run.reward.reward(options), later.reward.reward(options))
    columns = later.metrics
    assert len({len(column) for column in columns.values()}) == 1
    steps = columns["time/total_timesteps"]
    assert steps.tolist() == sorted(steps) and steps[-1] == 600
    assert np.isnan(columns["reward_model/accuracy"]).any()  # lines without a session have none
    assert later.report().is_file()


def test_a_run_that_was_stopped_is_resumed_from_python(stopped_at: Any) -> None:  # noqa: ANN401
    """It ends with the bytes of one that never was; its rater is an object, which the same program gives again."""
    whole = tiny("whole", rater=First())
    with stopped_at(Loop, "save"):
        tiny("stopped", rater=First())
    with pytest.raises(UserError, match=r"rater 'First\(\)' was an object of the program that began the run"):
        prefgym.Run("stopped").resume()
    resumed = prefgym.Run("stopped", objects=Objects(rater=First())).resume()
    assert policy(resumed) == policy(whole)
    with pytest.raises(
        UserError, match="stopped has finished: prefgym train --resume stopped --steps N gives it N more steps"
    ):
        resumed.resume()


def test_callbacks_look_on() -> None:
    seen: list[int] = []

    class Watch(prefgym.Callback):
        """Notes the steps."""

        def on_step(self, loop: Any, metrics: Any) -> None:  # noqa: ANN401
            """Note them."""
            del metrics
            seen.append(loop.steps)

    tiny("run", rater="oracle", callbacks=[Watch()])
    assert seen == [200, 400, 600]


def test_a_resolved_configuration_holds_every_setting() -> None:
    """Settings that are tuned for a task come with the name of a part, and not with its configuration."""
    by_name, by_cfg = (train_cfg("prefgym/Hopper-v0", agent=agent) for agent in ("ppo", prefgym.agents.cfg("ppo")))
    assert by_name.agent_cfg == prefgym.agents.cfg("ppo", env="prefgym/Hopper-v0")
    assert by_cfg.agent_cfg == prefgym.agents.cfg("ppo") != by_name.agent_cfg
    assert isinstance(by_name, TrainCfg) and by_name.rater_cfg == prefgym.raters.cfg("oracle")
    assert train_cfg(TASK, reward="spo").reward == "preference-model"


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"bugdet": 3}, UserError, "there is no setting 'bugdet': did you mean 'budget'?"),
        ({"budget": 0}, UserError, "budget must be 1 or more, not 0"),
        ({"rater": "orakel"}, UnknownNameError, "unknown rater 'orakel': did you mean 'oracle'?"),
        ({"agent": "spo"}, UnknownNameError, "agent 'spo' is a reward learner that goes with any agent"),
        ({"agent": "cpl"}, UserError, "agent 'cpl' learns from recorded data"),
        ({"rater": EvalCfg()}, UnknownNameError, "EvalCfg is the configuration of no rater"),
        ({"rater": 3}, ValueError, "int is no rater"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(changes: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as raised:
        tiny("run", **changes)
    assert sentence in str(raised.value)
    assert not Path("run").exists()


def test_a_configuration_holds_no_objects() -> None:
    with pytest.raises(UserError, match="pass rater as a name, a configuration or a class"):
        train_cfg(TASK, rater=First())


def test_flags_name_papers(capsys: pytest.CaptureFixture[str]) -> None:
    """`--rater bradley-terry` is partial return, and the run says so."""
    assert command("train", *TINY, "--rater", "bradley-terry", "--out", "run", "--no-report") == 0
    assert prefgym.Run("run").config["rater"] == "partial-return"


def test_two_runs_that_begin_in_one_second_have_two_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by task, rater and time, which are the same; a third process is about to make the next one."""
    monkeypatch.setattr("prefgym.runs.folder.time.strftime", lambda _: "20260101-120000")
    first = tiny(None, rater="oracle")
    Path("runs/.InvertedPendulum-v0-oracle-20260101-120000-2.part").mkdir()
    second = tiny(None, rater="oracle")
    assert [run.path.name for run in (first, second)] == [
        "InvertedPendulum-v0-oracle-20260101-120000",
        "InvertedPendulum-v0-oracle-20260101-120000-3",
    ]
    assert policy(first) == policy(second)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"backend": "gpu"}, "backend must be one of cpu, warp, not gpu"),
        ({"budget_counts": "paid"}, "budget_counts must be one of asked, answered, not paid"),
    ],
)
def test_a_word_that_is_none_of_those_meant_is_refused(setting: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        prefgym.train("prefgym/InvertedPendulum-v0", **setting)
    with pytest.raises(ValueError, match="activation must be one of tanh, relu, leaky-relu, not sigmoid"):
        prefgym.agents.cfg("ppo", activation="sigmoid")
