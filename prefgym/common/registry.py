"""Registries: parts by name, imported only when they are asked for."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

Part = TypeVar("Part")


class UnknownNameError(ValueError):
    """A name that is not registered, or a setting that a part does not have."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where a part and its configuration are found."""

    part: str
    """The class, as `module:Foo`."""
    cfg: str
    """What makes its default configuration: `module:FooCfg`, or `module:preset`, a function without arguments."""


class Offers(Mapping[str, Any]):
    """What may be given to a part, by name; each is made when a part takes it."""

    def __init__(self, **makers: Callable[[], Any]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401
        return self._makers[name]()

    def __contains__(self, name: object) -> bool:
        """Tell so without making it."""
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Registry(Generic[Part]):
    """Parts of one kind by name: ours, and those that other packages declare as entry points.

    A part is a pair: a frozen dataclass `FooCfg` whose fields all have defaults, and a class `Foo` that takes it first.
    Another package adds the pair `FooCfg`, `Foo` of its module by one line of its pyproject.toml:

        [project.entry-points."prefgym.raters"]
        foo = "their_package.foo:Foo"
    """

    def __init__(self, kind: str, group: str) -> None:
        """Start empty.

        Args:
            kind: What the parts are called in messages, such as `rater`.
            group: Entry-point group that other packages use.
        """
        self.kind, self.group = kind, group
        self._ours: dict[str, Entry] = {}

    def register(self, name: str, part: str, *, cfg: str | None = None) -> None:
        """Add the class `part` (`module:Foo`) under a name.

        Args:
            name: Name in the command line and in `make`.
            part: The class.
            cfg: Name in the same module of what makes its configuration; None for `FooCfg`.

        Raises:
            ValueError: If the name is taken.
        """
        if name in self._ours:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._ours[name] = _entry(part, cfg)

    def names(self) -> tuple[str, ...]:
        """List the registered names."""
        return tuple(sorted(self._ours | self._theirs))

    def get(self, name: str) -> type[Part]:
        """Import the class registered under `name`.

        Raises:
            UnknownNameError: If there is none, or it needs a package that is not installed.
        """
        return cast(type[Part], self._load(name, self._find(name).part))

    def cfg(self, name: str, **settings: Any) -> Any:  # noqa: ANN401
        """Make the configuration registered under `name`, with some settings changed.

        Raises:
            UnknownNameError: If there is no such name, or no such setting.
        """
        cfg = self._load(name, self._find(name).cfg)()
        self._check(name, settings, (f.name for f in fields(cfg)))
        return replace(cfg, **settings)

    def make(self, name: str, **settings: Any) -> Part:  # noqa: ANN401
        """Make the part registered under `name`.

        Args:
            name: A registered name.
            **settings: Fields of its configuration, and whatever else its constructor takes by keyword.

        Raises:
            UnknownNameError: If there is no such name, or no such setting.
        """
        cfg = self.cfg(name)
        own = {f.name for f in fields(cfg)}
        self._check(name, settings, own.union(self._takes(name)))
        cfg = replace(cfg, **{key: value for key, value in settings.items() if key in own})
        return self.build(name, cfg, **{key: value for key, value in settings.items() if key not in own})

    def build(self, name: str, cfg: Any, offers: Mapping[str, Any] = Offers(), **offered: Any) -> Part:  # noqa: ANN401
        """Make the part registered under `name` from a finished configuration.

        Args:
            name: A registered name.
            cfg: Its configuration.
            offers: What the surroundings have to give; the constructor gets what it takes by keyword.
            **offered: More of that.

        Raises:
            UnknownNameError: If there is no such name.
        """
        part = cast(Callable[..., Part], self.get(name))
        takes = self._takes(name)
        given = {key: offers[key] for key in takes if key in offers}
        return part(cfg, **given, **{key: offered[key] for key in takes if key in offered})

    @cached_property
    def _theirs(self) -> dict[str, Entry]:
        theirs: dict[str, Entry] = {}
        for point in entry_points(group=self.group):
            if point.name in self._ours or point.name in theirs:
                raise ValueError(f"{self.kind} {point.name!r} is registered twice, the second time by {point.value}")
            theirs[point.name] = _entry(point.value)
        return theirs

    def _load(self, name: str, path: str) -> Any:  # noqa: ANN401
        module, _, attribute = path.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise UnknownNameError(f"{self.kind} {name!r} needs {error.name}, which is not installed") from error

    def _takes(self, name: str) -> list[str]:
        """Name what the constructor takes beside the configuration."""
        return [*inspect.signature(self.get(name)).parameters][1:]

    def _find(self, name: str) -> Entry:
        entries = self._ours | self._theirs
        if name not in entries:
            raise UnknownNameError(f"unknown {self.kind} {name!r}: {_hint(name, entries)}")
        return entries[name]

    def _check(self, name: str, settings: Iterable[str], known: Iterable[str]) -> None:
        known = sorted(known)
        for setting in settings:
            if setting not in known:
                raise UnknownNameError(f"{self.kind} {name!r} has no setting {setting!r}: {_hint(setting, known)}")


def _entry(part: str, cfg: str | None = None) -> Entry:
    module, _, name = part.partition(":")
    return Entry(part=part, cfg=f"{module}:{cfg or name + 'Cfg'}")


def _hint(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"choose among {', '.join(known)}" if known else "there are none"
