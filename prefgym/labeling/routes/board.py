"""What an admin sees: progress, raters, agreement, what is disputed, and all answers as a file."""

import time
from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response

from prefgym.labeling.access import TheStore, access
from prefgym.labeling.api import api_router
from prefgym.labeling.export import as_csv, as_jsonl
from prefgym.labeling.overview import AgreementReply, Board, DisputedReply, OverviewReply, RaterReply
from prefgym.labeling.study_choice import TheStudy

router = api_router("admin")


def board_of(request: Request, study: TheStudy, store: TheStore) -> Board:
    """Return the board of a study, which remembers what it has read."""
    boards: dict[str, Board] = request.app.state.boards
    return boards.setdefault(study.id, Board(store, study.id))


TheBoard = Annotated[Board, Depends(board_of)]


@router.get("/admin/overview")
@access("admin")
def overview(board: TheBoard) -> OverviewReply:
    """Tell how far the study is."""
    return board.overview(time.time())


@router.get("/admin/raters")
@access("admin")
def raters(board: TheBoard) -> list[RaterReply]:
    """Tell what each rater has done."""
    return board.raters(time.time())


@router.get("/admin/agreement")
@access("admin")
def agreement(board: TheBoard) -> AgreementReply:
    """Tell who agrees with whom beyond chance."""
    return board.agreement()


@router.get("/admin/disputed")
@access("admin")
def disputed(board: TheBoard, num: Annotated[int, Query(ge=1, le=100)] = 12) -> list[DisputedReply]:
    """List the questions about which people disagree, most first."""
    return board.disputed(time.time(), num)


_FILES = {"jsonl": (as_jsonl, "application/jsonl"), "csv": (as_csv, "text/csv")}


@router.get("/admin/export", response_class=Response, responses={200: {"content": {"*/*": {}}}})
@access("admin")
def export(
    study: TheStudy, store: TheStore, format: Literal["jsonl", "csv"] = "jsonl", raters: Literal["all", "good"] = "all"
) -> Response:
    """Return the answers that stand as a file, practice included; of `good` raters, those whose gold is not off."""
    write, media_type = _FILES[format]
    answers = store.answers(study.id, repeats=True)
    if raters == "good":
        board = Board(store, study.id)
        bad = {one.name for one in board.raters(time.time()) if one.gold is not None and one.gold.off}
        answers = [row for row in answers if row.rater not in bad]
    name = f"prefgym-answers.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    stands = [row for row in answers if row.status != "failed"]
    return Response(write(stands), media_type=media_type, headers=headers)
