"""What is shipped: every package, under one import root, in one version."""

import fnmatch
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import prefgym

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS: dict[str, Any] = PYPROJECT["tool"]["setuptools"]
LINKS = {"prefgym/agents": "../agents", "prefgym/envs": "../envs"}


def packages_on_disk() -> dict[str, str]:
    """Map each package to its folder: `prefgym.agents` stands in agents/, all others where their name says."""
    packages: dict[str, str] = {}
    for top, prefix in (("prefgym", "prefgym"), ("agents", "prefgym.agents"), ("envs", "prefgym.envs")):
        for folder, folders, files in os.walk(ROOT / top):  # does not walk into links
            folders[:] = [name for name in folders if name != "__pycache__"]
            if "__init__.py" in files:
                inner = PurePosixPath(Path(folder).relative_to(ROOT / top).as_posix())
                packages[".".join((prefix, *inner.parts))] = str(PurePosixPath(top) / inner)
    return packages


def mapped_folder(package: str) -> str:
    """Say where setuptools looks for a package: the longest mapped prefix, then one folder per further name.

    >>> mapped_folder("prefgym.agents.common")
    'agents/common'
    """
    package_dir: dict[str, str] = SETUPTOOLS["package-dir"]
    head, tail = package, list[str]()
    while head not in package_dir:
        head, _, last = head.rpartition(".")
        tail.insert(0, last)
    return str(PurePosixPath(package_dir[head], *tail))


def pins() -> dict[str, str]:
    """Read constraints.txt: one exact version per name."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pairs = [line.split("==") for line in lines if line]
    return {canonicalize_name(name): version for name, version in pairs}


def requirements() -> list[Requirement]:
    """List the requirements of the core and of every extra."""
    project = PYPROJECT["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    return [Requirement(text) for text in texts]


def test_every_package_is_listed() -> None:
    assert sorted(SETUPTOOLS["packages"]) == sorted(packages_on_disk())


def test_packages_are_found_where_they_stand() -> None:
    assert {package: mapped_folder(package) for package in SETUPTOOLS["packages"]} == packages_on_disk()


def test_every_data_file_is_shipped() -> None:
    patterns: dict[str, list[str]] = SETUPTOOLS["package-data"]
    left_out: list[str] = []
    for package, folder in packages_on_disk().items():
        wanted = [f"{folder}/{pattern}" for pattern in patterns.get(package, [])]
        inner = {path for other, path in packages_on_disk().items() if other.startswith(f"{package}.")}
        for path in (ROOT / folder).rglob("*"):  # does not walk into links
            name = path.relative_to(ROOT).as_posix()
            owned = not any(name.startswith(f"{other}/") for other in inner)
            if owned and path.is_file() and path.suffix not in {".py", ".pyc"}:
                left_out += [] if any(fnmatch.fnmatch(name, pattern) for pattern in wanted) else [name]
    assert left_out == [], "these files are in no pattern of [tool.setuptools.package-data]"


def test_types_are_shipped() -> None:
    assert "py.typed" in SETUPTOOLS["package-data"]["prefgym"]
    assert (ROOT / "prefgym" / "py.typed").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights of their own on Windows")
@pytest.mark.parametrize(("link", "target"), LINKS.items())
def test_links_are_links(link: str, target: str) -> None:
    assert (ROOT / link).is_symlink()
    assert os.readlink(ROOT / link) == target


@pytest.mark.parametrize("name", ["agents", "envs"])
def test_folders_are_no_packages_of_their_own(name: str) -> None:
    """A second import of a file under a second name would make a second, different class of everything in it."""
    done = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"ImportError: import prefgym.{name}" in done.stderr


def test_versions_agree() -> None:
    released = re.search(r"^## \[?(\d[^]\s]*)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert released is not None
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    versions = {PYPROJECT["project"]["version"], prefgym.__version__, str(citation["version"]), released[1]}
    assert len(versions) == 1, versions


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_a_tested_version_meets_the_bound(requirement: Requirement) -> None:
    if canonicalize_name(requirement.name) == "prefgym":
        return  # an extra that contains another one
    assert all(specifier.operator in {">=", "<"} for specifier in requirement.specifier), "bounds, not pins"
    assert any(specifier.operator == ">=" for specifier in requirement.specifier), "a lower bound is missing"
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])
