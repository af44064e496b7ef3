"""The nomogram as one HTML file: its numbers as JSON, and the formula in a few lines of JavaScript."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from radiokit.utils import write_text


def write_page(numbers: Mapping[str, Any], path: str | os.PathLike[str], title: str) -> None:
    """Write the page, whole or not at all."""
    template = files("radiokit.nomogram").joinpath("nomogram.html").read_text(encoding="utf-8")
    page = template.replace("{{title}}", html.escape(title))
    write_text(path, page.replace("{{model}}", _script_safe(numbers)))


def _script_safe(content: Mapping[str, Any]) -> str:
    """JSON that cannot end the script it stands in."""
    text = json.dumps(content, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
