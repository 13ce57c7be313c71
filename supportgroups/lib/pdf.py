"""PDF documents from `templates/**/*.typ`, set by Typst. For the worker: each takes half a second.

The template gets its data as JSON, so no text of a person is ever read as markup. Documents are
tagged (PDF/UA-1) and the same data always gives the same bytes. `templates/pdf/base.typ` has the
page, the tables and the pictures that templates share.
"""

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from django.conf import settings

from supportgroups.lib.drawing import Plot

#: Seconds until a document is given up.
TIME = 60


class NotMade(Exception):
    """A document could not be set; the message is for the log, never for a person."""


def pdf(template_name: str, data: Mapping[str, Any]) -> bytes:
    """The document of a template under `templates/`.

    `data` is JSON: `title`, `made_on` (a date as ISO text, the document's own) and `language` are
    for the document itself, the rest is for the template.
    """
    templates = Path(settings.BASE_DIR) / "templates"
    order = {
        "template": str(templates / template_name),
        "root": str(templates),
        "fonts": str(templates / "pdf" / "fonts"),
        "data": json.dumps(_readable({"language": "en", **data}), ensure_ascii=False),
        "colours": json.dumps(colours()),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(Path(__file__).with_name("typesetting.py"))],
            input=json.dumps(order).encode(),
            capture_output=True,
            timeout=TIME,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotMade(f"{template_name} took too long.") from None
    if done.returncode:
        # What Typst says may quote the data.
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise NotMade(f"{template_name} failed: {last.partition(':')[0] or done.returncode}")
    return done.stdout


def _readable(value: Any) -> Any:
    """The data without what no document may hold: control characters and unassigned ones."""
    if isinstance(value, str):
        return "".join(
            letter
            for letter in value
            if letter in "\n\t"
            or (unicodedata.category(letter) not in ("Cc", "Cs", "Cn", "Co") and letter != "\ufeff")
        )
    if isinstance(value, Mapping):
        return {str(key): _readable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(part) for part in value]
    return value


@cache
def colours() -> dict[str, str]:
    """The light theme's colours by name ("ink", "chart-1"), read from the tokens of the pages."""
    css = (Path(settings.BASE_DIR) / "static" / "css" / "tokens.css").read_text()
    theme = css.split("/* theme: light */", 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--c-([a-z0-9-]+):\s*(#[0-9a-f]{6})", theme))


# Pictures ---------------------------------------------------------------------------------------

#: What `static/css/components/plot.css` says of each class, with the tokens' names for colours.
_LOOKS: dict[str, dict[str, str]] = {
    "": {"fill": "ink-2"},
    "strong": {"fill": "ink", "font-weight": "600"},
    "end": {"text-anchor": "end"},
    "mid": {"text-anchor": "middle"},
    "grid": {"stroke": "chart-grid", "fill": "none"},
    "axis": {"stroke": "line-strong", "fill": "none"},
    "band": {"fill": "chart-band", "fill-opacity": "0.6"},
    "line-1": {"stroke": "chart-1", "stroke-width": "3", "stroke-linejoin": "round"},
    "line-2": {"stroke": "chart-2", "stroke-width": "2.25", "stroke-dasharray": "6 5"},
    "dot-1": {"fill": "chart-1", "stroke": "surface", "stroke-width": "2"},
    "dot-2": {"fill": "chart-2", "stroke": "surface", "stroke-width": "2"},
    "dot-you": {"fill": "honey", "stroke": "ink", "stroke-width": "2"},
    "key-1": {"fill": "chart-1", "font-weight": "600"},
    "key-2": {"fill": "chart-2", "font-weight": "600"},
}


def picture(plot: Plot) -> str:
    """A chart as SVG that stands alone: attributes where a page has classes."""
    shapes = []
    for shape in plot.shapes:
        if shape.kind == "path":
            shapes.append(f'<path d="{shape.d}"{_look(shape.css, fill="none")}/>')
        elif shape.kind == "dot":
            place = f'cx="{shape.x}" cy="{shape.y}" r="{shape.r}"'
            shapes.append(f"<circle {place}{_look(shape.css)}/>")
        else:
            look = _look(f" {shape.css}", **{"font-family": "Figtree", "font-size": "13"})
            words = escape(shape.words)
            shapes.append(f'<text x="{shape.x}" y="{shape.y}"{look}>{words}</text>')
    size = f'width="{plot.width}" height="{plot.height}"'
    box = f'viewBox="0 0 {plot.width} {plot.height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>{"".join(shapes)}</svg>'


def _look(css: str, **look: str) -> str:
    for name in css.split(" "):
        look.update(_LOOKS[name])
    return "".join(f' {key}="{colours().get(value, value)}"' for key, value in look.items())
