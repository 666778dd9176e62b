"""People who answer through the store while a run trains: what they say is used as it is, from the step it arrives."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from commands import TINY
from commands import run as command_run
from people import People, Person, by_height, open_store
from tiny import tiny_run

import prefgym
from prefgym.common.errors import UserError
from prefgym.common.states import State
from prefgym.core.capabilities import Capability
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.raters.human import HumanRaterCfg
from prefgym.runs.answer_log import AnswerLog
from prefgym.runs.metrics import read_metrics
from prefgym.store.store import Store
from prefgym.training.budget import ScheduleCfg
from prefgym.training.callbacks import Callback
from prefgym.training.config import CheckpointCfg
from prefgym.training.loop import Loop
from prefgym.training.parts import Metrics
from prefgym.training.people import waiting_line
from prefgym.training.run import Run


class Delayed:
    """A scripted rater whose answers come at the next call of `collect`, by the rule of the scripted person."""

    def __init__(self) -> None:
        self._asked: list[Queries] = []
        self._due: list[Queries] = []

    def submit(self, queries: Queries) -> None:
        """Take queries."""
        self._asked.append(queries)

    def collect(self) -> Preferences | None:
        """Return the answers to what was submitted before the last call."""
        due, self._due, self._asked = self._due, self._asked, []
        if not due:
            return None
        queries = Queries.cat(due)
        best = queries.options.obs[..., 1].mean(-1).argmax(-1)
        return Preferences.of(queries, Comparison.of(best, 2), RaterInfo(name="delayed"))

    def state_dict(self) -> State:
        """Return nothing: no run of it resumes."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take nothing."""


def human(**settings: object) -> HumanRaterCfg:
    """Configure a rater of people without a page."""
    return prefgym.raters.cfg("human", serve=False, **settings)


def long_run(out: str, **changes: object) -> Run:
    """Train for 1600 steps: eight rollouts, four sessions, a checkpoint each 400 steps."""
    schedule = ScheduleCfg(num_sessions=4, first=0.1, last=0.6, spacing=1.0)
    settings = {"steps": 1600, "budget": 12, "schedule": schedule, "checkpoint": CheckpointCfg(every=400)}
    return tiny_run(out=out, report=False, **{**settings, **changes})


def policy_of(run: Run) -> bytes:
    """Return the weights of the last policy."""
    return (run.path / "checkpoints/final/policy.safetensors").read_bytes()


def told(run: Run) -> list[dict[str, float | None]]:
    """Return the log without readings of the clock, and without the sides of options, which are shuffled for people."""
    clocks, sides = {"time/time_elapsed", "time/fps"}, {"health/first_share", "health/first_deviations"}
    rows = read_metrics(run.path / "metrics.jsonl")
    return [{name: row[name] for name in row.keys() - clocks - sides} for row in rows]


class Answering:
    """Ann, who answers what waits after each step."""

    def __init__(self) -> None:
        self.ann: Person | None = None

    def __call__(self, store: Store, study: str, steps: int) -> None:
        """Answer."""
        self.ann = self.ann or Person(store, study, by_height)
        self.ann.answer(100)


def test_the_same_as_a_scripted_rater(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """That gives the same answers at the same steps: same policy and metrics, to the last bit."""
    scripted = long_run("scripted", rater=Delayed())
    people = long_run("people", rater=human(), callbacks=[People(Answering())])
    assert people.result.num_answered == scripted.result.num_answered == 12
    assert policy_of(people) == policy_of(scripted)
    assert told(people) == told(scripted)


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """The run goes on, explores, and says so."""
    run = tiny_run(rater=human(), report=False, out="run")
    error = capsys.readouterr().err
    assert "at most 10 answers (about 40 seconds of people at 4 s an answer)" in error
    assert "people answer with: prefgym label --while run" in error
    assert "warning: none of 10 queries has been answered: 0 came back without an answer, and 10 did not" in error
    assert "10 of 10 queries have no answer yet: --rater.wait-first N or --rater.block has sessions wait" in error
    assert run.result.steps == 600 and run.result.num_answered == 0
    assert not any(name.startswith("train/") for row in told(run) for name in row)


class Saved(Callback):
    """Copies the run folder at a step, as it would be if the run were killed there."""

    def __init__(self, at: int, into: Path) -> None:
        self.at, self.into = at, into

    def on_step(self, loop: Loop, metrics: Metrics) -> None:
        """Copy."""
        if loop.steps == self.at:
            shutil.copytree(loop.run.path, self.into)


class Script:
    """Ann answers a question after each step, and thinks better of one of them.

    Args:
        first: The first step after which she acts: before, she did so in a run that was killed.
    """

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.ann: Person | None = None

    def __call__(self, store: Store, study: str, steps: int) -> None:
        """Answer one, and from step 1000 on take back the last one but one."""
        self.ann = self.ann or Person(store, study, by_height, name="ann" if not self.first else "bo")
        if steps < self.first:
            return
        self.ann.answer(1)
        if steps == 1000:
            self.ann.say(self.ann.answered[-2], "amend", {"choice": "tie"})


def test_a_killed_run_uses_answers_at_the_same_steps(tmp_path: Path) -> None:
    """It resumes at step 800, and what it had used at step 1000 counts from there, though it was changed since."""
    whole = long_run("whole", rater=human(), callbacks=[People(Script()), Saved(1000, tmp_path / "killed")])
    killed = Run(tmp_path / "killed").resume(callbacks=[People(Script(first=1200))])
    logs = [AnswerLog(run.path / "preferences/answers.sqlite").read() for run in (whole, killed)]
    used = [[(row.query_id, row.statement, row.revision, row.used_at) for row in log] for log in logs]
    assert used[0] == used[1] and len({row[3] for row in used[0]}) > 5
    assert any(row[2] == 1 for row in used[0])
    assert policy_of(whole) == policy_of(killed)
    assert told(whole) == told(killed)


def test_the_first_sessions_wait(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """For 7 answers: the first session for all of its 5, the second one for 2."""
    people: list[Person] = []

    def answer_one(seconds: float) -> None:
        del seconds
        people[0].answer(1)

    def meet(store: Store, study: str) -> None:
        people.append(Person(store, study, by_height))

    monkeypatch.setattr("prefgym.training.sessions.time.sleep", answer_one)
    run = tiny_run(rater=human(wait_first=7), report=False, out="run", callbacks=[Meeting(meet)])
    log = AnswerLog(run.path / "preferences/answers.sqlite").read()
    assert [row.used_at for row in log] == [200] * 5 + [600] * 2
    assert "waiting for 5 answers, until there are 7 of the whole run" in capsys.readouterr().err


def test_each_session_waits(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    people: list[Person] = []
    monkeypatch.setattr("prefgym.training.sessions.time.sleep", lambda seconds: people[0].answer(1))
    meeting = Meeting(lambda store, study: people.append(Person(store, study, by_height)))
    run = tiny_run(rater=human(block=True), report=False, out="run", callbacks=[meeting])
    log = AnswerLog(run.path / "preferences/answers.sqlite").read()
    assert [row.used_at for row in log] == [200] * 5 + [600] * 5
    assert "waiting for 5 answers\n" in capsys.readouterr().err


def test_each_session_waits_for_everybody_who_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the two answers all questions before the other begins."""
    people: list[Person] = []

    turns: list[int] = []

    def answer(seconds: float) -> None:
        del seconds
        people[len(turns) % 2].answer(5)
        turns.append(len(turns))

    monkeypatch.setattr("prefgym.training.sessions.time.sleep", answer)
    meeting = Meeting(lambda store, study: people.extend(Person(store, study, by_height) for _ in range(2)))
    run = tiny_run(rater=human(block=True, overlap=2), report=False, out="run", callbacks=[meeting])
    log = AnswerLog(run.path / "preferences/answers.sqlite").read()
    assert [row.used_at for row in log] == [200] * 10 + [600] * 10


class Meeting(Callback):
    """Lets somebody in before the first step."""

    def __init__(self, meet: object) -> None:
        self.meet = meet

    def on_start(self, loop: Loop) -> None:
        """Open the store for them."""
        self.store, study = open_store(loop.run.path)
        self.meet(self.store, study)  # type: ignore[operator]

    def on_end(self, loop: Loop) -> None:
        """Close it."""
        self.store.close()


class Counts(Callback):
    """Counts the answers that stand, after each step."""

    def __init__(self) -> None:
        self.standing: dict[int, int] = {}

    def on_step(self, loop: Loop, metrics: Metrics) -> None:
        """Count."""
        everything: Feedback | None = loop.source.history.everything  # type: ignore[attr-defined]
        self.standing[loop.steps] = 0 if everything is None else everything.num_answered


def test_somebody_is_excluded_during_a_run() -> None:
    """Their answers stop counting at the next session, and count again after they are reinstated; the log says both."""
    people: dict[str, Person] = {}

    def act(store: Store, study: str, steps: int) -> None:
        if not people:
            people["ann"], people["bo"] = (Person(store, study, by_height, name=name) for name in ("ann", "bo"))
        if steps == 200:
            people["ann"].answer(2)
            people["bo"].answer(1)
        if steps in (600, 1000):
            store.exclude(people["ann"].rater.id, steps == 600, by="admin")

    counts = Counts()
    run = long_run("run", rater=human(), callbacks=[People(act), counts])
    assert counts.standing == {200: 0, 400: 3, 600: 3, 800: 1, 1000: 1, 1200: 3, 1400: 3, 1600: 3}
    log = AnswerLog(run.path / "preferences/answers.sqlite").read()
    assert [(row.used_at, row.revision, row.status) for row in log if "ann" in row.rater] == [
        *[(400, 0, "answered")] * 2, *[(800, 1, "failed")] * 2, *[(1200, 2, "answered")] * 2,
    ]  # fmt: skip
    with Store.open(str(run.path / "labels.sqlite")) as store:
        types = [event.type for event in store.log(store.studies()[0].id)]
    assert types.count("exclude") == types.count("reinstate") == 1


def test_somebody_withdraws_during_a_run() -> None:
    """The store forgets what they said, the fit does without it, and the run log that has it is named."""
    people: dict[str, Person] = {}

    def act(store: Store, study: str, steps: int) -> None:
        if not people:
            people["ann"] = Person(store, study, by_height)
        if steps == 200:
            people["ann"].answer(2)
        if steps == 600:
            store.withdraw(people["ann"].rater.id)

    counts = Counts()
    run = long_run("run", rater=human(), callbacks=[People(act), counts])
    assert counts.standing[600] == 2 and counts.standing[800] == counts.standing[1600] == 0
    with Store.open(str(run.path / "labels.sqlite")) as store:
        study = store.studies()[0].id
        assert [answer.statement for answer in store.answers(study)] == [{}, {}]
        assert [(one.withdrawn, one.num_answers) for one in store.progress(study).raters] == [(True, 2)]
    assert len(AnswerLog(run.path / "preferences/answers.sqlite").read()) == 4


def test_two_people_are_known_by_name() -> None:
    """Each question is answered by both, and the fit gets both answers."""
    people: list[Person] = []

    def act(store: Store, study: str, steps: int) -> None:
        if not people:
            people.extend(Person(store, study, by_height, name=name) for name in ("ann", "bo"))
        for person in people:
            person.answer(100)

    run = tiny_run(rater=human(overlap=2), report=False, out="run", callbacks=[People(act)])
    part = (run.preferences or pytest.fail("no answers")).only
    assert {info.name for info in part.raters} == {"ann", "bo"} and len(part) == 10
    assert sorted(part.query_id.tolist()) == sorted([*range(5)] * 2)
    assert run.result.num_answered == 5


def test_majorities_train() -> None:
    people: list[Person] = []

    def act(store: Store, study: str, steps: int) -> None:
        if not people:
            people.extend(Person(store, study, by_height, name=name) for name in ("ann", "bo", "cy"))
        for person in people:
            person.answer(100)

    run = tiny_run(rater=human(overlap=3, combine="majority"), report=False, out="run", callbacks=[People(act)])
    assert run.preferences is not None and len(run.preferences) == 15  # the log has everybody's
    assert torch.isfinite(torch.tensor(run.result.mean_return))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--rater.study", "study.yaml"], "study.yaml has gold, and a training asks about its own segments"),
        (["--rater.study", "unknown.yaml"], "This is no study: "),
        (["--rater.study", "rating.yaml"], "rating.yaml asks for rating: pass --rater.gives rating."),
        (["--rater.study", "nowhere.yaml"], "nowhere.yaml"),
        (["--rater.store", "mysql://x/y"], "A question store is in SQLite or PostgreSQL, not in mysql."),
        (["--rater.combine", "gold"], "--rater.combine gold needs questions with known answers"),
        (["--rater.press-delay-s", "1", "0.5"], "the shortest delay of a press must be below the longest one"),
        (["--env", "MountainCarContinuous-v0"], "people must see what they judge"),
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], tmp_path: Path, flags: list[str], told: str) -> None:
    """One sentence, before there is a run folder."""
    for name, text in {"study": "gold: []", "unknown": "colour: red", "rating": "kind: rating"}.items():
        (tmp_path / f"{name}.yaml").write_text(f"{text}\n")
    code, _, error = command_run(capsys, "train", *TINY, "--rater", "human", "--out", "run", *flags)
    assert code == 2 and told in error.splitlines()[-1], error
    assert not Path("run").exists()


def test_rollouts_cannot_wait_for_people() -> None:
    with pytest.raises(UserError, match=r"needs a rater that answers at once, unlike --rater human\."):
        tiny_run(rater=human(), reward="win-rate", out="run")


def test_the_display_says_how_many_wait() -> None:
    """And where, once that is known; it looks again after a while."""
    rater = SimpleNamespace(capabilities=frozenset({Capability.OUTSIDE}), num_waiting=3, page="")
    now = [0.0]
    line = waiting_line(rater, clock=lambda: now[0])  # pyright: ignore[reportArgumentType]
    assert line() == "3 questions wait"
    rater.num_waiting, rater.page = 2, "http://127.0.0.1:8440/#i=x"
    assert line() == "3 questions wait"
    now[0] = 10.0
    assert line() == "2 questions wait at http://127.0.0.1:8440/#i=x"
    rater.num_waiting, now[0] = 0, 20.0
    assert line() == ""
    assert waiting_line(None)() == ""
