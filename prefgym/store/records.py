"""What goes into the store and comes out of it: frozen records."""

from dataclasses import dataclass, field
from typing import Any, Literal

from prefgym.store.study import Kind, StudyCfg

Outcome = Literal["answered", "skipped", "invalid", "failed"]
"""How a question ended, as `prefgym.core.statement.Status` has it; after a retraction: failed, nothing stands."""
EventType = Literal["answer", "amend", "retract", "note", "press"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study in the store."""

    id: str
    """Opaque name."""
    name: str
    """Name, for people."""
    cfg: StudyCfg
    """What it asks."""
    created_at: float
    """Unix time, in seconds."""
    paused: bool
    """Whether no questions are given out for now."""


@dataclass(frozen=True, kw_only=True)
class NewSegment:
    """A segment, and what a page draws of it."""

    env: str
    """Environment."""
    num_steps: int
    """Steps."""
    dt_s: float
    """Time of a step, in seconds."""
    drawing: bytes
    """Poses or a clip."""
    media_type: str
    """Media type of the drawing."""
    geometry: str | None = None
    """Geometry that poses belong to, by its id."""
    content: bytes = b""
    """The packed segment itself, for training; none if it is empty."""


@dataclass(frozen=True, kw_only=True)
class ShownSegment:
    """A segment as a page gets it."""

    id: str
    """SHA-256 of drawing and content."""
    num_steps: int
    """Steps."""
    dt_s: float
    """Time of a step, in seconds."""
    geometry: str | None
    """Geometry that the poses belong to, by its id."""
    media_type: str
    """Media type of the drawing."""


@dataclass(frozen=True, kw_only=True)
class StoredSegment:
    """A segment with all that is stored of it."""

    id: str
    """SHA-256 of drawing and content."""
    env: str
    """Environment."""
    num_steps: int
    """Steps."""
    dt_s: float
    """Time of a step, in seconds."""
    geometry: str | None
    """Geometry that the poses belong to, by its id."""
    media_type: str
    """Media type of the drawing."""
    drawing: bytes
    """Poses or a clip."""
    content: bytes
    """The packed segment itself; none if it is empty."""


@dataclass(frozen=True, kw_only=True)
class NewQuestion:
    """A query with one criterion."""

    query_id: int
    """Number of the query in its run or file."""
    segments: tuple[str, ...]
    """Ids of the segments, in the order of the options."""
    criterion: str = "better"
    """Name of a criterion of the study."""
    asked_at: int = 0
    """Step of the run at which it was asked."""
    shown_sha256: str = ""
    """SHA-256 of what is shown; of the ids of the segments if it is left out."""
    gold: dict[str, Any] | None = None
    """The known answer, a statement in the order of the options; `text` may say why. None: nobody knows."""
    practice: bool = False
    """Whether it is for practice; a practice question may have a known answer."""
    priority: int = 0
    """Questions of higher priority are given out first."""


@dataclass(frozen=True, kw_only=True)
class StoredQuestion:
    """A question in the store."""

    number: int
    """Number in the store."""
    query_id: int
    """Number of the query in its run or file."""
    asked_at: int
    """Step of the run at which it was asked."""
    segments: tuple[str, ...]
    """Ids of the segments, in the order of the options."""
    criterion: str
    """Name of a criterion of the study."""
    shown_sha256: str
    """SHA-256 of what is shown."""
    gold: dict[str, Any] | None
    """The known answer, if there is one."""
    practice: bool
    """Whether it is for practice."""
    priority: int
    """Questions of higher priority are given out first."""
    num_answers: int
    """Distinct people whose answers stand; people who are excluded are left out."""


@dataclass(frozen=True, kw_only=True)
class Rater:
    """A person in a study."""

    id: str
    """Opaque name."""
    study: str
    """Id of the study."""
    name: str
    """Pseudonym, unique in the study."""
    participant: str | None = None
    """Id at a crowd platform."""
    consented: bool = False
    """Whether the person agreed to the consent text."""
    excluded: bool = False
    """Whether the answers of this person do not count for now."""
    withdrawn: bool = False
    """Whether the person took back everything."""
    is_returning: bool = False
    """Whether `join` found the person by the participant id, rather than made a new one."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A question that is leased to a rater."""

    id: str
    """Opaque name."""
    question: int
    """Number of the question."""
    kind: Kind
    """Form of the answer."""
    criterion: str
    """Name of the criterion."""
    criterion_text: str
    """The question as a person reads it."""
    segments: tuple[ShownSegment, ...]
    """Segments in the order in which they are shown."""
    shown_order: tuple[int, ...]
    """Option at each place of the page."""
    practice: bool
    """Whether it is for practice."""
    is_repeat: bool
    """Whether this person has answered it before; the page is not told."""
    lease_until: float
    """Until when it is kept for this person: Unix time, in seconds."""


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """Something that a rater did, in terms of what the page showed."""

    client_id: str
    """UUID made by the page: the same event sent twice is recorded once."""
    assignment: str
    """Id of the assignment."""
    type: EventType
    """What was done."""
    status: Outcome = "answered"
    """Outcome of an answer or an amendment."""
    statement: dict[str, Any] = field(default_factory=dict[str, Any])
    """What was stated, with places of the page in the stead of options."""
    seconds: float = 0.0
    """Time the person took, in seconds."""
    provenance: dict[str, Any] = field(default_factory=dict[str, Any])
    """How it came about: frames drawn, camera, device, sitting ..."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The store has an event."""

    event: int
    """Number of the event."""
    is_new: bool
    """Whether it was recorded now; if not, it had been before."""
    practice: bool = False
    """Whether the question is for practice."""
    is_right: bool | None = None
    """Whether a practice answer is the known one; None where nothing is known or nothing was chosen."""
    text: str = ""
    """What the known answer of a practice question says about itself."""


@dataclass(frozen=True, kw_only=True)
class OwnEvent:
    """An event as its rater gets it back, in terms of what the page showed."""

    event: int
    """Number of the event."""
    client_id: str
    """UUID made by the page."""
    assignment: str
    """Id of the assignment."""
    type: EventType
    """What was done."""
    status: Outcome
    """Outcome of an answer or an amendment."""
    statement: dict[str, Any]
    """What was stated, by places of the page."""
    seconds: float
    """Time the person took, in seconds."""
    at: float
    """When the store got it: Unix time, in seconds; only for display."""


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """What stands of a rater's answer to a question after its last change."""

    event: int
    """Number of the event that changed it last."""
    revision: int
    """0 for the first answer, one more with each change."""
    question: int
    """Number of the question."""
    query_id: int
    """Number of the query in its run or file."""
    asked_at: int
    """Step of the run at which it was asked."""
    shown_sha256: str
    """SHA-256 of what was shown."""
    criterion: str
    """Name of the criterion."""
    kind: Kind
    """Form of the statement."""
    rater: str
    """Pseudonym."""
    status: Outcome
    """Outcome; `failed` where nothing stands: taken back, excluded or withdrawn."""
    statement: dict[str, Any]
    """What was stated, with options in their own order; empty unless answered."""
    shown_order: tuple[int, ...]
    """Option at each place of the page."""
    seconds: float
    """Time the person took, in seconds."""
    at: float
    """When the store got it: Unix time, in seconds; only for display."""
    gold: bool
    """Whether the question has a known answer."""
    practice: bool
    """Whether the question is for practice."""
    is_repeat: bool
    """Whether it is a second answer, asked for to see whether the person agrees with the first one."""
    provenance: dict[str, Any]
    """How it came about."""


@dataclass(frozen=True, kw_only=True)
class StoredEvent:
    """A line of the log."""

    event: int
    """Number of the event."""
    type: str
    """What was done; besides what raters do: exclude, reinstate, withdraw."""
    rater: str
    """Pseudonym."""
    question: int | None
    """Number of the question; None for events about the rater."""
    status: str
    """Outcome of an answer or an amendment."""
    statement: dict[str, Any]
    """What was stated, by places of the page."""
    shown_order: tuple[int, ...]
    """Option at each place of the page."""
    seconds: float
    """Time the person took, in seconds."""
    at: float
    """When the store got it: Unix time, in seconds; only for display."""
    by: str
    """Who did it, if it was not the rater."""


@dataclass(frozen=True, kw_only=True)
class RaterProgress:
    """What one rater has done."""

    id: str
    """Opaque name of the rater."""
    name: str
    """Pseudonym."""
    participant: str | None
    """Id at a crowd platform."""
    excluded: bool
    """Whether the answers of this person do not count for now."""
    withdrawn: bool
    """Whether the person took back everything."""
    num_answers: int
    """Answers that stand, skips included, practice and repeats left out; of a person who withdrew, as it was then."""
    num_skipped: int
    """Skips among them."""
    median_seconds: float | None
    """Median time of an answer."""
    left_share: float | None
    """Share of choices that fell on the first place of the page, ties left out."""
    gold_right: int
    """Gold questions answered as they should be."""
    gold_asked: int
    """Gold questions answered."""
    repeats_agree: int
    """Repeated questions answered as before."""
    repeats_asked: int
    """Repeated questions answered."""
    last_seen: float | None
    """When the person last did something: Unix time, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a study is."""

    num_asked: int
    """Questions, practice and gold left out."""
    num_waiting: int
    """Questions with fewer answers than the study wants."""
    num_leased: int
    """Questions that somebody has before them now, practice left out."""
    num_answers: int
    """Answers that stand, practice, gold and repeats left out."""
    num_gold: int
    """Gold questions."""
    num_practice: int
    """Practice questions."""
    raters: tuple[RaterProgress, ...]
    """What each rater has done."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """How far a rater is."""

    mine: int
    """Questions that this rater has answered, practice left out."""
    total: int | None
    """Answers after which the study ends for this rater; None if that depends on others."""
    practice_left: int
    """Practice questions to come."""
    is_done: bool
    """Whether there is nothing more to answer for this rater now, and nothing to come back to."""


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """An invitation as an administrator sees it; its token is known to nobody but who was given it."""

    id: int
    """Number."""
    name: str | None
    """Pseudonym that whoever takes it up will have."""
    max_raters: int | None
    """How many people may take it up; None for any number."""
    num_raters: int
    """How many have."""
    created_at: float
    """Unix time, in seconds."""
    expires_at: float | None
    """Unix time, in seconds; None for never."""
