"""What the commands share: their arguments, the case table they read, and the place they write to."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Each command imports what it needs when it runs, so that --help answers at once.


def say(message: str) -> None:
    """Write a line for the user, apart from the result."""
    print(message, file=sys.stderr, flush=True)


def command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int | None], summary: str, example: str
) -> argparse.ArgumentParser:
    """Add a command; `run` returns how many cases failed."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_running(parser: argparse.ArgumentParser, jobs: str = "1") -> None:
    """Add how a command runs."""
    parser.add_argument("--jobs", type=int, metavar="N", help=f"worker processes; -1: all cores (default: {jobs})")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add how a case table is read."""
    parser.add_argument("--root", metavar="FOLDER", help="where relative paths start (default: the table's folder)")
    parser.add_argument("--id", metavar="COLUMN", help="column of case ids, if it has an unusual name")
    parser.add_argument("--image", metavar="COLUMN", help="column of images, if it has an unusual name")
    parser.add_argument("--mask", metavar="COLUMN", help="column of masks, if it has an unusual name")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add how images and masks are read."""
    parser.add_argument(
        "--roi",
        action="append",
        default=[],
        metavar="[NAME=]REGION",
        help="region in DICOM masks: number, name or pattern such as 'GTV*'; again with the name of a sequence where "
        "they differ: --roi 'CT=GTV*' --roi 'PT=lesion 1'",
    )
    parser.add_argument(
        "--suv",
        action="append",
        default=[],
        metavar="[NAME=]KIND",
        help="turn PET DICOM into standardised uptake values: bw, lbm or bsa; of one sequence: --suv PT=bw",
    )


def read_case_table(
    options: argparse.Namespace, *, on_error: Any = "raise", optional: Sequence[str] | None = ()
) -> pd.DataFrame:
    """Read the case table by the options of the command line."""
    from radiokit.io import read_cases

    cases = read_cases(
        options.cases,
        root=options.root,
        id=options.id,
        image=options.image,
        mask=options.mask,
        on_error=on_error,
        optional=optional,
    )
    return with_reading_options(cases, options)


def with_reading_options(cases: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    """Return the table with the regions and units that the command line names."""
    from radiokit.io.sequences import with_reading

    for part in ("roi", "suv"):
        cases = with_reading(cases, part, getattr(options, part))
    return cases


def has_table_options(options: argparse.Namespace) -> bool:
    """Whether any option tells how to read the case table."""
    return any((options.root, options.id, options.image, options.mask, options.roi, options.suv))


def output_table(text: str) -> Path:
    """Return the path of a table to write, where that can be done now."""
    from radiokit.utils.table_writer import check_table_path

    path = Path(text)
    check_table_path(path)
    return path


def output_folder(text: str | Path) -> Path:
    """Return a folder to write into, where that can be done now."""
    from radiokit.utils.files import check_folder

    path = Path(text)
    check_folder(path.absolute())
    return path


def beside(path: Path, what: str) -> Path:
    """Return the name of a table that goes with another."""
    return path.with_name(f"{path.stem}.{what}.csv")
