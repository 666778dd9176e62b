"""What parts do, in a line, and their papers: read from docstrings in the source, so that nothing is imported."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

_PAPER = re.compile(r"\s*\(([^()]*(?:arXiv:\d{4}\.\d{4,5}|\b(?:19|20)\d\d\b)[^()]*)\)")
"""A reference in brackets: with a number of arXiv, or a year."""


class Description(NamedTuple):
    """A part in words."""

    line: str
    """What it does."""
    paper: str
    """Its paper; empty for none."""


def describe(path: str, *, of_module: bool) -> Description:
    """Describe a class or function by the first line of its docstring, or of that of its module.

    Args:
        path: `module:Name`.
        of_module: Whether the module has nothing else to describe, so that its own docstring says what it is.
    """
    module, _, name = path.partition(":")
    tree = _parse(module)
    if tree is None:
        return Description("", "")
    about = ast.get_docstring(tree) or ""
    found = next((node for node in tree.body if getattr(node, "name", None) == name), None)
    own = (ast.get_docstring(found) or "") if isinstance(found, ast.ClassDef | ast.FunctionDef) else ""
    text = about if of_module or not own else own
    first = " ".join(text.split("\n\n")[0].split())
    paper = next((match[1] for match in map(_PAPER.search, (first, about)) if match), "")
    return Description(_PAPER.sub("", first).rstrip("."), paper)


def _parse(module: str) -> ast.Module | None:
    """Parse the source of a module; None if there is none."""
    try:
        spec = find_spec(module)
        return None if spec is None or spec.origin is None else ast.parse(Path(spec.origin).read_text("utf-8"))
    except (ImportError, ValueError, OSError, SyntaxError):
        return None
