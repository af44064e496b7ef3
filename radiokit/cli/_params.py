"""``radiokit params``: a parameter file, checked and complete."""

from __future__ import annotations

import argparse
from typing import Any

from radiokit.cli._common import command


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "params",
        run,
        "print the default parameter file, or check one and print what it comes to",
        "radiokit params > params.yaml; radiokit params params.yaml",
    )
    parser.add_argument("file", nargs="?", help="parameter file to check")


def run(options: argparse.Namespace) -> None:
    """Run it."""
    from radiokit.features import RadiomicsExtractor
    from radiokit.features.params_file import params_to_text

    extractor = RadiomicsExtractor() if options.file is None else RadiomicsExtractor.from_params(options.file)
    print(params_to_text(extractor), end="")
