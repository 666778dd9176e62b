"""From a dataset to preferences to a policy; going on where a run was stopped; bad input."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from commands import run
from safetensors.torch import load_file

import prefgym
from prefgym import agents, raters
from prefgym.agents.bc import Cloning
from prefgym.common.errors import UserError
from prefgym.core.feedback import Feedback
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.data.feedback import read_feedback
from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import evaluate
from prefgym.samplers.uniform import UniformSamplerCfg
from prefgym.testing import LateRater
from prefgym.training import annotate as questions
from prefgym.training.annotate import MakePreferencesCfg, make_preferences
from prefgym.training.config import OfflineCheckpointCfg, OfflineEvalCfg
from prefgym.training.load import load_policy
from prefgym.training.run import Run
from prefgym.training.stop import StoppedError

POLE = "prefgym/InvertedPendulum-v0"
DATASET: dict[str, Any] = {"dataset": "pole/random-v0", "datasets": Path("data")}


def small(agent: str = "cpl", **changes: Any) -> Any:  # noqa: ANN401
    """Configure an agent with a small policy."""
    return agents.cfg(agent, actor=replace(agents.cfg(agent).actor, hidden=(16,)), **changes)


def learn(agent: str = "cpl", /, **changes: Any) -> Run:  # noqa: ANN401
    """Train from the preferences."""
    settings: dict[str, Any] = {"preferences": "prefs", "threads": 1, "eval": OfflineEvalCfg(final_episodes=2)}
    return prefgym.train_offline(**{"agent": small(agent), **settings, **changes})


def ask(out: Path | str = "new", sampler: UniformSamplerCfg | None = None, **changes: Any) -> Preferences:  # noqa: ANN401
    """Ask about segments of the dataset."""
    sampler = sampler or UniformSamplerCfg(recent_steps=None)
    rater: dict[str, Any] = {"rater": "oracle", "rater_cfg": raters.cfg("oracle")}
    return make_preferences(MakePreferencesCfg(**{**DATASET, **rater, **changes}, sampler=sampler, out=Path(out))).only


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Play thirty episodes of random actions, and ask 40 questions about them."""
    pytest.importorskip("minari")
    folder = tmp_path_factory.mktemp("offline")
    write_demos(DemosCfg(env=POLE, policy=("random",), episodes=30, dataset="pole/random-v0", out=folder / "data"))
    of_equal_length = UniformSamplerCfg(recent_steps=None, segment_length=4, keep_short=False)
    ask(folder / "prefs", of_equal_length, datasets=folder / "data", queries=40)
    return folder


@pytest.fixture
def here(recorded: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in a folder that has them."""
    monkeypatch.chdir(tmp_path)
    for name in ("data", "prefs"):
        (tmp_path / name).symlink_to(recorded / name)
    return tmp_path


def test_answers_are_about_segments_of_the_dataset(here: Path) -> None:
    import minari

    preferences = read_feedback(here / "prefs")
    options = preferences.queries.options
    assert options.origin is not None
    assert (options.batch_shape, options.num_steps) == ((40, 2), 4)
    assert int(options.length.min()) == 4
    episodes: list[Any] = list(minari.MinariDataset(here / "data" / "pole" / "random-v0" / "data"))
    (episode, step), shown = options.origin[0, 0].tolist(), options[0, 0]
    assert shown.action.numpy() == pytest.approx(episodes[episode].actions[step : step + 4])
    assert shown.obs.numpy() == pytest.approx(episodes[episode].observations[step : step + 5], rel=1e-6)
    assert [info.name for info in preferences.raters] == ["oracle"]


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


HOPPER = "prefgym/Hopper-v0"
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
ASKED: dict[str, tuple[Callable[[], object], str]] = {
    "answers that exist": (lambda: ask("prefs"), "prefs exists: name another folder."),
    "segments that are too long": (
        lambda: ask(sampler=UniformSamplerCfg(recent_steps=None, segment_length=2000, keep_short=False)),
        "long enough or has terminated: lower --sampler.segment-length",
    ),
    "a rater that cannot judge it": (
        lambda: ask(rater="hindsight", rater_cfg=raters.cfg("hindsight")),
        "rater 'hindsight' cannot judge prefgym/InvertedPendulum-v0: segments go on under the current policy, and",
    ),
    "no such rater": (lambda: ask(rater="orakel", rater_cfg=None), "unknown rater 'orakel': did you mean 'oracle'?"),
    "nobody who answers": (lambda: ask(rater="none", rater_cfg=None), "needs a rater"),
    "a rater of another task": (
        lambda: ask(rater="regret", rater_cfg=raters.cfg("regret"), env=HOPPER),
        "pole/random-v0 has (4, 1) numbers an observation and an action, and prefgym/Hopper-v0 (11, 3).",
    ),
    "a task that is judged in other numbers": (lambda: ask(env="CartPole-v1"), "CartPole-v1 cannot be used: "),
    "answers that cannot be written": (
        lambda: ask("data/pole/random-v0/data/main_data.hdf5/new"),
        "cannot be written: ",
    ),
}


@pytest.mark.parametrize("case", OFFLINE)
@pytest.mark.usefixtures("here")
def test_what_cannot_be_learned_from_is_refused(case: str) -> None:
    settings, expected = OFFLINE[case]
    with pytest.raises(ValueError, match=re.escape(expected)):
        prefgym.train_offline(**settings)


@pytest.mark.parametrize("case", ASKED)
def test_what_cannot_be_asked_is_refused(case: str, here: Path) -> None:
    asked, expected = ASKED[case]
    with pytest.raises(ValueError, match=re.escape(expected)):
        asked()
    assert not (here / "new").exists()


def test_an_agent_of_recorded_data_does_not_act() -> None:
    with pytest.raises(UserError, match="agent 'cpl' learns from recorded data, and does not"):
        prefgym.train(agent="cpl")


@pytest.mark.usefixtures("here")
def test_what_is_no_run_is_not_gone_on_with() -> None:
    with pytest.raises(UserError, match="prefs is not a run folder"):
        Run("prefs")


class Leaving(LateRater):
    """Goes away when some answers are there."""

    def collect(self) -> Feedback | None:
        if self.has_answered:
            raise KeyboardInterrupt
        answers = super().collect()
        self.has_answered = answers is not None
        return answers

    has_answered = False


def test_what_came_before_an_interruption_is_kept(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "make_rater", lambda *_, **__: Leaving(raters.make("oracle", seed=0)))
    with pytest.raises(KeyboardInterrupt):
        ask(queries=40)
    assert 0 < len(read_feedback(here / "new")) < 40


class Killed(BaseException):
    """The end of a process."""


def test_what_was_answered_before_a_kill_is_exported(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answers lie beside the folder that is to be written; nobody is asked again before they are in safety."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(questions, "make_rater", lambda *_, **__: Leaving(raters.make("oracle", seed=0)))
        patch.setattr(questions, "write_feedback", killed)
        ask(queries=40)
    assert not (here / "new").exists() and (here / "new.answers").is_dir()
    with pytest.raises(UserError, match=r"new\.answers has \d+ answers of a call that was killed: prefgym feedback"):
        ask(queries=40)
    assert run(capsys, "feedback", "export", "new.answers", "saved")[0] == 0
    assert 0 < len(read_feedback(here / "saved")) < 40
    shutil.rmtree(here / "new.answers")
    assert len(ask(queries=40)) == 40 and not (here / "new.answers").exists()


@pytest.mark.usefixtures("here")
def test_what_is_of_another_task_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Gymnasium's pendulum has the same sizes, which alone would not tell."""
    learn("bc", **DATASET, updates=1, env="InvertedPendulum-v5", out="run")
    assert capsys.readouterr().err.splitlines() == [
        f"--preferences prefs is of {POLE}, and the policy is evaluated in InvertedPendulum-v5",
        f"--dataset pole/random-v0 is of {POLE}, and the policy is evaluated in InvertedPendulum-v5",
        "agent 'bc' learns from --dataset, and not from --preferences beside it",
    ]


def test_raters_judge_by_the_task_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Of which the demonstrations may know nothing: a task without a reward has none, whatever they were rewarded."""
    pytest.importorskip("minari")
    write_demos(DemosCfg(env=HOPPER, policy=("random",), episodes=2, dataset="hop/a-v0", out=Path("hops")))
    asked: dict[str, Any] = {
        **{"dataset": "hop/a-v0", "datasets": Path("hops")},
        "sampler": UniformSamplerCfg(recent_steps=None, segment_length=4),
    }
    told = "--dataset hop/a-v0 is of prefgym/Hopper-v0, and the rater judges"
    with pytest.raises(UserError, match="it judges by the task reward, and this environment has none"):
        ask(**asked, env="prefgym/HopperBackflip-v0")
    assert capsys.readouterr().err == f"{told} prefgym/HopperBackflip-v0\n"
    ask(**asked, env="Hopper-v5")
    assert capsys.readouterr().err == f"{told} Hopper-v5\n"


class Asked(LateRater):
    """A rater that must not be asked."""

    def submit(self, queries: Queries) -> None:
        raise AssertionError("somebody was asked")


@pytest.mark.parametrize("what", ["rewards", "actions", "observations"])
def test_a_dataset_with_a_nan_is_refused_before_anybody_is_asked(
    what: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its episode and step are named; who clones behaviour needs no reward."""
    import h5py

    shutil.copytree(here / "data", here / "other")
    with h5py.File(here / "other" / "pole" / "random-v0" / "data" / "main_data.hdf5", "a") as file:
        cast(Any, file)["episode_1"][what][3] = np.nan
    monkeypatch.setattr(questions, "make_rater", lambda *_, **__: Asked(raters.make("oracle", seed=0)))
    told = f"the {what[:-1]} at step 3 of episode 1 is not finite"
    with pytest.raises(UserError, match=rf"^the dataset pole/random-v0 cannot be learned from: {told}\.$"):
        ask(sampler=UniformSamplerCfg(recent_steps=None, segment_length=4), datasets=Path("other"))
    assert not (here / "new").exists()
    cloning: dict[str, Any] = {**DATASET, "datasets": Path("other"), "updates": 1, "out": "run"}
    if what == "rewards":
        learn("bc", **cloning)
    else:
        with pytest.raises(UserError, match=told):
            learn("bc", **cloning)


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


def test_a_dataset_that_lost_its_file_is_told(here: Path) -> None:
    shutil.copytree(here / "data", here / "other")
    (here / "other" / "pole" / "random-v0" / "data" / "main_data.hdf5").unlink()
    with pytest.raises(UserError, match=r"^the dataset pole/random-v0 cannot be read"):
        prefgym.train_offline(agent="bc", dataset="pole/random-v0", datasets="other")


def change_metadata(folder: Path, **changes: Any) -> None:  # noqa: ANN401
    """Copy the dataset, and let it say something else of itself."""
    shutil.copytree(folder / "data", folder / "other")
    file = folder / "other" / "pole" / "random-v0" / "data" / "metadata.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_dataset_that_does_not_name_its_environment_is_told(here: Path) -> None:
    change_metadata(here, env_spec=None)
    told = r"^the dataset pole/random-v0 does not name its environment: pass --env ID\.$"
    with pytest.raises(UserError, match=told):
        prefgym.train_offline(agent="bc", dataset="pole/random-v0", datasets="other")
    with pytest.raises(UserError, match=told):
        ask(datasets=Path("other"))


def test_a_dataset_that_promises_more_episodes_than_it_has_is_told(here: Path) -> None:
    change_metadata(here, total_episodes=31)
    with pytest.raises(UserError, match=r"^the dataset pole/random-v0 cannot be learned from: "):
        prefgym.train_offline(agent="bc", dataset="pole/random-v0", datasets="other")


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
