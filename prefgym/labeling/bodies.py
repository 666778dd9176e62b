"""What requests hold, with the bounds of every value."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from prefgym.labeling.tidy import tidy

MOST_OPTIONS = 100
MOST_STEPS = 1_000_000
MOST_EVENTS = 50
"""Events of one request; a longer queue is sent in several."""

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""An opaque id, as the server gave it."""
Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
Token = Annotated[str, Field(min_length=8, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]
Participant = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Whole = Annotated[int, BeforeValidator(lambda value: _whole(value)), Field(strict=True)]
"""A whole number; in JSON, 5.0 is one."""
Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Step = Annotated[Whole, Field(ge=0, le=MOST_STEPS)]


class Body(BaseModel):
    """The body of a request; a name that it does not have is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class InvitationSession(Body):
    """The token of an invitation, which becomes a rater's login."""

    invitation: Token
    """From the link."""
    participant: Participant | None = None
    """Id that another platform has given the person."""


class AdminSession(Body):
    """The admin token, which becomes an admin's login."""

    admin_token: Token
    """Printed by the server when it started."""


class NothingBody(Body):
    """Nothing: an empty object."""


class AssignmentsBody(Body):
    """How many assignments are wanted, those that are still open included."""

    num: Annotated[Whole, Field(ge=1, le=10)] = 4


class LeasesBody(Body):
    """Assignments that are still being worked on."""

    assignments: Annotated[list[Id], Field(max_length=20)]


class Stretch(Body):
    """A stretch of a segment: steps from `start` up to `end`, which is not included."""

    start: Step
    end: Step
    good: Flag


class Press(Body):
    """A press while a segment was played."""

    step: Annotated[float, Field(strict=True, ge=0, le=MOST_STEPS)]
    good: Flag


class StatementBody(Body):
    """What is stated, in terms of the places on the page, from 0 on; each kind of question has its own fields."""

    choice: Annotated[Whole, Field(ge=0, le=MOST_OPTIONS)] | Literal["tie"] | None = None
    strength: Share | None = None
    rank: Annotated[list[Annotated[Whole, Field(ge=-1, le=MOST_OPTIONS)]], Field(max_length=MOST_OPTIONS)] | None = None
    level: Annotated[Whole, Field(ge=0, le=1000)] | None = None
    reaction: Literal["good", "bad", "silent"] | None = None
    stretches: Annotated[list[Stretch], Field(max_length=200)] | None = None
    presses: Annotated[list[Press], Field(max_length=1000)] | None = None
    text: Text | None = None


class EventBody(Body):
    """Something that a person did with an assignment."""

    client_id: UUID
    """Made by the page, so that an event that is sent twice is taken once."""
    assignment: Id
    type: Literal["answer", "amend", "retract", "note", "press"]
    status: Literal["answered", "skipped", "invalid", "failed"] = "answered"
    statement: StatementBody = StatementBody()
    seconds: Annotated[float, Field(strict=True, ge=0, le=1e6)] = 0.0
    """Time on the page."""
    provenance: Annotated[dict[str, Any], AfterValidator(tidy)] = Field(default_factory=dict[str, Any])
    """How it came about: order shown, camera, speed, plays; whatever the page notes."""


class PauseBody(Body):
    """Whether the study pauses."""

    paused: Flag


class ExcludeBody(Body):
    """Whether the answers of a rater are left out."""

    excluded: Flag


class InvitationBody(Body):
    """A link for a person, or for many."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    """Name of the rater; made up if there is none."""
    max_raters: Annotated[Whole, Field(ge=1, le=100_000)] | None = 1
    """How many people may use it; null for any number."""
    hours: Annotated[float, Field(strict=True, gt=0, le=24 * 366)] | None = None
    """How long it can be used; null for no end."""


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
