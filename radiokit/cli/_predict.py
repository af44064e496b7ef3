"""``radiokit predict``: a frozen model on new cases."""

from __future__ import annotations

import argparse
from typing import Any

from radiokit.cli._common import (
    add_columns,
    add_reading,
    add_running,
    command,
    has_table_options,
    output_table,
    read_case_table,
)


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "predict",
        run,
        "apply a frozen model to new cases",
        "radiokit predict results/combined.rk cases.csv -o predictions.csv",
    )
    parser.add_argument("model", help="frozen model (.rk) of a study")
    parser.add_argument("cases", help="case table or folder, as for extract; or a table of the model's features")
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="predictions: .csv, .tsv, .xlsx or .parquet"
    )
    add_reading(parser)
    add_columns(parser)
    add_running(parser)


def run(options: argparse.Namespace) -> None:
    """Run it."""
    from radiokit.io import write_table
    from radiokit.study import load_signature

    output = output_table(options.output)
    model = load_signature(options.model)
    cases = options.cases
    if has_table_options(options):
        cases = read_case_table(options, optional=model.optional_sequences)
    predictions = model.predict(cases, n_jobs=options.jobs, progress=not options.quiet)
    write_table(predictions, output)
    print(f"{output}: predictions of {len(predictions)} cases")
