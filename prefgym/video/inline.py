"""The viewer inside pages that are one file: its modules as one script, and a page of segments alone."""

import base64
import gzip
import re
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from importlib import resources

from prefgym.core.segments import Segments
from prefgym.video.drawing import POSES, CannotDraw, Drawer

MODULES = (
    *("linear", "meshes", "shaders", "program", "palette", "poses", "camera", "pointers", "clock", "pack"),
    *("scene", "flat", "clip", "viewer", "look"),
)
"""Modules of the viewer, each after those that it imports."""
_START = "watchButtons();\n"
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 0; height: 100vh; display: grid }
figure { margin: 0; display: grid; grid-template-rows: 1fr auto; min-height: 0 }
figcaption { padding: 6px 14px 12px }
figcaption button { display: none }
.look { position: relative; display: grid; grid-template-rows: 1fr auto; min-height: 0 }
.look-names { display: none }
.look canvas { width: 100%; height: 100%; min-height: 0; display: block; touch-action: none; cursor: grab }
.look-bar { display: flex; gap: 8px; padding: 8px 14px 0 }
.look input { flex: 1 }
"""


def viewer_script() -> str:
    """Return all modules of the viewer as one: without their imports, and without comments.

    It makes buttons with `data-poses` show their segments; the element `shapes` holds the geometry (`packed_shapes`).
    """
    folder = resources.files("prefgym.video") / "viewer"
    sources = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    return "".join(map(_plain, sources)) + _START


def packed_shapes(geometry: bytes) -> str:
    """Pack a geometry as the text of `<script type="application/json" id="shapes">`."""
    return base64.b64encode(gzip.compress(geometry, 9, mtime=0)).decode("ascii")


def packed_poses(segments: Sequence[bytes]) -> str:
    """Pack the poses of segments as the attribute `data-poses` of a button."""
    return " ".join(base64.b64encode(content).decode("ascii") for content in segments)


def script_hash(script: str) -> str:
    """Return the source of a content security policy that allows a script inside the page."""
    return f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode('ascii')}'"


def segment_page(drawer: Drawer, segments: Sequence[Segments], title: str) -> str:
    """Return a page of segments side by side, in one file that loads nothing.

    Args:
        drawer: What draws segments of their environment.
        segments: Segments without batch axes.
        title: Title and caption, text.

    Raises:
        CannotDraw: If they have no states, or there is no MuJoCo model.
    """
    geometry, drawings = drawer.geometry(), [drawer.draw(segment) for segment in segments]
    if geometry is None or any(drawing.media_type != POSES for drawing in drawings):
        raise CannotDraw(f"segments of {drawer.name} have no physics states to be drawn in 3-D.")
    script, poses = viewer_script(), packed_poses([drawing.content for drawing in drawings])
    policy = f"default-src 'none'; script-src {script_hash(script)}; style-src 'unsafe-inline'; img-src data:"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<figure><figcaption>{escape(title)} <button data-poses="{poses}" data-open>3-D</button></figcaption></figure>
<script type="application/json" id="shapes">{packed_shapes(geometry)}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def _plain(source: str) -> str:
    """Take imports, the word export, comments and indents out of a module."""
    source = re.sub(r"^/\*\*.*?\*/\n", "", source, flags=re.DOTALL | re.MULTILINE)
    source = re.sub(r"^ +/\*\*.*?\*/\n", "", source, flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in source.splitlines() if not re.match(r"\s*//|import .*;$|export \{|$", line)]
    shown = (re.sub(r"\s*//.*", "", re.sub(r"^export ", "", line)).strip() for line in lines)  # no text has //
    return "".join(f"{line}\n" for line in shown)
