"""The command line: radiokit demo | extract | study | predict | params."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    raise SystemExit(f"not wired yet: {arguments}")
