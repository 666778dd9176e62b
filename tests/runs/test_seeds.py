"""Folders of seeds: what they are named by, and what is refused."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from prefgym.common.errors import DamageError, UserError
from prefgym.common.files import write_sealed_json
from prefgym.runs.seeds import INDEX, LARGEST, is_seeds, parse_seeds, read_seeds, run_of, write_seeds


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        ("0-5", (0, 1, 2, 3, 4, 5)),
        ("0,2,7", (0, 2, 7)),
        ("0-2,9", (0, 1, 2, 9)),
        (" 3 , 1-2", (3, 1, 2)),
        (str(LARGEST), (LARGEST,)),
        (range(3), (0, 1, 2)),
        ([5, 0], (5, 0)),
        ("7-7", (7,)),
    ],
)
def test_seeds_are_numbers_and_ranges(given: str | Iterable[int], seeds: tuple[int, ...]) -> None:
    assert parse_seeds(given) == seeds


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "numbers such as 0-5"),
        ([], "names no seed"),
        ("five", "numbers such as"),
        ("5-0", "numbers such as"),
        ("-1", "numbers such as"),
        ("0-", "numbers such as"),
        ("1-2-3", "numbers such as"),
        ("0.5", "numbers such as"),
        ("²", "numbers such as"),
        ([1.5], "numbers such as"),
        ([True], "numbers such as"),
        (str(LARGEST + 1), "numbers such as"),
        ("9" * 5000, r"9\.\.\.: seeds are"),
        (f"0-{LARGEST}", "at most 1000"),
        ("0-998,1000-1001", "at most 1000"),
        ("0,1,0", "seed 0 twice"),
        ("0-3,2", "seed 2 twice"),
    ],
)
def test_other_seeds_are_refused_in_a_sentence(given: str | Iterable[int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_seeds(given)


def test_a_folder_names_its_seeds(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "seeds"
    assert not is_seeds(folder)
    write_seeds(folder, (0, 2, 7))
    assert is_seeds(folder)
    assert read_seeds(folder) == (0, 2, 7)


@pytest.mark.parametrize("seeds", ["0", {}, [0.5], [-1], [[0]], None, list(range(1001))])
def test_a_damaged_folder_is_refused(seeds: object, tmp_path: Path) -> None:
    write_sealed_json(tmp_path / INDEX, {"seeds": seeds})
    with pytest.raises(UserError):
        read_seeds(tmp_path)


def test_a_changed_folder_is_refused(tmp_path: Path) -> None:
    write_seeds(tmp_path, (0, 1))
    file = tmp_path / INDEX
    file.write_text(file.read_text().replace("1", "2", 1))
    with pytest.raises(DamageError, match=r"seeds\.json is damaged"):
        read_seeds(tmp_path)


def test_a_seed_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "seed-0").symlink_to(tmp_path / "others")
    with pytest.raises(UserError, match="seed-0 is a link"):
        run_of(tmp_path, 0)
