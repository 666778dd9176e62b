"""Registries: parts by name, imported when they are first used."""

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast, overload
from weakref import WeakValueDictionary

from prefgym.common.descriptions import Description, describe
from prefgym.common.errors import UnknownNameError
from prefgym.common.limits import shortened
from prefgym.common.modules import look_in_present_folder, what_is_missing
from prefgym.common.names import did_you_mean

if TYPE_CHECKING:
    from prefgym.core.protocols import Agent, Learner, Rater, Sampler

Part = TypeVar("Part")
Kind = Literal["rater", "reward", "sampler", "agent"]

KINDS: dict[Kind, str] = {
    "rater": "prefgym.raters",
    "reward": "prefgym.rewards",
    "sampler": "prefgym.samplers",
    "agent": "prefgym.agents",
}
"""The package of each kind of part, which holds its `registry`."""


@dataclass(frozen=True, kw_only=True)
class NoSettings:
    """The configuration of a part that has none."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Import paths of a part and its configuration."""

    part: str
    """The class, as `module:Foo`."""
    cfg: str
    """The maker of its default configuration: `module:FooCfg`, or `module:preset`, a function without arguments."""


class Registry(Generic[Part]):
    """Parts of one kind by name: ours, and those that other packages declare as entry points.

    A part is a pair: a frozen dataclass `FooCfg` whose fields all have defaults, and a class `Foo` that takes it first.
    Another package adds the pair `FooCfg`, `Foo` of its module by one line of its pyproject.toml:

        [project.entry-points."prefgym.raters"]
        foo = "their_package.foo:Foo"

    Without an entry point, `module:Foo` is a name as well: of an installed module, or of one in the current folder.
    There, `FooCfg` may be missing.
    """

    def __init__(self, kind: Kind, *, tuned: str | None = None) -> None:
        """Start empty.

        Args:
            kind: Name of the kind in messages and flags.
            tuned: Function `module:tuned(env_id, name)`, which returns the settings of a part that differ on a task.
        """
        self.kind, self.group = kind, KINDS[kind]
        self._tuned = tuned
        self._ours: dict[str, Entry] = {}
        self._made: WeakValueDictionary[tuple[str, int], object] = WeakValueDictionary()
        self._aliases: dict[str, str] = {}
        self._elsewhere: dict[str, str] = {}

    def register(self, name: str, part: str, *, cfg: str | None = None) -> None:
        """Add the class `part` (`module:Foo`) under a name.

        Args:
            name: Name in the command line and in `make`.
            part: The class.
            cfg: Name, in the same module, of the maker of its configuration; None for `FooCfg`.

        Raises:
            ValueError: If the name is taken.
        """
        if name in self._ours:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._ours[name] = _entry(part, cfg)

    def alias(self, **names: str) -> None:
        """Add names from papers for parts: `alias(bradley_terry="partial-return")`; `_` stands for `-`."""
        self._aliases |= {alias.replace("_", "-"): name for alias, name in names.items()}

    def elsewhere(self, **sentences: str) -> None:
        """Point from a name that users may look for here to its place: the name, and the end of a sentence."""
        self._elsewhere |= {name.replace("_", "-"): sentence for name, sentence in sentences.items()}

    def names(self) -> tuple[str, ...]:
        """List the registered names."""
        return tuple(sorted(self._ours | self._theirs))

    def describe(self, name: str) -> Description:
        """Say in a line what a part does, and name its paper; nothing is imported.

        Raises:
            UnknownNameError: If there is none.
        """
        entry = self._find(name)
        module, _, cfg = entry.cfg.partition(":")
        if not cfg.endswith("Cfg"):  # a preset, a function
            return describe(entry.cfg, of_module=False)
        others = [one.part for one in (self._ours | self._theirs).values() if one.part.startswith(f"{module}:")]
        return describe(entry.part, of_module=set(others) == {entry.part})

    def canonical(self, name: str) -> str:
        """Return the registered name behind a name or an alias.

        Raises:
            UnknownNameError: If there is none.
        """
        self._find(name)
        return self._aliases.get(name, name)

    def get(self, name: str) -> type[Part]:
        """Import the class registered under `name`.

        Raises:
            UnknownNameError: If there is none, or it needs a package that is not installed.
        """
        return cast(type[Part], self._load(name, self._find(name).part))

    def cfg(self, name: str, *, env: str = "", **settings: Any) -> Any:  # noqa: ANN401 - each part has its own type
        """Make the configuration registered under `name`, with some settings changed.

        Args:
            name: A registered name.
            env: Environment id; settings tuned for it replace the defaults.
            **settings: Fields to change, by name.

        Raises:
            UnknownNameError: If there is no such name, or no such setting.
        """
        cfg = self._load(name, self._find(name).cfg)()
        self._check(name, settings, (f.name for f in fields(cfg)))
        if self._tuned is not None:
            settings = {**self._load(name, self._tuned)(env, self.canonical(name)), **settings}
        made = replace(cfg, **settings)
        self._made[self.canonical(name), id(made)] = made
        return made

    def name_of(self, cfg: object) -> str:
        """Return the name of the part that a configuration belongs to.

        That is the name under which `cfg` made it, or else that of the preset that equals it or differs least from it.

        Raises:
            UnknownNameError: If there is none.
        """
        if names := [name for (name, _), made in self._made.items() if made is cfg]:
            return names[0]
        presets = {name: self._load(name, entry.cfg)() for name, entry in (self._ours | self._theirs).items()}
        kin = {name: vars(preset) for name, preset in presets.items() if type(preset) is type(cfg)}
        if not kin:
            raise UnknownNameError(f"{type(cfg).__name__} is the configuration of no {self.kind}")
        return min(kin, key=lambda name: sum(kin[name][field] != value for field, value in vars(cfg).items()))

    def make(self, name: str, **settings: Any) -> Part:  # noqa: ANN401
        """Make the part registered under `name`.

        Args:
            name: A registered name.
            **settings: Fields of its configuration, and other keyword arguments of its constructor.

        Raises:
            UnknownNameError: If there is no such name, or no such setting.
        """
        cfg = self.cfg(name)
        own = {f.name for f in fields(cfg)}
        self._check(name, settings, own.union(parameter.name for parameter in self._parameters(name)))
        cfg = replace(cfg, **{key: value for key, value in settings.items() if key in own})
        return self.build(name, cfg, **{key: value for key, value in settings.items() if key not in own})

    def build(self, name: str, cfg: object, context: object = None, **given: object) -> Part:
        """Make the part registered under `name` from a finished configuration.

        Args:
            name: A registered name.
            cfg: Its configuration.
            context: Objects for its construction (`prefgym.core.context`): the constructor gets the fields that it
                names as keyword parameters, and the whole context as `context`.
            **given: Values by parameter; they take precedence over those of the context.

        Raises:
            UnknownNameError: If there is no such name, or a required parameter of the constructor is neither given nor
                in the context.
        """
        part = cast(Callable[..., Part], self.get(name))
        if not inspect.isclass(part):
            return cast(Part, part)  # a function is the part itself
        offers = _fields_of(context)
        values: dict[str, object] = {}
        for parameter in self._parameters(name):
            if parameter.name in given:
                values[parameter.name] = given[parameter.name]
            elif parameter.name == "context" and context is not None:
                values["context"] = context
            elif parameter.name in offers:
                values[parameter.name] = getattr(context, parameter.name)
            else:
                self._check_offered(name, parameter, offers)
        return part(**values) if isinstance(cfg, NoSettings) else part(cfg, **values)

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
            loaded = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise UnknownNameError(
                f"{self.kind} {name!r} {what_is_missing(name, module, (error.name or '').partition('.')[0])}"
            ) from error
        if path.endswith("Cfg") and ":" in name and not hasattr(loaded, attribute):
            return NoSettings
        if not hasattr(loaded, attribute):
            near = did_you_mean(attribute, [known for known in vars(loaded) if not known.startswith("_")])
            raise UnknownNameError(f"{self.kind} {name!r}: the module {module} has no {attribute}: {near}")
        return getattr(loaded, attribute)

    def _parameters(self, name: str) -> list[inspect.Parameter]:
        """Return the parameters of the constructor other than the configuration."""
        parameters = [*inspect.signature(self.get(name)).parameters.values()]
        named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
        return named if self._load(name, self._find(name).cfg) is NoSettings else named[1:]

    def _find(self, name: str) -> Entry:
        name = self._aliases.get(name, name)
        entries = self._ours | self._theirs
        if name in entries:
            return entries[name]
        if name in self._elsewhere:
            raise UnknownNameError(f"{self.kind} {name!r} {self._elsewhere[name]}")
        if name.endswith("()"):
            raise UnknownNameError(f"{self.kind} {name!r} was an object of the program that began the run")
        if ":" in name:
            module, _, attribute = name.partition(":")
            # an imported module may have any name, such as that of a script run by runpy
            if not attribute or (module not in sys.modules and not all(map(str.isidentifier, module.split(".")))):
                raise UnknownNameError(f"{self.kind} {shortened(name)!r} does not have the form module:Name")
            look_in_present_folder()
            return _entry(name)
        raise UnknownNameError(
            f"unknown {self.kind} {shortened(name)!r}: {did_you_mean(name, [*self._aliases, *entries])}"
        )

    def _check(self, name: str, settings: Iterable[str], known: Iterable[str]) -> None:
        known = sorted(known)
        for setting in settings:
            if setting not in known:
                near = did_you_mean(setting, known) if known else "it has none"
                raise UnknownNameError(f"{self.kind} {name!r} has no setting {setting!r}: {near}")

    def _check_offered(self, name: str, parameter: inspect.Parameter, offers: Iterable[str]) -> None:
        """Raise for a required parameter without a value, and for one that looks like a misspelt context field."""
        offers = [*offers]
        if parameter.default is parameter.empty and parameter.name != "context":
            raise UnknownNameError(
                f"{self.kind} {name!r} asks for {parameter.name!r}, which is not in the context: "
                f"{did_you_mean(parameter.name, offers, 'give it a default')}"
            )
        if close := difflib.get_close_matches(parameter.name, offers, n=1, cutoff=0.85):
            raise UnknownNameError(f"{self.kind} {name!r} asks for {parameter.name!r}: did you mean {close[0]!r}?")


@overload
def registry_of(kind: Literal["rater"]) -> "Registry[Rater]": ...
@overload
def registry_of(kind: Literal["reward"]) -> "Registry[Learner]": ...
@overload
def registry_of(kind: Literal["sampler"]) -> "Registry[Sampler]": ...
@overload
def registry_of(kind: Literal["agent"]) -> "Registry[Agent]": ...
@overload
def registry_of(kind: Kind) -> "Registry[Any]": ...
def registry_of(kind: Kind) -> "Registry[Any]":
    """Return the registry of a kind of part, imported by name, since agents import the modules below them."""
    return importlib.import_module(KINDS[kind]).registry


def _entry(part: str, cfg: str | None = None) -> Entry:
    module, _, name = part.partition(":")
    return Entry(part=part, cfg=f"{module}:{cfg or name + 'Cfg'}")


def _fields_of(context: object) -> Mapping[str, object]:
    """List the fields of a context, and its cached properties, whose values are made at first access."""
    if context is None:
        return {}
    assert is_dataclass(context)
    lazy = {name for name, value in vars(type(context)).items() if isinstance(value, cached_property)}
    return dict.fromkeys([*(field.name for field in fields(context)), *lazy])
