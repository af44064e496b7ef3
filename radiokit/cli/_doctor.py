"""``radiokit doctor``: what is wrong with a cohort, before a long run shows it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from radiokit.cli._common import (
    add_columns,
    add_reading,
    add_running,
    command,
    output_folder,
    output_table,
    read_case_table,
)


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "doctor",
        run,
        "look at every case of a cohort and list what to mend before a long run",
        "radiokit doctor cases.csv --sheet sheet.html",
    )
    parser.add_argument("cases", help="case table or folder, as for extract")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the findings as a table too")
    parser.add_argument("--sheet", metavar="FILE", help="write a page with every mask over its slice (HTML)")
    add_reading(parser)
    add_columns(parser)
    add_running(parser)


def run(options: argparse.Namespace) -> int:
    """Run it; return the number of errors in the cohort."""
    from radiokit.io import check_cases, write_contact_sheet, write_table

    output = None if options.output is None else output_table(options.output)
    if options.sheet is not None:
        output_folder(Path(options.sheet).absolute().parent)
    cases = read_case_table(options, on_error="nan")
    found = check_cases(cases, n_jobs=options.jobs, progress=not options.quiet)
    if options.sheet is not None:
        write_contact_sheet(cases, options.sheet, n_jobs=options.jobs, progress=not options.quiet)
    if output is not None:
        write_table(found.set_index("case_id"), output)
    for row in found.itertuples():
        print(" ".join(filter(None, (f"{row.severity}:", row.case_id, row.sequence, f"[{row.check}]", row.message))))
    errors = int((found["severity"] == "error").sum())
    print(f"{len(cases)} cases: {errors} errors, {len(found) - errors} warnings")
    return errors
