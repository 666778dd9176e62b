"""Arrays out of pickles, of which nothing runs."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pickled import PROTOCOLS, Runs, pickled

from prefgym.common.errors import DamageError
from prefgym.data.importers.pickles import PICKLE_BYTES, read_array, read_pickle

FILE = Path("labels.pkl")
ARRAYS: dict[str, Any] = {
    "labels": [-1, 0, 1, 1, 300, 70_000, 2**40, 0.5],
    "flags": np.array([True, False]),
    "first steps": np.array([3, 2_000_000], np.int32),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "the other order of bytes": np.arange(4, dtype=">i2"),
    "a part": np.arange(12).reshape(3, 4)[::2, 1:3],
    "a number": np.array(7.5, np.float32),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_in_as_they_were(name: str, protocol: int) -> None:
    FILE.write_bytes(pickled(ARRAYS[name], protocol))
    read, written = read_array(FILE), np.array(ARRAYS[name])
    np.testing.assert_array_equal(read, written)
    assert read.dtype == written.dtype


def test_numbers_text_and_names_come_in() -> None:
    FILE.write_bytes(pickled({"mean": np.float32(1.5), "who": ("ada", b"x", None), 3: [True]}))
    assert read_pickle(FILE) == {"mean": 1.5, "who": ("ada", b"x", None), 3: [True]}


HOSTILE: dict[str, bytes] = {
    "a command": pickled(Runs()),
    "a command of old": pickled(Runs(), protocol=0),
    "a command within a list": pickled([1, Runs(eval, "open('ran', 'w')")]),
    "a file of NumPy's": pickled(Runs(np.fromfile, "labels.pkl")),
    "an inner name": b"cnumpy\ncore.multiarray._reconstruct.__globals__\n.",
    "an instance of old": b"(S'touch ran'\nios\nsystem\n.",
    "an extension": b"\x82\x01.",
    "an object elsewhere": b"Vplace\nQ.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_run(name: str) -> None:
    FILE.write_bytes(HOSTILE[name])
    with pytest.raises(DamageError, match=r"nothing of it was run|is none that arrays are written with"):
        read_pickle(FILE)
    assert not Path("ran").exists()


def stored(shape: bytes, data: bytes) -> bytes:
    """Write an array of bytes with any shape and any data."""
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
    kind = (
        b"cnumpy\ndtype\n(X\x02\x00\x00\x00u1\x89\x88tR(K\x03X\x01\x00\x00\x00|NNN"
        + b"J\xff\xff\xff\xff" * 2
        + b"K\x00tb"
    )
    return b"\x80\x03" + made + b"(K\x01" + shape + kind + b"\x89B" + struct.pack("<i", len(data)) + data + b"tb."


def test_the_written_array_is_one() -> None:
    FILE.write_bytes(stored(b"(K\x03t", b"\x01\x02\x03"))
    assert read_array(FILE).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (stored(b"(J\xff\xff\xff\x7ft", b"\x01"), r"an array of the shape \(2147483647,\) has 1 numbers"),
        (pickled(np.array([None, {}], dtype=object)), "no array of numbers"),
        (pickled(np.zeros(2, [("x", "f4")])), "holds no plain numbers"),
        (pickled(np.array(["a"])), "holds no plain numbers"),
        (pickled(["a"]), "no array of numbers"),
        (pickled([2**80]), "no array of numbers"),
        (stored(b"(" + b"K\x01" * 40 + b"t", b"\x01"), "no type, or too many axes"),
        (b"\x80\x04.", "pop"),
        (b"K\x01a.", "takes more|IndexError"),
        (b"}(K\x01\x85K\x02u.", "names must be text or whole numbers"),
        (b"\x8e" + struct.pack("<Q", 2**40) + b"few.", "expected 1099511627776 bytes"),
        (b"h\x07.", "KeyError: 7"),
        (b"nothing of the kind", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_what_is_no_array_is_refused(content: bytes, told: str) -> None:
    FILE.write_bytes(content)
    with pytest.raises(DamageError, match=told):
        read_array(FILE)


def test_damage_is_told_in_a_sentence_or_changes_a_number() -> None:
    """Whatever bit is flipped, and wherever the file is cut, no other error comes."""
    whole = pickled(np.arange(3.0), protocol=4)
    damaged = [whole[:end] for end in range(len(whole))]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :] for at in range(len(whole)) for bit in range(8)
    ]
    refusals = 0
    for content in damaged:
        FILE.write_bytes(content)
        try:
            assert read_array(FILE).size <= len(whole)
        except DamageError as error:
            refusals += str(error).startswith("labels.pkl cannot be read: ")
    assert refusals > len(damaged) / 2


def test_what_is_too_large_is_not_read() -> None:
    with FILE.open("wb") as file:
        file.truncate(PICKLE_BYTES + 1)  # takes no room on the disk
    with pytest.raises(DamageError, match="too large"):
        read_pickle(FILE)
