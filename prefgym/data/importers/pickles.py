"""Arrays out of pickles, which are parsed and never run.

A pickle is a program for a stack machine that may import and call anything. The machine here has no import and no call:
it follows the operations that arrays, numbers, lists and dictionaries are written with, and builds arrays out of their
bytes itself. A name of anything else ends it.
"""

import math
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from prefgym.common.errors import read_as
from prefgym.common.files import read_bytes
from prefgym.common.limits import shortened

Array = npt.NDArray[Any]

PICKLE_BYTES, MOST_OPERATIONS, MOST_AXES = 2**30, 10_000_000, 32
"""Most bytes and operations of a pickle, and most axes of an array."""

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
"""Before NumPy 2.0, and since."""
_EMPTY = frozenset(f"{module}._reconstruct" for module in _MULTIARRAY)
_SCALAR = frozenset(f"{module}.scalar" for module in _MULTIARRAY)
_BUFFER = frozenset(("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"))
_NAMES = _EMPTY | _SCALAR | _BUFFER | {"numpy.ndarray", "numpy.dtype", "_codecs.encode"}
_PUSHED = frozenset(
    (
        *("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
"""Operations whose argument is the value."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


@dataclass(frozen=True)
class Name:
    """A function or class that a pickle names; it is a word here."""

    path: str


@dataclass
class Kind:
    """The type of an array's numbers."""

    code: str
    order: str = "<"


@dataclass
class Stored:
    """An array, whose content comes after it; None if it holds objects."""

    values: Array | None = None


@dataclass
class Record:
    """An object of a class that the reader expects: its name and its attributes."""

    path: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


def read_pickle(file: Path, records: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401 - checked by its reader
    """Read what a pickle holds: numbers, text, lists, tuples, dictionaries, `Stored` arrays and `Record`s.

    Args:
        file: The pickle.
        records: Classes whose objects are read, as `module.Name`.

    Raises:
        DamageError: If it is missing, too large, damaged, or names anything but arrays and these classes.
    """
    content = read_bytes(file, PICKLE_BYTES)
    with read_as(f"{file} cannot be read"):
        return _Machine(records).run(content)


def read_array(file: Path) -> Array:
    """Read a pickle that holds an array, or a list of numbers.

    Raises:
        DamageError: As `read_pickle`, or if it holds anything else.
    """
    content = read_pickle(file)
    with read_as(f"{file} cannot be read"):
        return as_array(content)


def as_array(value: object) -> Array:
    """Return the array that a pickle holds, or a list of numbers as one.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, Stored) and value.values is not None:
        return value.values
    if isinstance(value, list) and all(type(one) in (bool, int, float) for one in cast(list[Any], value)):
        array = np.array(cast(list[Any], value))
        if array.dtype.kind in "biuf":  # others hold whole numbers of more than 64 bits
            return array
    raise ValueError("there is no array of numbers in the place of one")


class _Machine:
    """A stack machine for the operations of pickles that build values.

    Args:
        records: Classes whose objects are read.
    """

    def __init__(self, records: frozenset[str]) -> None:
        self._records = records
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:  # noqa: ANN401
        """Return the value that is left at the end."""
        for count, (operation, argument, _) in enumerate(pickletools.genops(content)):
            if count > MOST_OPERATIONS:
                raise ValueError(f"it has more than {MOST_OPERATIONS:,} operations")
            self._step(operation.name, argument)
        return self._stack.pop()

    def _step(self, name: str, argument: Any) -> None:  # noqa: ANN401
        stack = self._stack
        if name in _PUSHED:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            self._memo[len(self._memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(self._named(".".join(self._take(2) if argument is None else argument.split(" "))))
        elif name in _OPERATIONS:
            _OPERATIONS[name](self)
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise ValueError(f"the operation {name} is none that arrays are written with")

    def _named(self, path: str) -> Name:
        if path not in _NAMES | self._records:
            raise ValueError(f"it names {shortened(path)}, and only arrays are read: nothing of it was run")
        return Name(path)

    def _take(self, count: int) -> list[Any]:
        if count > len(self._stack):
            raise ValueError("it takes more values than it has")
        taken = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return taken

    def _take_marked(self) -> list[Any]:
        return self._take(len(self._stack) - self._marks.pop())

    def mark(self) -> None:
        """Begin a group of values."""
        self._marks.append(len(self._stack))

    def make(self, kind: Callable[[list[Any]], Any], count: int | None) -> None:
        """Put one value in the place of the last ones; None for those since the mark."""
        self._stack.append(kind(self._take_marked() if count is None else self._take(count)))

    def extend(self, count: int | None) -> None:
        """Append values to the list below them."""
        values = self._take_marked() if count is None else self._take(count)
        if not isinstance(self._stack[-1], list):
            raise ValueError("it appends to what is no list")
        cast(list[Any], self._stack[-1]).extend(values)

    def update(self, count: int | None) -> None:
        """Set names and values of the dictionary below them."""
        values = self._take_marked() if count is None else self._take(count)
        if not isinstance(self._stack[-1], dict):
            raise ValueError("it sets names of what is no dictionary")
        cast(dict[Any, Any], self._stack[-1]).update(_pairs(values))

    def build(self) -> None:
        """Set the state of the value below."""
        (state,) = self._take(1)
        below = self._stack[-1]
        if isinstance(below, Kind):
            below.order = _order(state)
        elif isinstance(below, Stored):
            _, shape, kind, is_fortran, data = state
            below.values = None if kind.code == "O" else _array(data, kind, shape, "F" if is_fortran else "C")
        elif isinstance(below, Record) and isinstance(state, dict):
            below.values |= state
        else:
            raise ValueError("it sets the state of what has none")


def _reduced(values: list[Any]) -> Any:  # noqa: ANN401
    """Build what a function of NumPy would return; no other function has a name here."""
    function, arguments = values
    path = function.path if isinstance(function, Name) else ""
    if path in _EMPTY:
        return Stored()
    if path == "numpy.dtype":
        return Kind(_code(arguments[0]))
    if path in _BUFFER:
        data, kind, shape, order = arguments
        return Stored(_array(data, kind, shape, order))
    if path in _SCALAR:
        kind, data = arguments
        return _array(data, kind, (1,), "C").tolist()[0]
    if path == "_codecs.encode" and arguments[1] in ("latin1", "latin-1"):
        return arguments[0].encode("latin1")
    raise ValueError("it calls what cannot be called")


def _record(values: list[Any]) -> Record:
    made, arguments = values
    if not isinstance(made, Name) or made.path in _NAMES or arguments != ():
        raise ValueError("it makes what cannot be made")
    return Record(made.path)


def _pairs(values: list[Any]) -> dict[Any, Any]:
    names = values[::2]
    if not all(isinstance(name, str | int) for name in names):
        raise ValueError("names must be text or whole numbers")
    return dict(zip(names, values[1::2], strict=True))


def _code(code: object) -> str:
    """Return the code of a type without its order: a bool, a whole number, a float, or an object."""
    found = re.fullmatch(r"[<>|=]?([biuf][1248]|O8?)", str(code))
    if found is None:
        raise ValueError(f"an array of the type {shortened(code)} holds no plain numbers")
    return found[1].removesuffix("8") if found[1].startswith("O") else found[1]


def _order(state: Any) -> str:  # noqa: ANN401
    """Return the order of the bytes, from the state of a type."""
    _, order, subtype, names, fields, *_ = state
    if order not in ("<", ">", "|", "=") or (subtype, names, fields) != (None, None, None):
        raise ValueError("an array of several types holds no plain numbers")
    return order


def _array(data: Any, kind: Any, shape: Any, order: Any) -> Array:  # noqa: ANN401
    """Build an array from its bytes, of which there have to be as many as its shape says."""
    if not isinstance(kind, Kind) or kind.code == "O" or len(shape) > MOST_AXES:
        raise ValueError("an array has no type, or too many axes")
    numbers = np.frombuffer(data.encode("latin1") if isinstance(data, str) else data, np.dtype(kind.order + kind.code))
    if math.prod(shape) != len(numbers):
        raise ValueError(f"an array of the shape {shortened(shape)} has {len(numbers)} numbers")
    return numbers.reshape(shape, order=order)


_OPERATIONS: dict[str, Callable[[_Machine], None]] = {
    "MARK": _Machine.mark,
    "EMPTY_TUPLE": lambda machine: machine.make(tuple, 0),
    "TUPLE1": lambda machine: machine.make(tuple, 1),
    "TUPLE2": lambda machine: machine.make(tuple, 2),
    "TUPLE3": lambda machine: machine.make(tuple, 3),
    "TUPLE": lambda machine: machine.make(tuple, None),
    "EMPTY_LIST": lambda machine: machine.make(list, 0),
    "LIST": lambda machine: machine.make(list, None),
    "EMPTY_DICT": lambda machine: machine.make(_pairs, 0),
    "DICT": lambda machine: machine.make(_pairs, None),
    "APPEND": lambda machine: machine.extend(1),
    "APPENDS": lambda machine: machine.extend(None),
    "SETITEM": lambda machine: machine.update(2),
    "SETITEMS": lambda machine: machine.update(None),
    "REDUCE": lambda machine: machine.make(_reduced, 2),
    "NEWOBJ": lambda machine: machine.make(_record, 2),
    "BUILD": _Machine.build,
}
