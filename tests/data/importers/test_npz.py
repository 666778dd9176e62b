"""Arrays out of `.npz` files, whose headers are not believed."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prefgym.common.errors import DamageError, UserError
from prefgym.data.importers.npz import read_npz

FILE = Path("pairs.npz")


def write(header: dict[str, Any], content: bytes, *, compression: int = zipfile.ZIP_DEFLATED) -> None:
    """Write one array with any header and any content."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(FILE, "w", compression) as archive:
        archive.writestr("obs.npy", member.getvalue() + content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_arrays_that_are_asked_for_come_in(save: Any) -> None:  # noqa: ANN401
    save(FILE, obs=np.arange(6.0).reshape(2, 3), label=np.array([True, False]), names=np.array(["a"], dtype=object))
    arrays = read_npz(FILE, ("obs",), ("label", "reward"))
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "obs": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]],
        "label": [True, False],
    }
    with pytest.raises(UserError, match=r"pairs\.npz has no array action: it has label, names, obs\."):
        read_npz(FILE, ("obs", "action"))
    with pytest.raises(DamageError, match="the array names does not hold plain numbers"):
        read_npz(FILE, ("names",))


def test_a_header_is_not_believed() -> None:
    """One that names more numbers than there are would have its memory allocated first."""
    huge = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    for content in (b"", b"\0" * 8):
        write(huge, content)
        with pytest.raises(DamageError, match="the array obs says that it has 8,000,000,000,128 bytes, and has 1"):
            read_npz(FILE, ("obs",))
    write({**huge, "descr": "|O", "shape": (1,)}, b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(DamageError, match="does not hold plain numbers"):
        read_npz(FILE, ("obs",))
    assert not Path("ran").exists()


def test_an_archive_is_not_believed() -> None:
    """Its directory promises a petabyte, out of a few bytes."""
    write({"descr": "<f8", "fortran_order": False, "shape": (2**47,)}, b"\0" * 2**16)
    content = FILE.read_bytes()
    at = content.rindex(b"PK\x01\x02")  # of the directory; its sizes are 32 bits, in kilobytes here
    FILE.write_bytes(content[: at + 24] + b"\xfe\xff\xff\xff" + content[at + 28 :])
    with pytest.raises(UserError, match=r"bytes, and has 4,294,967,294|of memory"):
        read_npz(FILE, ("obs",))


def test_damage_is_told_in_a_sentence() -> None:
    """Wherever the file is cut, and whichever of its bytes is another."""
    np.savez_compressed(FILE, obs=np.arange(8.0))
    whole = FILE.read_bytes()
    damaged = [whole[:end] for end in range(len(whole))]
    damaged += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(len(whole))]
    refusals = 0
    for content in damaged:
        FILE.write_bytes(content)
        try:
            assert read_npz(FILE, ("obs",))["obs"].tolist() == list(range(8))
        except UserError as error:
            refusals += str(error).startswith("pairs.npz ")
    assert refusals > len(whole)


def test_links_are_not_followed() -> None:
    Path("elsewhere.npz").touch()
    FILE.symlink_to("elsewhere.npz")
    with pytest.raises(DamageError, match="it is a link"):
        read_npz(FILE, ("obs",))
