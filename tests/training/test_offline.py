"""From a dataset to preferences to a policy through the command line; going on where a run was stopped; bad input."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from commands import command, run
from safetensors.torch import load_file

from prefgym import raters
from prefgym.agents.bc import Cloning
from prefgym.core.preferences import Preferences
from prefgym.data.feedback import read_feedback
from prefgym.evaluation.envs import make_evaluation_env
from prefgym.evaluation.evaluate import evaluate
from prefgym.testing import LateRater
from prefgym.training import annotate as questions
from prefgym.training.load import load_policy

POLE = "prefgym/InvertedPendulum-v0"
DATASET = ("--dataset", "pole/random-v0", "--datasets", "data")
SMALL = ("--threads", "1", "--eval.final-episodes", "2", "--agent.actor.hidden", "16")
TRAIN = ("train-offline", "--preferences", "prefs", *SMALL)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Play thirty episodes of random actions, and ask 40 questions about them."""
    pytest.importorskip("minari")
    folder = tmp_path_factory.mktemp("offline")
    demos = ("demos", "--env", POLE, "--policy", "random", "--episodes", "30", "--dataset", "pole/random-v0")
    asked = ("--queries", "40", "--sampler.segment-length", "4", "--sampler.no-keep-short")
    data, prefs = ("--datasets", str(folder / "data")), ("--out", str(folder / "prefs"))
    for argv in (
        [*demos, "--out", str(folder / "data")],
        ["make-preferences", *DATASET[:2], *data, "--rater", "oracle", *asked, *prefs],
    ):
        assert command(*argv) == 0
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
    code, output, _ = run(capsys, *TRAIN, *DATASET, "--agent", agent, "--updates", "150", "--out", "run")
    assert (code, output.split(" after")[1]) == (0, " 150 updates; see run\n")
    result = json.loads((here / "run" / "result.json").read_text())
    assert (result["env"], result["agent"], result["updates"]) == (POLE, agent, 150)
    again = evaluate(load_policy(here / "run"), make_evaluation_env(POLE, 2, 1))
    assert list(again.returns) == result["returns"]
    lines = [json.loads(line) for line in (here / "run" / "metrics.jsonl").read_text().splitlines()]
    first = 60 if agent == "cpl" else 100  # where the first part ends, or a hundred updates
    assert [line["time/total_timesteps"] for line in lines] == [first, 150, 150]
    code, output, _ = run(capsys, "evaluate", "run", "--episodes", "1")
    assert (code, output.startswith("true return")) == (0, True)


def told(run: Path) -> tuple[Any, ...]:
    """Return what a run came to, but for clock readings."""
    clock = {"time/time_elapsed", "time/fps"}
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    weights = load_file(run / "checkpoints" / "final" / "policy.safetensors")
    return (
        [{key: value for key, value in line.items() if key not in clock} for line in metrics],
        {name: value.numpy().tobytes() for name, value in weights.items()},
    )


def test_a_run_goes_on_where_it_was_stopped(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped hard before the first checkpoint, and after it; the folder of the answers is not needed again."""
    flags = (*TRAIN, *DATASET, "--agent", "sft", "--updates", "400", "--checkpoint.every", "200", "--eval.every", "200")
    assert run(capsys, *flags, "--out", "never")[0] == 0
    improve = Cloning.improve

    def until(updates: int) -> None:
        def stopping(self: Any, num_updates: int) -> dict[str, float]:  # noqa: ANN401
            if self.num_timesteps >= updates:
                raise SystemExit(9)
            return improve(self, num_updates)

        monkeypatch.setattr(Cloning, "improve", stopping)

    until(100)
    assert run(capsys, *flags, "--out", "stopped")[0] == 9
    (here / "prefs").unlink()
    for updates in (300, None):
        if updates:
            until(updates)
        else:
            monkeypatch.setattr(Cloning, "improve", improve)
        assert run(capsys, "train-offline", "--resume", "stopped")[0] == (9 if updates else 0)
    assert told(here / "stopped") == told(here / "never")
    assert run(capsys, "train-offline", "--resume", "stopped")[2] == (
        "prefgym: stopped has finished, and cannot be resumed.\n"
    )


def test_a_run_is_not_gone_on_with_another_dataset(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = (*TRAIN, *DATASET, "--agent", "bc", "--updates", "400", "--checkpoint.every", "100", "--out", "run")
    improve = Cloning.improve

    def stopping(self: Any, num_updates: int) -> dict[str, float]:  # noqa: ANN401
        if self.num_timesteps == 200:
            raise SystemExit(9)
        return improve(self, num_updates)

    monkeypatch.setattr(Cloning, "improve", stopping)
    assert run(capsys, *flags)[0] == 9
    (here / "data").unlink()
    demos = ("demos", "--env", POLE, "--policy", "random", "--episodes", "2", "--dataset", "pole/random-v0")
    assert run(capsys, *demos, "--out", "data")[0] == 0
    code, _, error = run(capsys, "train-offline", "--resume", "run")
    assert (code, error) == (2, "prefgym: the dataset pole/random-v0 has changed since the run began.\n")


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": (("train-offline",), "there is nothing to learn from: give --preferences FOLDER, --dataset ID"),
    "an agent that acts": ((*TRAIN, "--agent", "ppo"), "acts while it learns: train it with prefgym train."),
    "an agent that does not": (("train", "--agent", "cpl"), "agent 'cpl' learns from recorded data, and does not"),
    "no preferences": (
        ("train-offline", *DATASET, "--agent", "cpl"),
        "agent 'cpl' cannot learn from these data: cpl learns from preferences, and there are none",
    ),
    "no folder": (("train-offline", "--preferences", "nowhere"), "nowhere is not a prefgym-feedback folder"),
    "no dataset": (
        ("train-offline", "--dataset", "no/such-v0", *DATASET[2:]),
        "there is no dataset no/such-v0",
    ),
    "no id": (("train-offline", "--dataset", "such"), "'such' is no id of a dataset"),
    "another task": (
        (*TRAIN, "--env", "prefgym/Hopper-v0"),
        "the preferences have (4, 1) numbers",
    ),
    "no such task": ((*TRAIN, "--env", "prefgym/Hoper-v0"), "unknown environment 'prefgym/Hoper-v0': did you mean"),
    "no such agent": ((*TRAIN, "--agent", "cpll"), "unknown agent 'cpll': did you mean 'cpl'?"),
    "a folder that exists": ((*TRAIN, "--out", "prefs"), "The run folder prefs exists"),
    "answers that exist": (("make-preferences", *DATASET, "--out", "prefs"), "prefs exists: name another folder."),
    "segments that are too long": (
        ("make-preferences", *DATASET, "--out", "new", "--sampler.segment-length", "2000", "--sampler.no-keep-short"),
        "long enough or has terminated: lower --sampler.segment-length",
    ),
    "a rater that cannot judge it": (
        ("make-preferences", *DATASET, "--out", "new", "--rater", "regret", "--rater.values", "simulation"),
        "rater 'regret' cannot judge prefgym/InvertedPendulum-v0: simulation needs recorded physics states",
    ),
    "no such rater": (
        ("make-preferences", *DATASET, "--out", "new", "--rater", "orakel"),
        "unknown rater 'orakel': did you mean 'oracle'?",
    ),
    "a device that is not there": ((*TRAIN, "--device", "nowhere"), "--device nowhere cannot be used here."),
    "nobody who answers": (("make-preferences", *DATASET, "--out", "new", "--rater", "none"), "needs a rater"),
    "a rater of another task": (
        ("make-preferences", *DATASET, "--out", "new", "--rater", "regret", "--env", "prefgym/Hopper-v0"),
        "pole/random-v0 has (4, 1) numbers an observation and an action, and prefgym/Hopper-v0 (11, 3).",
    ),
    "a task that is judged in other numbers": (
        ("make-preferences", *DATASET, "--out", "new", "--env", "CartPole-v1"),
        "CartPole-v1 cannot be used: ",
    ),
    "answers that cannot be written": (
        ("make-preferences", *DATASET, "--out", "data/pole/random-v0/data/main_data.hdf5/new"),
        "cannot be written: ",
    ),
    "resuming with the wrong command": (
        ("train", "--resume", "prefs"),
        "prefs is not a run folder",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_sentence(case: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv, expected = BAD[case]
    code, _, error = run(capsys, *argv)
    assert code == 2
    assert expected in error
    assert error.splitlines()[-1].startswith("prefgym: ")  # Gymnasium-Robotics may print a notice before that
    assert "Traceback" not in error
    assert not (here / "new").exists()


class Leaving(LateRater):
    """Goes away when some answers are there."""

    def collect(self) -> Preferences | None:
        if self.has_answered:
            raise KeyboardInterrupt
        answers = super().collect()
        self.has_answered = answers is not None
        return answers

    has_answered = False


def test_what_came_before_an_interruption_is_kept(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "make_rater", lambda *_, **__: Leaving(raters.make("oracle", seed=0)))
    code, _, error = run(capsys, "make-preferences", *DATASET, "--queries", "40", "--out", "new")
    assert (code, error) == (130, "prefgym: interrupted\n")
    assert 0 < len(read_feedback(here / "new")) < 40


def test_what_is_of_another_task_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Gymnasium's pendulum has the same sizes, which alone would not tell."""
    told = ("train-offline", "--agent", "bc", "--updates", "1", *SMALL, "--env", "InvertedPendulum-v5", "--out", "run")
    code, _, error = run(capsys, *told, *DATASET, "--preferences", "prefs")
    assert code == 0
    assert error.splitlines() == [
        f"--preferences prefs is of {POLE}, and the policy is evaluated in InvertedPendulum-v5",
        f"--dataset pole/random-v0 is of {POLE}, and the policy is evaluated in InvertedPendulum-v5",
        "agent 'bc' learns from --dataset, and not from --preferences beside it",
    ]


def test_raters_judge_by_the_task_that_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of which the demonstrations may know nothing: a task without a reward has none, whatever they were rewarded."""
    demos = ("demos", "--env", "prefgym/Hopper-v0", "--policy", "random", "--episodes", "2", "--dataset", "hop/a-v0")
    assert run(capsys, *demos, "--out", "hops")[0] == 0
    asked = ("make-preferences", "--dataset", "hop/a-v0", "--datasets", "hops", "--sampler.segment-length", "4")
    told = "--dataset hop/a-v0 is of prefgym/Hopper-v0, and the rater judges"
    code, _, error = run(capsys, *asked, "--env", "prefgym/HopperBackflip-v0", "--out", "new")
    assert (code, "it judges by the task reward, and this environment has none" in error) == (2, True)
    assert error.startswith(f"{told} prefgym/HopperBackflip-v0\n")
    code, _, error = run(capsys, *asked, "--env", "Hopper-v5", "--out", "new")
    assert (code, error) == (0, f"{told} Hopper-v5\n")


def test_a_dataset_with_a_nan_cannot_be_asked_about(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import h5py

    shutil.copytree(here / "data", here / "other")
    with h5py.File(here / "other" / "pole" / "random-v0" / "data" / "main_data.hdf5", "a") as file:
        for episode in cast(Any, file).values():
            episode["rewards"][:] = np.nan
    asked = ("make-preferences", "--dataset", "pole/random-v0", "--datasets", "other", "--out", "new")
    code, _, error = run(capsys, *asked, "--sampler.segment-length", "4")
    told = "the task reward shown to rater 'oracle' is not finite"
    assert (code, error) == (2, f"prefgym: pole/random-v0 cannot be used for queries: {told}.\n")
    assert not (here / "new").exists()


def test_it_is_evaluated_when_it_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every 40 of 100 updates, and at the end."""
    flags = (*TRAIN, "--agent", "bc", "--updates", "100", "--eval.every", "40", "--eval.episodes", "1")
    assert run(capsys, *flags, "--out", "run")[0] == 0
    lines = [json.loads(line) for line in (here / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["time/total_timesteps"] for line in lines if "eval/mean_reward" in line] == [40, 80, 100]


def test_a_last_update_that_goes_wrong_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its loss was finite, and what it left behind is not."""
    flags = (*TRAIN, "--agent", "sft", "--updates", "1", "--agent.learning-rate", "inf", "--out", "run")
    code, _, error = run(capsys, *flags)
    assert (code, error) == (2, "prefgym: the agent's action is not finite, after 1 updates; see run/dump.\n")
    assert not (here / "run" / "checkpoints" / "final").exists()


def test_a_dataset_that_lost_its_file_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(here / "data", here / "other")
    (here / "other" / "pole" / "random-v0" / "data" / "main_data.hdf5").unlink()
    code, _, error = run(capsys, "train-offline", "--dataset", "pole/random-v0", "--datasets", "other", "--agent", "bc")
    assert (code, error.count("\n")) == (2, 1)
    assert "the dataset pole/random-v0 cannot be read" in error


def change_metadata(folder: Path, **changes: Any) -> None:  # noqa: ANN401
    """Copy the dataset, and let it say something else of itself."""
    shutil.copytree(folder / "data", folder / "other")
    file = folder / "other" / "pole" / "random-v0" / "data" / "metadata.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_dataset_that_does_not_name_its_environment_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_metadata(here, env_spec=None)
    dataset = ("--dataset", "pole/random-v0", "--datasets", "other")
    for argv in (("train-offline", "--agent", "bc"), ("make-preferences", "--out", "new")):
        code, _, error = run(capsys, *argv, *dataset)
        assert code == 2
        told = "prefgym: the dataset pole/random-v0 does not name its environment: pass --env ID."
        assert error.splitlines()[-1] == told


def test_a_dataset_that_promises_more_episodes_than_it_has_is_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_metadata(here, total_episodes=31)
    code, _, error = run(capsys, "train-offline", "--dataset", "pole/random-v0", "--datasets", "other", "--agent", "bc")
    assert code == 2
    assert error.splitlines()[-1].startswith("prefgym: the dataset pole/random-v0 cannot be learned from: ")


def test_an_unfinished_run_says_how_to_go_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *TRAIN, "--agent", "bc", "--updates", "1", "--out", "run")[0] == 0
    (here / "run" / "manifest.json").unlink()
    code, _, error = run(capsys, "evaluate", "run")
    assert (code, "if it was stopped, prefgym train-offline --resume run goes on." in error) == (2, True)


def test_uneven_segments_are_refused_where_length_would_count(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("make-preferences", *DATASET, "--queries", "30", "--sampler.segment-length", "12", "--out", "uneven")
    assert run(capsys, *asked)[0] == 0
    uneven = ("train-offline", "--preferences", "uneven", "--updates", "1", *SMALL, "--out", "run")
    code, _, error = run(capsys, *uneven, "--agent", "cpl")
    assert (code, error.count("\n")) == (2, 1)
    assert "all segments must be of one length (--sampler.no-keep-short draws such)" in error
    assert run(capsys, *uneven, "--agent", "sft")[0] == 0


def test_a_run_is_gone_on_with_the_command_that_began_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *TRAIN, "--agent", "bc", "--updates", "1", "--out", "run")[0] == 0
    (here / "run" / "manifest.json").unlink()
    code, _, error = run(capsys, "train", "--resume", "run")
    assert (code, error) == (
        2,
        "prefgym: run was started with another command: prefgym train-offline --resume run.\n",
    )


def test_the_matrix_says_what_agents_learn_from(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, "list", "agents", "--matrix")
    assert code == 0
    rows = {line.split()[1]: line for line in output.splitlines() if line.startswith("│")}
    assert "train-offline" in rows["cpl"]
    assert "within bounds" in rows["cpl"]
    assert rows["ppo"].count("yes") == 2
    assert "any" in rows["ppo"]
