"""What a study asks, of whom, and how often: its configuration."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from prefgym.common.errors import UserError
from prefgym.common.schema import in_words
from prefgym.store.texts import check_line, check_text

Kind = Literal["comparison", "ranking", "rating", "thumbs", "mark", "live"]
KINDS: tuple[str, ...] = get_args(Kind)
"""What a page can ask for; `live` gives marks, from presses while a person watches."""

BETTER = "better"
MOST_LEVELS = 1000
"""As in `prefgym.core`, which imports torch: a page should not wait for that."""

MOST_OVERLAP = 1000


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """What a question is about."""

    name: str = BETTER
    """Name in files and feedback."""
    text: str = "Which one is better?"
    """The question as a person reads it."""

    def __post_init__(self) -> None:
        check_line("the name of a criterion", self.name)
        check_text("the text of a criterion", self.text)


@dataclass(frozen=True, kw_only=True)
class StudyCfg:
    """A study: questions of one kind with instructions, and the people who may answer them.

    Raises:
        UserError: If a value lies outside its limits.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    """Name, for people."""
    kind: Kind = "comparison"
    """Form of the answers."""
    instructions: str = ""
    """What a person reads before the first question."""
    consent: str = ""
    """What a person agrees to before the first question; nothing is asked for if it is empty."""
    criteria: tuple[Criterion, ...] = (Criterion(),)
    """What questions may be about."""
    num_levels: int = 5
    """Levels of a rating."""
    overlap: int = 1
    """Distinct people who answer each question."""
    gold_share: float = 0.0
    """Share of gold questions among those a person gets."""
    repeat_share: float = 0.0
    """Share of questions that a person has answered before, with the options in reversed order."""
    practice: int = 0
    """Practice questions that a person gets first."""
    budget: int | None = None
    """Most answers of all people together, practice left out."""
    strength: bool = True
    """Whether a person may say how much better an option is."""
    camera: Literal["free", "fixed"] = "free"
    """Whether a person may turn the camera."""
    min_watched: float = 0.95
    """Share of the frames of each option that must have been drawn before an answer counts."""
    lease_s: float = 300.0
    """How long a question is kept for the person who got it, in seconds."""
    completion_code: str = ""
    """Code that a person sees at the end, for a crowd platform; none if it is empty."""
    completion_answers: int = 0
    """Answers of one person after which the study ends for that person, practice left out; 0 for all there are."""
    open_ended: bool = False
    """Whether more questions may come, as from a run that trains: nobody is done before the budget is."""
    seed: int = 0
    """Seed of what is drawn for each person: the order of options, gold and repeated questions."""

    def __post_init__(self) -> None:
        check_line("the name of a study", self.name)
        for what, text in (("instructions", self.instructions), ("the consent text", self.consent)):
            check_text(what, text, empty=True)
        check_line("the completion code", self.completion_code, empty=True)
        if self.kind not in KINDS:
            raise UserError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}.")
        names = [criterion.name for criterion in self.criteria]
        if not names or len({*names}) < len(names):
            raise UserError("A study needs at least one criterion, and no two of one name.")
        limits: dict[str, tuple[float, float]] = {
            "num_levels": (2, MOST_LEVELS),
            "overlap": (1, MOST_OVERLAP),
            "gold_share": (0, 1),
            "repeat_share": (0, 1),
            "practice": (0, 1000),
            "min_watched": (0, 1),
            "lease_s": (1, 86_400),
            "completion_answers": (0, 10**9),
            "seed": (0, 2**63 - 1),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise UserError(f"{name} must lie between {low} and {high}, not {getattr(self, name)}.")
        if self.gold_share + self.repeat_share > 1:
            raise UserError("gold_share and repeat_share together must be at most 1.")
        if self.budget is not None and self.budget < 1:
            raise UserError(f"budget must be 1 or more, not {self.budget}.")
        if self.camera not in ("free", "fixed"):
            raise UserError(f"camera must be free or fixed, not {self.camera!r}.")

    def criterion(self, name: str) -> Criterion:
        """Return a criterion by name.

        Raises:
            UserError: If there is none of this name.
        """
        for criterion in self.criteria:
            if criterion.name == name:
                return criterion
        known = ", ".join(criterion.name for criterion in self.criteria)
        raise UserError(f"The study {self.name!r} has no criterion {name!r}, but {known}.")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON and YAML hold them; `of_dict` reads them."""
        return {**asdict(self), "criteria": [asdict(criterion) for criterion in self.criteria]}

    @classmethod
    def of_dict(cls, values: object) -> "StudyCfg":
        """Build a study from the content of a file.

        Raises:
            UserError: If a key is unknown, or a value is not what its field wants.
        """
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            raise UserError(f"This is no study: {in_words(error)}.") from None
