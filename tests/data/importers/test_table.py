"""Trajectories in one file, and a CSV of answers about them."""

import re
import runpy
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run

import prefgym
from prefgym.core.preferences import Preferences
from prefgym.training.run import Run

PLACE = np.array([[0.0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23]])
"""Where three trajectories are, of three steps each; the third one has two."""
NPZ = {"obs": PLACE[..., None], "action": PLACE[:, :-1, None] + 100}


def write_npz(**changes: Any) -> None:  # noqa: ANN401
    np.savez("arm.npz", **{name: value for name, value in {**NPZ, **changes}.items() if value is not None})


def write_csv(*lines: str) -> None:
    Path("answers.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n\r\n")  # as spreadsheets write it


def imported(capsys: pytest.CaptureFixture[str], trajectories: str = "arm.npz") -> Preferences:
    """Import both files by one command."""
    code, _, error = run(
        capsys, "feedback", "import", "table", trajectories, "answers.csv", "--out", "new", "--rater", "x"
    )
    assert code == 0, error
    return prefgym.read_feedback("new").only


def test_answers_come_in_with_their_trajectories(capsys: pytest.CaptureFixture[str]) -> None:
    write_npz(length=np.array([3, 3, 2]), terminated=np.array([True, False, True]), reward=PLACE[:, :-1] + 200)
    write_csv("first,second,choice", "0,1,second", "1,2,tie", "2,0,skipped", "1,0,failed", "0,2,invalid", "2,1,first")
    read = imported(capsys)
    assert read.answers.status.tolist() == [0, 0, 1, 2, 3, 0]
    assert read.answers.choice.tolist() == [[0, 1], [0.5, 0.5], [0, 0], [0, 0], [0, 0], [1, 0]]
    assert read.answers.tie.tolist() == [False, True, False, False, False, False]
    options = read.queries.options
    assert options.reward is not None and options.origin is not None
    assert options.obs[1, :, :, 0].tolist() == [[10, 11, 12, 13], [20, 21, 22, 0]]
    assert options.action[1, :, :, 0].tolist() == [[110, 111, 112], [120, 121, 0]]
    assert options.reward[1].tolist() == [[210, 211, 212], [220, 221, 0]]
    assert options.length[1].tolist() == [3, 2]
    assert options.terminated[:2].tolist() == [[True, False], [False, True]]
    assert options.origin[1].tolist() == [[1, 0], [2, 0]]
    assert [info.name for info in read.raters] == ["x"]


def test_several_options_steps_and_raters(capsys: pytest.CaptureFixture[str]) -> None:
    """Three options; an empty cell stands for the whole trajectory, a name that is missing, or no time."""
    write_npz(terminated=np.array([True, True, False]))
    write_csv(
        "first,second,third,first_start,first_end,second_end,choice,rater,seconds",
        "0,1,2,1,3,,third,ada,2.5",
        "2,1,0,,1,2,tie,bob,",
        "1,1,0,2,3,1,first,,0",
    )
    read = imported(capsys)
    assert read.answers.choice.tolist() == [[0, 0, 1], pytest.approx([1 / 3] * 3), [1, 0, 0]]
    assert [read.raters[int(index)].name for index in read.rater] == ["ada", "bob", "x"]
    assert {info.kind for info in read.raters} == {"human"} and read.seconds.tolist() == [2.5, 0, 0]
    options = read.queries.options
    assert options.obs[0, 0, :, 0].tolist() == [1, 2, 3, 0]
    assert options.action[0, 0, :, 0].tolist() == [101, 102, 0]
    assert options.length.tolist() == [[2, 3, 3], [1, 2, 3], [1, 1, 3]]
    assert options.terminated.tolist() == [[True, True, False], [False, False, True], [True, False, True]]
    assert options.truncated.tolist() == [[False, False, True], [False, False, False], [False, False, False]]
    assert options.obs[1, 0, :, 0].tolist() == [20, 21, 0, 0]
    assert options.reward is None


def test_as_many_observations_as_actions(capsys: pytest.CaptureFixture[str]) -> None:
    """The last action goes, and the termination after it, which nobody saw."""
    write_npz(obs=PLACE[:, :-1, None], terminated=np.array([True, True, True]))
    write_csv("first,second,choice", "0,1,first")
    options = imported(capsys).queries.options
    assert options.obs[0, :, :, 0].tolist() == [[0, 1, 2], [10, 11, 12]]
    assert options.action[0, :, :, 0].tolist() == [[100, 101], [110, 111]]
    assert options.truncated.all() and not options.terminated.any()


def write_parquet(**changes: Any) -> None:  # noqa: ANN401
    """Write two trajectories of two steps and one, a row per step; the last rows have no action."""
    columns = {
        "trajectory": [0, 0, 0, 1, 1],
        "obs": [[0.0, 9.0], [1.0, 9.0], [2.0, 9.0], [10.0, 9.0], [11.0, 9.0]],
        "action": [[100.0], [101.0], None, [110.0], None],
        "terminated": [False, True, None, False, None],
        "reward": [200.0, 201.0, None, 210.0, None],
    }
    kept = {name: value for name, value in {**columns, **changes}.items() if value is not None}
    import_module("pyarrow.parquet").write_table(import_module("pyarrow").table(kept), "arm.parquet")


def test_a_row_per_step_comes_in(capsys: pytest.CaptureFixture[str]) -> None:
    write_parquet()
    write_csv("first,second,choice", "1,0,second")
    options = imported(capsys, "arm.parquet").queries.options
    assert options.reward is not None
    assert options.obs[0].tolist() == [[[10, 9], [11, 9], [0, 0]], [[0, 9], [1, 9], [2, 9]]]
    assert options.action[0, :, :, 0].tolist() == [[110, 0], [100, 101]]
    assert options.reward[0].tolist() == [[210, 0], [200, 201]]
    assert (options.length.tolist(), options.terminated.tolist()) == ([[1, 2]], [[False, True]])


def test_a_row_per_step_with_an_action_in_each(capsys: pytest.CaptureFixture[str]) -> None:
    write_parquet(action=[[100.0], [101.0], [102.0], [110.0], [111.0]], terminated=[False, False, True, False, False])
    write_csv("first,second,choice", "1,0,second")
    options = imported(capsys, "arm.parquet").queries.options
    assert options.action[0, :, :, 0].tolist() == [[110, 0], [100, 101]]
    assert not options.terminated.any()


def test_a_robot_trains_without_an_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """What an engineer writes is five lines of NumPy; two commands follow. The policy moves as was preferred."""
    generator = np.random.default_rng(0)
    towards = np.repeat([1.0, -1.0], 20)[:, None, None] * np.array([0.8, -0.2])
    actions = towards + 0.1 * generator.normal(size=(40, 5, 2))
    np.savez("arm.npz", obs=generator.normal(size=(40, 6, 3)), action=actions)
    Path("answers.csv").write_text("first,second,choice\n" + "".join(f"{i},{i + 20},first\n" for i in range(20)))
    command = ("feedback", "import", "table", "arm.npz", "answers.csv", "--out", "answers", "--rater", "ada")
    assert run(capsys, *command)[1] == "answers: 20 queries to ada: 20 answered\n"
    command = ("train-offline", "--preferences", "answers", "--agent", "cpl", "--updates", "50", "--threads", "1")
    code, output, _ = run(capsys, *command, "--out", "run")
    assert (code, "not evaluated, after 50 updates" in output) == (0, True)
    action, _ = Run("run").policy.predict(np.zeros((4, 3), np.float32), deterministic=True)
    assert (action @ np.array([0.8, -0.2]) > 0).all()


def test_the_page_shows_what_works(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/importing.md: its program, then its commands, then the function that the second program calls."""
    page = (Path(__file__).parents[3] / "docs" / "importing.md").read_text()
    commands, robot, *_, python = re.findall(r"```(?:sh|python)\n(.*?)```", page, re.DOTALL)
    for name, program in (("robot.py", robot), ("python.py", python)):
        Path(name).write_text(program.replace('out=Path("arm")', 'out=Path("again")'))
    runpy.run_path("robot.py")
    _, import_line, train_line = commands.splitlines()
    assert run(capsys, *import_line.split()[1:])[0] == 0
    assert run(capsys, *train_line.split()[1:], "--updates", "5", "--threads", "1", "--out", "run")[0] == 0
    preferences = runpy.run_path("python.py")["preferences"]
    assert preferences.answers.tie.tolist() == prefgym.read_feedback("arm").answers.tie.tolist()
    assert preferences.answers.tie.sum() == 7  # 0, 3 ... 18


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"action": None}, "arm.npz has no array action: it has obs"),
        ({"action": np.zeros((3, 2, 1))}, "(3, 4, 1) and (3, 2, 1), expected (M, T+1, O) and (M, T, A)"),
        ({"action": np.zeros((2, 3, 1))}, "action has 2 rows, and obs 3"),
        ({"obs": np.zeros((3, 4))}, "expected (M, T+1, O) and (M, T, A)"),
        ({"length": np.array([3, 4, 1])}, "length must be whole numbers from 1 to 3"),
        ({"length": np.array([3, 0, 1])}, "length must be whole numbers from 1 to 3"),
        ({"length": np.array([3, 2, 1.0])}, "length must be whole numbers from 1 to 3"),
        ({"reward": np.zeros((3, 4))}, "terminated must have the shape (3,), and reward (3, 3)"),
        ({"terminated": np.zeros((3, 4), bool)}, "terminated must have the shape (3,), and reward (3, 3)"),
        ({"obs": np.where(PLACE == 12, np.nan, PLACE)[..., None]}, "obs of trajectory 1 is not finite"),
        ({"action": np.full((3, 3, 1), 1e300)}, "action of trajectory 0 is not finite"),
        ({"obs": PLACE[:, :-1, None], "length": np.array([3, 1, 1])}, "needs two observations and an action between"),
        ({"action": np.array([[[None]] * 3] * 3)}, "the array action does not hold plain numbers"),
    ],
)
def test_trajectories_that_do_not_fit_are_refused(
    changes: dict[str, Any], told: str, refused: Callable[..., str]
) -> None:
    write_npz(**changes)
    write_csv("first,second,choice", "0,1,second")
    assert told in refused("table", "arm.npz", "answers.csv")


def test_what_lies_past_the_end_of_a_trajectory_is_nobodys(capsys: pytest.CaptureFixture[str]) -> None:
    write_npz(length=np.array([3, 2, 3]), obs=np.where(PLACE == 13, np.nan, PLACE)[..., None])
    write_csv("first,second,choice", "0,1,second")
    assert imported(capsys).queries.options.obs[0, 1, :, 0].tolist() == [10, 11, 12, 0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"obs": None}, "arm.parquet has no column obs: it has trajectory, action"),
        ({"trajectory": [0, 0, 1, 0, 0]}, "trajectory must count from 0 on"),
        ({"trajectory": [1, 1, 1, 2, 2]}, "trajectory must count"),
        ({"action": [[1.0], None, None, [1.0], None]}, "action is missing in a row"),
        ({"obs": [[1.0], [1.0, 2.0], [1.0], [1.0], [1.0]]}, "lists have several lengths"),
        ({"obs": [[1.0], None, [1.0], [1.0], [1.0]]}, "lists have several lengths"),
        ({"obs": [1.0, 2.0, 3.0, 4.0, 5.0]}, "arm.parquet cannot be read"),
        ({"terminated": [True, False, False, False, False]}, "a trajectory goes on after it terminated"),
        ({"trajectory": [0, 0, 0, 0, 1], "action": [[1.0]] * 3 + [None] * 2, "terminated": None}, "needs two"),
    ],
)
def test_rows_that_do_not_fit_are_refused(changes: dict[str, Any], told: str, refused: Callable[..., str]) -> None:
    write_parquet(**changes)
    write_csv("first,second,choice", "0,1,second")
    assert told in refused("table", "arm.parquet", "answers.csv")
    Path("arm.parquet").write_bytes(Path("arm.parquet").read_bytes()[:-9])
    assert "arm.parquet cannot be read" in refused("table", "arm.parquet", "answers.csv")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["first,choice", "0,first"], "needs the columns first, second and choice: it has first, choice"),
        (["first,third,choice", "0,1,first"], "needs the columns first, second and choice"),
        (["first,second", "0,1"], "needs the columns first, second and choice"),
        ([""], "needs the columns first, second and choice"),
        (
            ["first,second,choice,mood", "0,1,first,good"],
            "has a column 'mood', which is none of choice, first, first_end",
        ),
        (["first,second,choice,choice", "0,1,first,tie"], "has two columns of one name"),
        (["first,second,choice"], "has 0 answers"),
        (["first,second,choice", "0,1"], "line 2 has 2 cells, and the first line 3"),
        (
            ["first,second,choice", "0,1,tie", "0,1,1"],
            "choice in line 3 is '1', expected one of first, second, tie, skipped",
        ),
        (["first,second,choice", "0,1,third"], "choice in line 2 is 'third'"),
        (["first,second,choice", "0,,tie"], "second in line 2 is '', expected a whole number"),
        (["first,second,choice", "0,-1,tie"], "second in line 2 is '-1', expected a whole number"),
        (["first,second,choice", f"0,{'9' * 50},tie"], "second in line 2 is '999"),
        (
            ["first,second,choice", "0,1,tie", "3,1,tie"],
            "line 3 is about a trajectory that there is not: the last one is 2",
        ),
        (["first,second,first_end,choice", "0,1,4,tie"], "line 2 is about steps that its trajectory does not have"),
        (["first,second,first_start,choice", "0,1,3,tie"], "line 2 is about steps that its trajectory does not have"),
        (["first,second,choice,seconds", "0,1,tie,nan"], "seconds in line 2 is 'nan', expected a number of seconds"),
        (["first,second,choice", '0,1,"tie'], "cannot be read as a CSV of answers"),
    ],
)
def test_answers_that_do_not_fit_are_refused(lines: list[str], told: str, refused: Callable[..., str]) -> None:
    write_npz()
    write_csv(*lines)
    assert told in refused("table", "arm.npz", "answers.csv")


def test_what_is_no_text_is_refused(refused: Callable[..., str]) -> None:
    write_npz()
    Path("answers.csv").write_bytes(b"first,second,choice\n\xff,1,tie\n")
    assert "answers.csv cannot be read as a CSV of answers" in refused("table", "arm.npz", "answers.csv")
    Path("answers.csv").unlink()
    Path("answers.csv").symlink_to("/dev/zero")
    assert "answers.csv cannot be read: it is a link" in refused("table", "arm.npz", "answers.csv")
