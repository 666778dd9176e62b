"""What `fuzz_folders.py` does to a good folder, each a function that names what it did."""

import json
import os
import re
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import load_file, save_file

from prefgym.common.files import digest, read_sealed_json, write_sealed_json, write_sealed_text
from prefgym.runs import answer_log
from prefgym.runs.answers import Answer, sum_of

Generator = np.random.Generator
Change = Callable[[Path, Path, Generator], str]
"""Changes a folder; gets the folder, one that must not change, and a generator. Returns what it did; empty: nothing."""

_RAW = {
    "@@digits@@": "7" * 5000,
    "@@deep@@": "[" * 3000 + "]" * 3000,
    "@@deeper@@": "[" * 200_000 + "]" * 200_000,
    "@@wide@@": "[" + "1," * 300_000 + "1]",
}
"""Texts that stand in the place of a value, as Python cannot write them."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e308, -1e308, 1e-320, 2**31, 2**63, 10**40, 10**400),
    *(float("nan"), float("inf"), "", "x", "1", "x" * 100_000, "../../canary/file", "/etc/passwd", "\0", "\ud800"),
    *('"><script>alert(1)</script>', "$\\frac{1}{$ and $", "os:system", "none", [], [[]], {}, {"a": {"b": []}}, [None]),
    *("2026-13-45", "oracle", "sac", "prefgym/Hopper-v0", [1, "a"], *_RAW),
)
_PLACES = (
    *(".manifest.json.part", "manifest.json", "report.html", ".report.html.part", ".lock", "metrics.jsonl"),
    *("config.yaml", "result.json", ".result.json.part", "tensorboard", "dump", "policies", "new", "report"),
    *("checkpoints", "checkpoints/shards", "checkpoints/step-000000000600", "checkpoints/.step-000000000600"),
    *("checkpoints/final", "checkpoints/final/policy.json", "checkpoints/final/.policy.json.part"),
    *("checkpoints/shards/000007.safetensors", "report/final_episode.safetensors", "answers.parquet"),
    *("preferences", "preferences/initial", "preferences/answers.sqlite", "preferences/answers.sqlite-journal"),
    *("preferences/answers.sqlite.damaged", "segments.safetensors"),
)


def pick(items: Any, generator: Generator) -> Any:  # noqa: ANN401
    """Draw one."""
    return items[int(generator.integers(len(items)))]


def files_of(folder: Path, *endings: str) -> list[Path]:
    """List the files of a folder with one of some endings."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith(endings or ("",)))


def plant(folder: Path, canary: Path, generator: Generator) -> str:
    """Put what is no plain file in the place of something."""
    some = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))]
    place = folder / pick([*_PLACES, *_PLACES, *some], generator)
    if place.is_dir():
        place.rename(folder / "aside") if generator.random() < 0.5 else _remove(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, Callable[[], object]] = {
        "link to a file": lambda: place.symlink_to(canary / "file"),
        "link to a folder": lambda: place.symlink_to(canary / "photos"),
        "link that dangles": lambda: place.symlink_to(canary / "new"),
        "relative link": lambda: place.symlink_to(os.path.relpath(canary / "file", place.parent)),
        "link to itself": lambda: place.symlink_to(place),
        "link to the folder": lambda: place.symlink_to(folder),
        "link to a device": lambda: place.symlink_to("/dev/zero"),
        "hard link": lambda: place.hardlink_to(canary / "file"),
        "pipe": lambda: os.mkfifo(place),
        "socket": lambda: _bind(place),
        "folder": place.mkdir,
        "deep folders": lambda: (place / "/".join("a" * 100)).mkdir(parents=True),
    }
    kind = pick(sorted(kinds), generator)
    kinds[kind]()
    return f"{kind} at {place.relative_to(folder)}"


def damage(folder: Path, canary: Path, generator: Generator) -> str:
    """Change the bytes of a file."""
    file = pick(files_of(folder), generator)
    whole = file.read_bytes()
    at = int(generator.integers(len(whole) + 1))
    kind = pick(("cut", "flip", "empty", "zeros", "noise", "huge", "twice", "text"), generator)
    if kind == "huge":
        with file.open("r+b") as opened:
            opened.truncate(2**40)  # takes no room on the disk
    else:
        flipped = bytes([*whole[at : at + 1]]).translate(bytes(255 - byte for byte in range(256)))
        content = {
            "cut": whole[:at], "flip": whole[:at] + flipped + whole[at + 1 :], "empty": b"", "zeros": bytes(len(whole)),
            "noise": generator.bytes(1000), "twice": whole + whole, "text": b"[" * 100_000,
        }  # fmt: skip
        file.write_bytes(content[kind])
    return f"{kind} in {file.relative_to(folder)}"


def change_json(folder: Path, canary: Path, generator: Generator) -> str:
    """Change one value in a JSON file, in a line of the metrics, or in the configuration."""
    file = pick(files_of(folder, ".json", ".jsonl", ".yaml"), generator)
    text = file.read_text()
    lines = text.splitlines() if file.suffix == ".jsonl" else [text]
    at = int(generator.integers(len(lines))) if lines else 0
    if not lines:
        return ""
    content: Any = yaml.safe_load(text) if file.suffix == ".yaml" else json.loads(lines[at])
    content.pop("seal", None)
    where, value = _change(content, generator)
    if file.suffix == ".yaml":
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=False)
        write_sealed_text(file, _raw(text))
    elif file.suffix == ".jsonl":
        lines[at] = _raw(json.dumps(content))
        file.write_text("\n".join(lines) + "\n")
    elif (
        '"seal"' in text
        and not any(raw in json.dumps(content) for raw in _RAW)
        and "7" * 100 not in json.dumps(content)
    ):
        write_sealed_json(file, content)
    else:
        file.write_text(_raw(json.dumps(content, indent=2)))
    return f"{where} = {value!r:.40} in {file.relative_to(folder)}"


def change_yaml(folder: Path, canary: Path, generator: Generator) -> str:
    """Add a line to the configuration that YAML makes more of than it says."""
    file = folder / "config.yaml"
    if not file.is_file():
        return ""
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 30))
    wrapped = "env_cfg: {kwargs: {}, wrappers: ['gymnasium.wrappers:RecordVideo']}\n"
    odd = (
        *(bomb, f"x: {'[' * 1000}{']' * 1000}\n", f"x: {'9' * 5000}\n", "command: 3\n", "x: !!python/name:os.system\n"),
        *("x: !!int ''\n", "x: !!timestamp no\n", "x: !!binary '*'\n", "x: 2026-13-45\n", "x: 2026-01-01\n"),
        *("x: 0x" + "f" * 5000 + "\n", "x: .nan\n", "1: 2\n", "env: 3\n", "<<: {a: 1}\n", "x: 1:2:3:4\n", "\t\n"),
        *("env: 'os:system'\n", wrapped, "--- \nx: 1\n", "? [1]\n: 2\n", "%X\n", "rater: 'os:system'\n"),
        *("a: &a {b: *a}\n", "x: " + "{a: " * 500 + "1" + "}" * 500 + "\n", "x" * 300_000 + ": 1\n"),
    )
    line = pick(odd, generator)
    text = re.sub(r"# SHA-256.*\n", "", file.read_text())
    name = line.partition(":")[0]
    text = re.sub(rf"(?m)^{re.escape(name)}:.*\n(?:[ -].*\n)*", "", text) if name.isidentifier() else text
    write_sealed_text(file, text + line)
    return f"{line[:30]!r} in config.yaml"


def change_arrays(folder: Path, canary: Path, generator: Generator) -> str:
    """Change one array."""
    files = [file for file in files_of(folder, ".safetensors") if file.stat().st_nlink == 1]
    if not files:
        return ""
    file = pick(files, generator)
    arrays = {name: array.clone() for name, array in load_file(file).items()}
    if not arrays:
        return ""
    name = pick(sorted(arrays), generator)
    array = arrays[name]
    fill: Callable[[float], torch.Tensor] = lambda x: torch.full(array.shape, x, dtype=torch.float64).to(array.dtype)  # noqa: E731
    kinds: dict[str, Callable[[], torch.Tensor | None]] = {
        "gone": lambda: None,
        "NaN": lambda: fill(float("nan")) if array.is_floating_point() else fill(-1),
        "infinite": lambda: fill(float("inf")) if array.is_floating_point() else fill(2**40),
        "1e308": lambda: array.double() * 0 + 1e308,
        "negative": lambda: fill(-7) if array.dtype.is_signed else array,
        "large": lambda: array.long() * 0 + 2**62 if not array.is_floating_point() else fill(1e30),
        "bfloat16": array.bfloat16,
        "float16": array.half,
        "float64": array.double,
        "int64": array.long,
        "bool": array.bool,
        "one axis more": lambda: array[None],
        "flat": array.flatten,
        "empty": lambda: torch.zeros((0, *array.shape[1:]), dtype=array.dtype),
        "none of the last axis": lambda: array[..., :0] if array.dim() else array[None][:0],
        "twice": lambda: torch.cat([array, array], -1) if array.dim() else torch.stack([array, array]),
        "one less": lambda: array[1:] if array.dim() else array,
        "scalar": lambda: array.flatten()[0] if array.numel() else array,
        "endless": lambda: torch.zeros((2**40, 0), dtype=array.dtype),
    }
    kind = pick(sorted(kinds), generator)
    changed = kinds[kind]()
    arrays = {key: value.contiguous() for key, value in arrays.items() if key != name}
    if changed is not None:
        arrays[name] = changed.contiguous().clone()
    if generator.random() < 0.05:
        arrays["../" + name] = torch.zeros(3)
    save_file(arrays, file)
    return f"{name} {kind} in {file.relative_to(folder)}"


def change_database(folder: Path, canary: Path, generator: Generator) -> str:
    """Change the log of answers."""
    file = folder / "preferences" / "answers.sqlite"
    if not file.is_file():
        return ""
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    kinds = {
        "values": "",
        "journal": "",
        "view": f"DROP TABLE answers; CREATE VIEW answers AS {endless};",
        "trigger": f"CREATE TRIGGER t AFTER INSERT ON answers BEGIN INSERT INTO answers (statement) {endless}; END;",
        "column": "ALTER TABLE answers ADD COLUMN more TEXT;",
        "other": "DROP TABLE answers; CREATE TABLE answers (event_id, query_id);",
        "empty": "DROP TABLE answers;",
        "wal": "PRAGMA journal_mode = WAL;",
        "more": "CREATE TABLE more (x); INSERT INTO more VALUES (1);",
    }
    kind = pick(sorted(kinds), generator)
    with closing(sqlite3.connect(file)) as connection, suppress(sqlite3.Error):
        if kind == "values":
            connection.executescript("DROP TRIGGER no_update;")
            column = pick(
                ("query_id", "kind", "status", "statement", "rater", "shown_order", "seconds", "asked_at"), generator
            )
            value = pick((None, -1, 1e308, "", "x", "[" * 5000, b"\0", 2**62, "maybe", "[1e999]"), generator)
            connection.execute(f"UPDATE answers SET {column} = ? WHERE rowid = 1", (value,))
            names = ", ".join(field for field in Answer.__dataclass_fields__)
            row = connection.execute(f"SELECT {names} FROM answers WHERE rowid = 1").fetchone()
            with suppress(TypeError, ValueError, KeyError):
                seals = (Answer(**dict(zip(Answer.__dataclass_fields__, row))).event_id, sum_of(row))
                connection.execute("UPDATE answers SET event_id = ?, sha256 = ? WHERE rowid = 1", seals)
            connection.commit()
            connection.executescript(answer_log._SCHEMA)
        elif kind == "journal":
            _write_journal(file, canary / "file")
        else:
            connection.executescript(kinds[kind])
    return f"{kind} in answers.sqlite"


def change_table(folder: Path, canary: Path, generator: Generator) -> str:
    """Change a column of exported answers."""
    files = files_of(folder, ".parquet")
    if not files:
        return ""
    pa, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    file = pick(files, generator)
    rows = parquet.read_table(file).to_pylist()
    name = pick(sorted(rows[0]), generator)
    kinds: dict[str, Callable[[Any], Any]] = {
        "gone": lambda value: value,
        "None": lambda value: None,
        "text": lambda value: "x" * 1000,
        "deep": lambda value: "[" * 50_000,
        "markup": lambda value: '"><script>',
        "-1": lambda value: -1,
        "large": lambda value: 2**62,
        "1e308": lambda value: 1e308,
        "NaN": lambda value: float("nan"),
        "lists": lambda value: [value, value],
        "many": lambda value: value * 100_000 if isinstance(value, list) else value,
        "another": lambda value: [one + 1 for one in value] if name == "segments" else value,
        "far": lambda value: [2**40 for _ in value] if name == "segments" else value,
        "a word": lambda value: pick(("ranking", "thumbs", "correction", "failed", "monday", "0" * 64), generator),
        "deep lists": lambda value: [[[[value]]]],
    }
    kind = pick(sorted(kinds), generator)
    changed = [{**row, name: kinds[kind](row[name])} for row in rows]
    if kind == "gone":
        changed = [{key: value for key, value in row.items() if key != name} for row in rows]
    with suppress(pa.ArrowException, OverflowError):
        parquet.write_table(pa.Table.from_pylist(changed), file)
        return f"{name} {kind} in {file.relative_to(folder)}"
    return ""


CHANGES: dict[str, Change] = {
    "plant": plant,
    "plant again": plant,
    "damage": damage,
    "json": change_json,
    "json again": change_json,
    "yaml": change_yaml,
    "arrays": change_arrays,
    "arrays again": change_arrays,
    "database": change_database,
    "table": change_table,
}
"""By name; what a folder has more of comes more often."""


def reseal(folder: Path) -> None:
    """Write checksums that are right, as far as they can be read: of checkpoints and feedback before those of runs."""
    for file in sorted(files_of(folder, "manifest.json"), key=lambda file: -len(file.parts)):
        if file.is_symlink() or file.stat().st_nlink > 1:
            continue
        with suppress(ValueError, TypeError, KeyError, AttributeError, OSError):
            manifest = read_sealed_json(file)
            for sums in (manifest.get("sha256") or {}, manifest.get("files") or {}):
                for name, value in [*sums.items()]:
                    if _can_be_summed(there := file.parent / name):
                        sums[name] = {**value, "sha256": digest(there)} if isinstance(value, dict) else digest(there)
            for shard in manifest.get("shards", ()):
                if _can_be_summed(there := file.parent.parent / shard["name"]):
                    shard["sha256"] = digest(there)
            write_sealed_json(file, manifest)


def _can_be_summed(file: Path) -> bool:
    return file.is_file() and not file.is_symlink() and file.stat().st_size < 2**30


def _change(content: Any, generator: Generator) -> tuple[str, Any]:  # noqa: ANN401
    """Replace, remove or add one value of a tree."""
    node, path = content, ""
    while True:
        keys = [*node] if isinstance(node, dict) else list(range(len(node)))
        value = pick(VALUES, generator)
        if not keys or generator.random() < 0.05:
            if isinstance(node, dict):
                node["more"] = value
            return f"{path}.more", value
        key = pick(keys, generator)
        path = f"{path}.{key}"
        inner = node[key]
        if isinstance(inner, (dict, list)) and inner and generator.random() < 0.8:
            node = inner
            continue
        if generator.random() < 0.15:
            del node[key]
            return path, "gone"
        node[key] = value
        return path, value


def _raw(text: str) -> str:
    for name, raw in _RAW.items():
        text = text.replace(f'"{name}"', raw).replace(f"'{name}'", raw)
    return text


def _write_journal(file: Path, named: Path) -> None:
    """Write a journal of a transaction over several databases, whose list of journals would be a file elsewhere."""
    page = 4096
    header = bytes.fromhex("d9d505f920a163d7") + (0).to_bytes(4, "big") + bytes(4) + (1).to_bytes(4, "big")
    header += (512).to_bytes(4, "big") + page.to_bytes(4, "big")
    name = str(named).encode()
    record = (0x40000000 // page + 1).to_bytes(4, "big") + name + len(name).to_bytes(4, "big")
    record += sum(name).to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    file.with_name(f"{file.name}-journal").write_bytes(header.ljust(512, b"\0") + record)


def _remove(place: Path) -> None:
    for path in sorted(place.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    place.rmdir()


def _bind(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        before = Path.cwd()
        os.chdir(place.parent)  # names of sockets are short
        try:
            bound.bind(place.name)
        finally:
            os.chdir(before)
