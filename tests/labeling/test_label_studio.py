"""Tasks for Label Studio out, and its annotations in."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import av
import pytest
import torch
from commands import run

import prefgym
from prefgym.core.kinds import Comparison, Rating, Statement, Thumbs, status_of
from prefgym.core.preferences import Preferences, RaterInfo
from prefgym.core.queries import Queries
from prefgym.core.segments import Segments
from prefgym.data.feedback import Card, write_feedback

NUM = 6
NOTHING = torch.zeros(NUM, dtype=torch.bool)


def shown(num_options: int) -> Queries:
    """Make queries with pictures: the option k of query i is as bright as 30 i + 15 k."""
    batch = (NUM, num_options)
    brightness = 30 * torch.arange(NUM)[:, None] + 15 * torch.arange(num_options)
    options = Segments(
        obs=torch.arange(NUM * num_options * 8.0).reshape(*batch, 4, 2),
        action=torch.zeros(*batch, 3, 1),
        length=torch.full(batch, 3),
        terminated=torch.zeros(batch, dtype=torch.bool),
        truncated=torch.zeros(batch, dtype=torch.bool),
        frames=brightness[..., None, None, None, None].expand(*batch, 3, 16, 24, 3).to(torch.uint8).contiguous(),
    )
    return Queries.of(options, first_id=40)


STATED: dict[str, tuple[int, Statement]] = {
    "comparison": (2, Comparison.of(torch.tensor([0, 1, 0, 1, 0, 0]), 2, tie=torch.arange(NUM) == 2)),
    "rating": (1, Rating(status=status_of(NOTHING), level=torch.tensor([0, 4, 2, 1, 3, 0]), num_levels=5)),
    "thumbs": (1, Thumbs(status=status_of(NOTHING), reaction=torch.tensor([1, -1, 0, 1, -1, 0]))),
}


def exported(capsys: pytest.CaptureFixture[str], kind: str, *flags: str) -> tuple[Preferences[Statement], Any]:
    """Write feedback of a kind and its tasks; returns the feedback and the tasks."""
    num_options, answers = STATED[kind]
    feedback = Preferences[Statement].of(shown(num_options), answers, RaterInfo(name="first"))
    write_feedback(Path("before"), feedback, Card(env="none", licence="CC-BY-4.0"))
    code, output, error = run(
        capsys, "feedback", "export", "before", "tasks", "--to", "label-studio", "--instructions", "Watch both.", *flags
    )
    assert code == 0, error
    assert f"tasks: {NUM} tasks" in output
    return feedback, json.loads(Path("tasks/tasks.json").read_text())


def annotation(said: dict[str, Any] | None, by: Any, seconds: float | None = 4.25) -> dict[str, Any]:  # noqa: ANN401
    """Write an annotation as Label Studio does; None skips."""
    result = [] if said is None else [{"id": "x1", "to_name": "left", "from_name": "answer", **said}]
    return {
        "id": 7, "completed_by": by, "result": result, "was_cancelled": said is None, "ground_truth": False,
        "created_at": "2026-03-09T22:16:08.728353Z", "lead_time": seconds, "result_count": 1, "task": 1,
    }  # fmt: skip


def said(kind: str, task: Any, answers: Statement) -> dict[str, Any]:  # noqa: ANN401
    """Say in the words of Label Studio what a row states."""
    asked = task["data"]["prefgym"]
    row = asked["query"]
    if isinstance(answers, Comparison):
        place = asked["order"].index(int(answers.choice[row].argmax()))
        return {"type": "choices", "value": {"choices": ["Equal" if answers.tie[row] else ("Left", "Right")[place]]}}
    if isinstance(answers, Rating):
        return {"type": "rating", "value": {"rating": int(answers.level[row]) + 1}}
    assert isinstance(answers, Thumbs)
    words = ("Bad", "No reaction", "Good")
    return {"type": "choices", "value": {"choices": [words[int(answers.reaction[row]) + 1]]}}


def come_back(capsys: pytest.CaptureFixture[str], tasks: Any, *flags: str) -> Preferences[Statement]:  # noqa: ANN401
    """Import annotated tasks."""
    Path("export.json").write_text(json.dumps(tasks))
    code, _, error = run(
        capsys, "feedback", "import", "label-studio", "export.json", "--tasks", "tasks", "--out", "after", *flags
    )
    assert code == 0, error
    (part,) = prefgym.read_feedback("after").parts
    return part


@pytest.mark.parametrize("kind", STATED)
def test_what_goes_out_comes_back_as_the_same_answers(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    feedback, tasks = exported(capsys, kind)
    for task in tasks:
        task["annotations"] = [annotation(said(kind, task, feedback.answers), 3)]
    found = come_back(capsys, tasks)
    assert type(found.answers) is type(feedback.answers)
    for name, values in feedback.answers.tensors().items():
        torch.testing.assert_close(found.answers.tensors()[name], values, check_dtype=False)
    assert found.answers.scale == feedback.answers.scale
    torch.testing.assert_close(found.queries.options.obs, feedback.queries.options.obs)
    assert found.queries.query_id.tolist() == list(range(40, 40 + NUM))
    assert found.seconds.tolist() == [4.25] * NUM
    assert found.shown_order.tolist() == [task["data"]["prefgym"]["order"] for task in tasks]
    assert [(info.name, info.kind) for info in found.raters] == [("annotator-3", "human")]
    manifest = json.loads(Path("after/manifest.json").read_text())
    assert (manifest["licence"], manifest["instructions"]) == ("CC-BY-4.0", {"1": "Watch both."})


def test_people_skips_and_what_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _, tasks = exported(capsys, "comparison")
    left = {"type": "choices", "value": {"choices": ["Left"]}}
    ada = {"id": 1, "username": "ada", "email": "ada@example.org"}
    bob = {"id": 2, "first_name": "Bob", "last_name": "B.", "email": "bob@example.org"}
    tasks[0]["annotations"] = [annotation(left, ada), annotation(None, bob, None)]
    pairwise = {"type": "pairwise", "from_name": "pw", "value": {"selected": "right"}}
    tasks[1]["annotations"] = [
        annotation(pairwise, ada),
        annotation({"type": "choices", "value": {"choices": []}}, bob),
    ]
    two = annotation(left, {"id": 3, "email": "chen@example.org"})
    two["result"].append({"type": "pairwise", "value": {"selected": "right"}})
    tasks[2]["annotations"] = [two]
    for task in tasks[3:]:
        task["annotations"] = []
    found = come_back(capsys, tasks)
    assert isinstance(found.answers, Comparison)
    order = [task["data"]["prefgym"]["order"] for task in tasks]
    assert found.answers.status.tolist() == [0, 1, 0, 3, 3]
    assert found.answers.choice[0].argmax() == order[0][0]
    assert found.answers.choice[2].argmax() == order[1][1]
    assert [found.raters[int(k)].name for k in found.rater] == ["ada", "Bob B.", "ada", "Bob B.", "chen@example.org"]
    assert found.queries.query_id.tolist() == [40, 40, 41, 41, 42]
    assert found.seconds.tolist() == [4.25, 0.0, 4.25, 4.25, 4.25]


def test_people_can_have_pseudonyms(capsys: pytest.CaptureFixture[str]) -> None:
    feedback, tasks = exported(capsys, "thumbs")
    for row, task in enumerate(tasks):
        person = {"email": f"{'ab'[row % 2]}@example.org"}
        task["annotations"] = [annotation(said("thumbs", task, feedback.answers), person)]
    assert [info.name for info in come_back(capsys, tasks, "--pseudonyms").raters] == ["rater-1", "rater-2"]
    assert not any(b"example.org" in path.read_bytes() for path in Path("after").iterdir())


def brightness(video: bytes) -> float:
    with av.open(io.BytesIO(video), "r") as container:
        return float(next(container.decode(video=0)).to_ndarray(format="gray").mean())


def test_videos_are_those_of_the_options_in_shuffled_order(capsys: pytest.CaptureFixture[str]) -> None:
    _, tasks = exported(capsys, "comparison")
    assert len({tuple(task["data"]["prefgym"]["order"]) for task in tasks}) == 2
    for task in tasks:
        asked = task["data"]["prefgym"]
        for side, option in zip(("left", "right"), asked["order"], strict=True):
            head, _, body = task["data"][side].partition(",")
            assert head == "data:video/mp4;base64"
            assert brightness(base64.b64decode(body)) == pytest.approx(30 * asked["query"] + 15 * option, abs=4)


def test_videos_can_be_files(capsys: pytest.CaptureFixture[str]) -> None:
    _, tasks = exported(capsys, "rating", "--videos-at", "/data/local-files/?d=tasks/videos/")
    assert tasks[2]["data"]["video"] == "/data/local-files/?d=tasks/videos/2-video.mp4"
    assert brightness(Path("tasks/videos/2-video.mp4").read_bytes()) == pytest.approx(60, abs=4)


@pytest.mark.parametrize("kind", STATED)
def test_configuration_names_what_tasks_have(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, tasks = exported(capsys, kind)
    view = ElementTree.parse("tasks/labeling_config.xml").getroot()
    assert view.tag == "View"
    used = {value[1:] for one in view.iter() for value in one.attrib.values() if value.startswith("$")}
    assert all(used <= set(task["data"]) for task in tasks)
    videos = {one.get("name") for one in view.iter("Video")}
    (control,) = [one for one in view.iter() if one.tag in ("Choices", "Rating")]
    assert control.get("name") == "answer" and control.get("toName") in videos
    assert not any("frames" in name or "state" in name for task in tasks for name in task["data"])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda tasks: tasks[0].pop("annotations"), "is no list of tasks with annotations"),
        (lambda tasks: [task.update(annotations=[]) for task in tasks], "has no annotations"),
        (lambda tasks: tasks[0]["data"]["prefgym"].update(query=99), "is about other tasks than those of tasks"),
        (lambda tasks: tasks[0]["data"]["prefgym"].update(order=[0, 0]), "is about other tasks"),
        (lambda tasks: tasks[0]["data"]["prefgym"].update(criterion="faster"), "asks for 'faster'"),
        (lambda tasks: tasks[0]["data"].pop("prefgym"), "is damaged: 0.data.prefgym"),
        (lambda tasks: tasks[0]["annotations"][0].update(lead_time=-1), "is damaged: 0.annotations.0.lead_time"),
    ],
)
def test_spoilt_exports_end_in_a_sentence(
    spoil: Callable[[Any], object], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    feedback, tasks = exported(capsys, "comparison")
    for task in tasks:
        task["annotations"] = [annotation(said("comparison", task, feedback.answers), 3)]
    spoil(tasks)
    Path("export.json").write_text(json.dumps(tasks))
    code, _, error = run(
        capsys, "feedback", "import", "label-studio", "export.json", "--tasks", "tasks", "--out", "after"
    )
    assert code == 2 and sentence in error and error.count("\n") == 1, error
    assert not Path("after").exists()


def test_what_label_studio_cannot_ask_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    three = Comparison.of(torch.zeros(NUM, dtype=torch.long), 3)
    write_feedback(Path("before"), Preferences.of(shown(3), three, RaterInfo(name="a")), Card(env="none"))
    code, _, error = run(capsys, "feedback", "export", "before", "tasks", "--to", "label-studio")
    assert code == 2 and "comparisons of two, ratings or thumbs" in error
    code, _, error = run(capsys, "feedback", "export", "before", "other", "--videos-at", "/x")
    assert code == 2 and "--videos-at" in error
    assert not Path("tasks").exists()
