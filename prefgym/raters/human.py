"""People as a rater: questions go into a store, and answers are taken in as they come."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from prefgym.common.errors import UserError
from prefgym.common.files import read_json, write_text
from prefgym.common.limits import Count, Natural, NonNegative, Share, Within, check
from prefgym.common.modules import what_is_missing
from prefgym.common.states import State
from prefgym.core.capabilities import Capability
from prefgym.core.feedback import Feedback
from prefgym.core.kinds import KINDS, MOST_LEVELS, Comparison, Mark, Ranking, Rating, Statement, Thumbs
from prefgym.core.packing import pack_segments, unpack_segments
from prefgym.core.preferences import BETTER, Preferences
from prefgym.core.protocols import Drawer
from prefgym.core.queries import Queries, shown_sum
from prefgym.raters.answered import Key, Shown, feedback_of_answers, key_of, kind_of

if TYPE_CHECKING:
    from prefgym.raters.asking import Asking
    from prefgym.store.store import Store


@dataclass(frozen=True, kw_only=True)
class HumanRaterCfg:
    """People who answer on a page while the training goes on.

    Raises:
        ValueError: If a value lies outside its range, or settings exclude each other.
    """

    gives: Literal["comparison", "ranking", "rating", "thumbs", "mark", "live"] = "comparison"
    """Kind of feedback: a choice, an order, a level, good or bad, a stretch that is good or bad; or `live`: people
    watch the newest segments, and press good or bad, which marks what they saw."""
    study: Path | None = None
    """Study file: instructions, questions, overlap, gold share and consent, in the place of the settings below."""
    criteria: tuple[str, ...] = (BETTER,)
    """What is asked about each query, a question for each: a name, or `name: the text of the question`."""
    overlap: Count = 1
    """People who answer each question."""
    num_levels: Annotated[int, Within(2, MOST_LEVELS)] = 5
    """Levels of a rating."""
    gold: Path | None = None
    """Feedback folder or run whose answers are known to be right: questions of it are mixed in, and say how reliable
    each person is."""
    gold_share: Share = 0.1
    """Share of the questions that are gold, if there are any."""
    combine: Literal["each", "majority", "gold"] = "each"
    """How the answers of several people to one question are fitted: each by itself, which makes a distribution; what
    most of them say; or a distribution weighted by their record on gold."""
    store: str = ""
    """Store of questions and answers: a file, or the URL of a database; default: `labels.sqlite` in the run folder."""
    wait_first: Natural = 0
    """Answers that the first sessions wait for; after these, the training never waits again."""
    block: bool = False
    """Whether each session waits until all of its questions are answered."""
    serve: bool = True
    """Whether the page is served while the training lasts; without, `prefgym label --while RUN` serves it."""
    invite: tuple[str, ...] = ()
    """Names of people; each gets a link of their own. By default, there is one link, for one person."""
    crowd: bool = False
    """Whether there is a link for any number of people."""
    host: str = "127.0.0.1"
    """Address at which the page is served."""
    port: Annotated[int, Within(0, 65_535)] | None = None
    """Port at which the page is served, 0 for any free one; default: 8440 or one of the next ones."""
    allow_remote: bool = False
    """Whether other machines may connect, which an address other than this machine's own needs."""
    press_delay_s: tuple[NonNegative, NonNegative] = (0.2, 0.8)
    """Live: shortest and longest time from what somebody reacts to until the press, in seconds."""

    def __post_init__(self) -> None:
        check(self)
        if self.press_delay_s[0] >= self.press_delay_s[1]:
            raise ValueError("the shortest delay of a press must be below the longest one")
        if self.combine == "gold" and self.gold is None:
            raise ValueError("--rater.combine gold needs questions with known answers: pass --rater.gold FOLDER")


class HumanRater:
    """People who answer while the training goes on: late, twice, or never.

    Answers are known by the numbers of their events in the store. One that supersedes another counts from the session
    that takes it in; what was taken back, or was said by somebody who is excluded, counts as no answer from then on.
    """

    gives: tuple[type[Statement], ...] = (Comparison, Ranking, Rating, Thumbs, Mark)
    """Kinds of feedback that people can give; of a rater, the one that it asks for."""
    needs_truth: ClassVar[bool] = False
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.OUTSIDE})

    def __init__(
        self,
        cfg: HumanRaterCfg | None = None,
        *,
        env_id: str = "",
        dt_s: float = 0.05,
        task_description: str = "",
        drawer: Drawer | None = None,
        recorded: Feedback | Preferences[Statement] | None = None,
    ) -> None:
        """Keep the settings; `open` opens the store.

        Args:
            cfg: Kind of feedback, study and store.
            env_id: Environment of the segments.
            dt_s: Time of a step, in seconds.
            task_description: The task in words, which people read.
            drawer: Draws segments for the page.
            recorded: Answers that are known to be right.

        Raises:
            ValueError: If nothing draws the segments.
        """
        if drawer is None:
            why = "its segments have no physics states: --recorder.frame-height 240 records pictures"
            raise ValueError(f"people must see what they judge, and {why}")
        self.cfg = cfg or HumanRaterCfg()
        self.env_id, self.dt_s, self.task_description, self.drawer = env_id, dt_s, task_description, drawer
        self.gold = None if recorded is None else Feedback.of(recorded)
        self.gives = (KINDS[kind_of(self.cfg.gives)],)
        self.page = ""
        """Address at which people answer; empty while none is served."""
        self._asking: Asking | None = None
        self._event = 0  # the last one that was taken in
        self._is_resumed = self._reads_all = False
        self._asked: list[Queries] = []
        self._shown: dict[Key, Shown] = {}
        self._records: dict[str, dict[str, int]] = {}

    # --- the store ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Check the study file, and the store that the settings name, before a run begins.

        Raises:
            UserError: If one of them is none, or a package is missing.
        """
        module = self._module
        module.study_of(self.cfg, "check", self.task_description)
        if self.cfg.store:
            module.Store.open(self.cfg.store).close()

    @property
    def _module(self) -> Any:  # noqa: ANN401 - the module of `Asking`, which takes long to import, and needs an extra
        try:
            return importlib.import_module("prefgym.raters.asking")
        except ModuleNotFoundError as error:
            missing = what_is_missing("human", "prefgym.raters.asking", error.name or "")
            raise UserError(f"rater 'human' {missing}") from error

    def open(self, url: str, note: Path) -> None:
        """Open the store, and the study of this run in it, which is made if there is none yet.

        Args:
            url: File or URL of the store.
            note: File that keeps the name of the study, so that a resumed run finds it.

        Raises:
            UserError: If the store cannot be opened, does not have the study, or the study file is none.
        """
        study = str(read_json(note).get("study", "")) if note.is_file() else None
        opened: Asking = self._module.Asking.open(self, url, study, note.parent.name)
        self._asking, self._is_resumed = opened, study is not None
        if study is None:
            write_text(note, json.dumps({"study": opened.study, "store": opened.store.url_shown}) + "\n")

    def close(self) -> None:
        """Close the store."""
        if self._asking is not None:
            self._asking.store.close()
            self._asking = None

    @property
    def asking(self) -> "Asking":
        """Return the study in the store.

        Raises:
            UserError: If it is not open.
        """
        if self._asking is None:
            raise UserError("--rater human asks people while a run trains: use it with prefgym train.")
        return self._asking

    @property
    def store(self) -> "Store":
        """Return the open store."""
        return self.asking.store

    @property
    def study(self) -> str:
        """Return the id of the study."""
        return self.asking.study

    @property
    def num_waiting(self) -> int:
        """Return how many questions wait for answers."""
        return self.asking.store.num_waiting(self.asking.study)

    # --- questions and answers ---------------------------------------------------------------------------------------

    def submit(self, queries: Queries) -> None:
        """Write the segments, as they look and as they are, and the questions about them."""
        self._remember(queries)
        self.asking.ask(queries)
        self._reads_all = self._is_resumed  # they may have been asked and answered before the run was stopped

    def collect(self) -> Feedback | None:
        """Return what was answered or changed since the last call, or None."""
        asking = self.asking
        changes = asking.store.answers(asking.study, after=0 if self._reads_all else self._event)
        self._reads_all = False
        self._event = max([self._event, *(change.event for change in changes)])
        known = [one for one in changes if key_of(one) in self._shown and not (one.gold or one.practice)]
        if self.gold is not None and known:
            self._records = asking.gold_records()
        return feedback_of_answers(known, self._shown, asking.reading, self._records)

    def _remember(self, queries: Queries) -> None:
        self._asked.append(queries)
        for row in range(len(queries)):
            options = queries.options[row]
            number = int(queries.query_id[row])
            shown = Shown(options=options, query_id=number, asked_at=int(queries.asked_at[row]))
            self._shown[number, shown_sum(options)] = shown

    def state_dict(self) -> State:
        """Return the state to resume from: the queries so far, and which answers were taken in."""
        asked = {
            str(number): {
                "options": pack_segments(queries.options),
                "query_id": queries.query_id,
                "asked_at": queries.asked_at,
            }
            for number, queries in enumerate(self._asked)
        }
        return {"event": self._event, "asked": asked}

    def load_state_dict(self, state: State) -> None:
        """Restore the state that `state_dict` returned."""
        self._event = state["event"]
        self._asked, self._shown = [], {}
        for asked in state["asked"].values():
            options = unpack_segments(asked["options"])
            self._remember(Queries(options=options, query_id=asked["query_id"], asked_at=asked["asked_at"]))
