"""Answers of an earlier run are used again, by another agent or learner; where all is equal, the reward is."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import TINY, run
from tiny import POLE, tiny_ppo, tiny_reward, tiny_run, tiny_sampler

import prefgym
from prefgym import raters
from prefgym.common.errors import DamageError, UserError
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import Comparison, Ranking, Rating, Statement, Thumbs
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.protocols import NoSegmentError
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.raters.replay import ReplayRater, ReplayRaterCfg, num_queries, places
from prefgym.testing import example_preferences, example_segments
from prefgym.training.loop import Loop
from prefgym.training.run import Run

REWARD, POLICY = Path("checkpoints/final/reward.safetensors"), Path("checkpoints/final/policy.safetensors")


def replayed(folder: Path | str, **changes: Any) -> Run:  # noqa: ANN401
    """Train on the answers of a run."""
    return tiny_run(**{"rater": raters.cfg("replay", run=Path(folder)), "report": False, **changes})


def test_another_agent_learns_the_same_reward(finished_run: Path) -> None:
    """With the same learner and seed; with the same agent, too, it is the same run."""
    other = replayed(finished_run, agent=tiny_ppo(hidden=(4,)), out="other")
    assert (other.path / REWARD).read_bytes() == (finished_run / REWARD).read_bytes()
    assert (other.path / POLICY).read_bytes() != (finished_run / POLICY).read_bytes()
    same = replayed(finished_run, sampler=tiny_sampler(7, name="uniform"), out="same")
    assert (same.path / POLICY).read_bytes() == (finished_run / POLICY).read_bytes()
    was, now = Run(finished_run).preferences, other.preferences
    assert was is not None and now is not None
    assert torch.equal(now.queries.options.obs, was.queries.options.obs) and now.raters == was.raters
    assert torch.equal(now.answers.choice, was.answers.choice)


def test_another_learner_gets_the_same_answers(finished_run: Path, tmp_path: Path) -> None:
    """From a folder of feedback; a budget above the number of answers is lowered to it."""
    pytest.importorskip("pyarrow")
    from prefgym.data.feedback import Card, export_run

    export_run(finished_run, tmp_path / "feedback", Card(env=POLE))
    ended = replayed(tmp_path / "feedback", reward=tiny_reward(num_members=3), budget=500, out="run")
    assert (ended.result.num_asked, ended.config["budget"]) == (10, 10)
    was, now = Run(finished_run).preferences, ended.preferences
    assert was is not None and now is not None
    assert torch.equal(now.queries.options.action, was.queries.options.action)


def test_a_run_that_was_stopped_goes_on(finished_run: Path, tmp_path: Path, stopped_at: Any) -> None:  # noqa: ANN401
    """With the same bytes; not if the answers have changed."""
    source = Path(shutil.copytree(finished_run, tmp_path / "source"))
    with stopped_at(Loop, "_evaluate_last"):
        replayed(source, out="run")
    name = source / "preferences" / "preferences"
    whole = Preferences.load(name).only
    turned = replace(whole.answers, choice=whole.answers.choice.flip(-1))
    replace(whole, answers=turned).save(name)
    with pytest.raises(DamageError, match="have changed since the run began: restore its files"):
        Run("run").resume()
    whole.save(name)
    assert (Run("run").resume().path / REWARD).read_bytes() == (finished_run / REWARD).read_bytes()


def test_the_command_line_replays(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("train", *TINY, "--no-report", "--out", "run", "--rater", "replay")
    code, _, error = run(capsys, *flags)
    assert (code, "pass --rater.run RUN" in error) == (2, True)
    assert run(capsys, *flags, "--rater.run", str(finished_run), "--agent.hidden", "4")[0] == 0
    assert (Path("run") / REWARD).read_bytes() == (finished_run / REWARD).read_bytes()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"env": "prefgym/Reacher-v0"},
            r"has queries of \(4, 1\) numbers an observation and .*\(10, 2\)",
        ),
        (
            {"reward": "win-rate", "sampler": "uniform"},
            "cannot answer --reward win-rate, which has each",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], sentence: str, finished_run: Path) -> None:
    with pytest.raises(UserError, match=sentence):
        replayed(finished_run, **{"agent": tiny_ppo(), **changes})
    with pytest.raises(UserError, match="nowhere"):
        replayed("nowhere")


def test_only_recorded_queries_are_answered() -> None:
    """In their order, each once."""
    recorded = Preferences.cat([example_preferences(), example_preferences(first_id=4)])[:5]
    rater = ReplayRater(ReplayRaterCfg(), recorded=recorded)
    first = Queries.of(rater.propose(3), first_id=0, asked_at=70)
    rater.submit(first)
    answers = rater.collect()
    assert answers is not None and torch.equal(answers.answers.choice, recorded[:3].answers.choice)
    assert answers.query_id.tolist() == [0, 1, 2] and answers.queries.asked_at.tolist() == [70, 70, 70]
    with pytest.raises(ValueError, match="is asked other ones"):
        rater.submit(first)
    rest = rater.propose(3)
    assert rest.batch_shape[0] == 2
    rater.submit(Queries.of(rest, first_id=3))
    with pytest.raises(NoSegmentError, match="all 5 recorded queries were used"):
        rater.propose(1)
    with pytest.raises(ValueError, match=r"pass --rater\.run RUN"):
        prefgym.raters.make("replay")


def of_kinds(**sizes: Any) -> Feedback:  # noqa: ANN401
    """Return six queries in turn of two shapes: thumbs and ratings of one segment, comparisons and rankings of three.

    Queries 1 and 4 have a comparison by ann and a ranking by bob, and ann has changed her mind about query 4.
    """
    single, several = (example_segments(num, k, seed=k, **sizes) for num, k in ((4, 1), (2, 3)))
    answered = torch.zeros(4, dtype=torch.long)

    def part(shown: Segments, rows: list[int], ids: list[int], stated: Statement, name: str) -> Preferences[Statement]:
        queries = Queries(options=shown[rows], query_id=torch.tensor(ids), asked_at=torch.tensor(ids))
        return Preferences.of(queries, stated, RaterInfo(name=name))

    choice = Comparison.of(torch.tensor([0, 1, 2]), 3)
    choices = replace(part(several, [0, 1, 1], [1, 4, 4], choice, "ann"), revision=torch.tensor([0, 0, 1]))
    order = Ranking.of(torch.tensor([[2, 1, 0], [0, 1, 2]]))
    thumbs = Thumbs(status=answered[:2], reaction=torch.tensor([1, 0]))
    ratings = Rating(status=answered[:2], level=torch.tensor([3, 1]), num_levels=5)
    return Feedback(
        (
            choices,
            part(several, [0, 1], [1, 4], order, "bob"),
            part(single, [0, 2], [0, 3], thumbs, "ann"),
            part(single, [1, 3], [2, 5], ratings, "ann"),
        )
    )


def test_all_answers_to_a_query_are_given_with_it() -> None:
    """Queries alternate as they did; one proposal has one number of options."""
    recorded = of_kinds()
    rater = ReplayRater(ReplayRaterCfg(), recorded=recorded)
    assert rater.gives == recorded.kinds == (Comparison, Ranking, Thumbs, Rating)
    assert num_queries(recorded) == 6
    assert [place.tolist() for place in places(recorded)] == [[1, 4, 4], [1, 4], [0, 3], [2, 5]]
    shapes: list[tuple[int, ...]] = []
    answers: list[Feedback] = []
    while sum(num for num, _ in shapes) < 6:
        options = rater.propose(4)
        rater.submit(Queries.of(options, first_id=sum(num for num, _ in shapes), asked_at=70))
        shapes.append(tuple(options.batch_shape))
        answers.append(rater.collect() or pytest.fail("no answers"))
    # thumbs and ratings are of one shape: queries 2 and 3 come together
    assert shapes == [(1, 1), (1, 3), (2, 1), (1, 3), (1, 1)]
    again = {part.answers.kind: part for part in Feedback.cat(answers).parts}
    for part in recorded.parts:
        now = again[part.answers.kind]
        assert now.answers.rows() == part.answers.rows() and now.raters == part.raters
        assert torch.equal(now.queries.options.obs, part.queries.options.obs)
        assert torch.equal(now.query_id, part.query_id) and torch.equal(now.revision, part.revision)
        assert now.queries.asked_at.unique().tolist() == [70]


def test_queries_of_several_runs_may_have_one_number() -> None:
    """What they show tells them apart."""
    both = Preferences.cat([example_preferences(seed=0), example_preferences(seed=1)])
    assert num_queries(Feedback.of(both)) == 8


def test_every_kind_trains_another_run() -> None:
    """A session that is due goes on after a change of the number of options."""
    of_kinds(obs_dim=4, action_dim=1).save("recorded")
    run = replayed("recorded", budget=500, out="run")
    assert (run.result.num_asked, run.result.num_answered) == (6, 6)
    now = run.preferences or pytest.fail("no answers")
    assert {part.answers.kind: len(part) for part in now.parts} == {
        "comparison": 3, "ranking": 2, "thumbs": 2, "rating": 2,
    }  # fmt: skip
    kinds = ("comparison", "ranking", "thumbs")  # two members hold out queries 0 and 1
    assert {f"reward_model/{kind}_cross_entropy" for kind in kinds} <= {*run.metrics}
    gives = "gives comparison, ranking, thumbs, rating, and reward learner 'preference-model'"
    with pytest.raises(UserError, match=gives):
        replayed("recorded", reward=tiny_reward("preference-model"), out="other")
