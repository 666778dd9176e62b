"""Files that show damage."""

from pathlib import Path

import pytest

from prefgym.common.errors import UserError
from prefgym.common.files import (
    digest,
    read_json,
    read_sealed_json,
    read_sealed_text,
    verify,
    write_sealed_json,
    write_sealed_text,
    write_text,
)


def test_the_sum_is_that_of_the_bytes() -> None:
    """The SHA-256 of "abc" is in FIPS 180-2."""
    Path("a").write_bytes(b"abc")
    assert digest(Path("a")).startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    verify(Path("a"), digest(Path("a")))
    with pytest.raises(UserError, match="a is damaged"):
        verify(Path("a"), "0" * 64)
    with pytest.raises(UserError, match="b is missing"):
        verify(Path("b"), "0" * 64)


def test_what_is_sealed_comes_back() -> None:
    """Numbers, words of any script and nesting; the seal itself is not among them."""
    value = {"a": [1, 0.1, None], "ö": {"1": "é\n"}}
    write_sealed_json(Path("a.json"), value)
    assert read_sealed_json(Path("a.json")) == value
    write_sealed_text(Path("a.yaml"), "a: ö\n")
    assert read_sealed_text(Path("a.yaml")) == "a: ö\n"
    assert Path("a.yaml").read_text().splitlines()[0] == "a: ö"


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_no_flipped_bit_goes_unseen(kind: str) -> None:
    """Each of all bits, one after the other, and each length: refused, or the same (blanks of JSON say nothing)."""
    file = Path(f"a.{kind}")
    if kind == "json":
        write_sealed_json(file, {"steps": 12, "part": {"name": "x"}})
    else:
        write_sealed_text(file, "steps: 12\n")
    read = read_sealed_json if kind == "json" else read_sealed_text
    whole, told = file.read_bytes(), read(file)
    places = [(at, 1 << bit) for at in range(len(whole)) for bit in range(8)]
    flips = [whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :] for at, bit in places]
    cuts = [whole[:length] for length in range(len(whole))]
    seen = 0
    for damaged in (*flips, *cuts):
        file.write_bytes(damaged)
        try:
            assert read(file) == told
        except UserError as error:
            assert f"{file} is damaged" in str(error)
            seen += 1
    assert seen > 0.8 * (len(flips) + len(cuts))


@pytest.mark.parametrize("text", ["{", "[]", '"a"', "", "\udcff"])
def test_what_is_no_json_object_is_told(text: str) -> None:
    Path("a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"a\.json is damaged: it cannot be read"):
        read_json(Path("a.json"))


def test_a_file_is_replaced_as_a_whole() -> None:
    """Nothing else is left in the folder; where there is no folder, the file is named."""
    write_text(Path("a"), "1")
    write_text(Path("a"), "2")
    assert [path.name for path in Path().iterdir()] == ["a"]
    assert Path("a").read_text() == "2"
    with pytest.raises(UserError, match="nowhere/a cannot be written"):
        write_text(Path("nowhere/a"), "1")
