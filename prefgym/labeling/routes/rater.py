"""A study as its rater sees it, and a rater's decisions about taking part."""

from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel

from prefgym.labeling.access import TheDesk, TheRater, TheStore, access
from prefgym.labeling.api import api_router
from prefgym.labeling.bodies import NothingBody
from prefgym.labeling.refusals import Refusal

router = api_router("rater")


class CriterionReply(BaseModel):
    """What is asked about."""

    name: str
    text: str


class StudyReply(BaseModel):
    """The study, as its page needs it."""

    id: str
    name: str
    kind: str
    instructions: str
    consent: str
    criteria: list[CriterionReply]
    num_levels: int
    strength: bool
    camera: str
    min_watched: float
    practice: int
    has_code: bool


class ProgressReply(BaseModel):
    """How far the rater is."""

    answered: int
    """Questions that this rater has answered, practice left out."""
    total: int | None
    """After how many the study ends for this rater; null if that depends on others."""
    mine: int
    """The same as `answered`."""
    practice_left: int
    """Practice questions to come."""


class MeReply(BaseModel):
    """The rater and the study."""

    role: Literal["rater"] = "rater"
    name: str
    study: StudyReply
    consented: bool
    progress: ProgressReply
    paused: bool
    returning: bool
    """Whether the rater has answered before."""


class CodeReply(BaseModel):
    """The code that another platform wants to see at the end."""

    code: str


@router.get("/me")
@access("rater")
def me(rater: TheRater, store: TheStore) -> MeReply:
    """Tell who is logged in, in which study, and how far it is."""
    study = store.study(rater.study)
    cfg, work = study.cfg, store.work(rater.id)
    return MeReply(
        name=rater.name,
        study=StudyReply(
            id=study.id,
            name=cfg.name,
            kind=cfg.kind,
            instructions=cfg.instructions,
            consent=cfg.consent,
            criteria=[CriterionReply(name=one.name, text=one.text) for one in cfg.criteria],
            num_levels=cfg.num_levels,
            strength=cfg.strength,
            camera=cfg.camera,
            min_watched=cfg.min_watched,
            practice=cfg.practice,
            has_code=bool(cfg.completion_code),
        ),
        consented=rater.consented or not cfg.consent,
        progress=ProgressReply(answered=work.mine, total=work.total, mine=work.mine, practice_left=work.practice_left),
        paused=study.paused,
        returning=work.mine > 0,
    )


@router.post("/consent", status_code=204)
@access("rater")
def consent(body: NothingBody, rater: TheRater, store: TheStore) -> None:
    """Agree to the terms of the study; nothing is shown before."""
    del body
    store.consent(rater.id)


@router.post("/withdraw", status_code=204)
@access("rater")
def withdraw(body: NothingBody, request: Request, response: Response, rater: TheRater, desk: TheDesk) -> None:
    """Withdraw from the study: all that the store has of this rater is erased, and the login ends."""
    del body
    desk.store.withdraw(rater.id)
    desk.sessions.close(request, response, "rater")


@router.get("/completion")
@access("rater")
def completion(rater: TheRater, store: TheStore) -> CodeReply:
    """Return the completion code to a rater who is done."""
    code = store.study(rater.study).cfg.completion_code
    if not code or not store.work(rater.id).is_done:
        raise Refusal(409, "not-done", "There is no code yet: the study is not done.")
    return CodeReply(code=code)
