"""``radiokit extract``: the features of all cases of a table or folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiokit.cli._common import (
    add_columns,
    add_reading,
    add_running,
    beside,
    command,
    output_table,
    read_case_table,
    say,
)
from radiokit.exceptions import FileError

if TYPE_CHECKING:
    import pandas as pd

    from radiokit.features import RadiomicsExtractor


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "extract",
        run,
        "compute the features of all cases of a table or folder",
        "radiokit extract cases.csv -o features.csv --params params.yaml --jobs 4 --cache cache --on-error nan",
    )
    parser.add_argument("cases", help="case table (csv, tsv, xlsx, parquet; columns case_id, image, mask), or folder")
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="table to write: .csv, .tsv, .xlsx, .parquet"
    )
    parser.add_argument("--params", metavar="FILE", help="parameter file in pyradiomics' format (see radiokit params)")
    parser.add_argument("--cache", metavar="FOLDER", help="keep finished cases here; a new run does only the others")
    parser.add_argument(
        "--on-error",
        choices=("raise", "nan"),
        default="raise",
        help="stop with the first case that fails (default), or keep its row empty, list it in FILE.failures.csv, and "
        "go on; a missing file fails its case",
    )
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="a case that takes longer fails alone")
    parser.add_argument("--memory", type=float, metavar="GIB", help="a case that wants more fails alone (Linux)")
    add_reading(parser)
    add_columns(parser)
    add_running(parser)


def run(options: argparse.Namespace) -> int:
    """Run it; return how many cases failed."""
    from radiokit.features import Limits, RadiomicsExtractor
    from radiokit.io.sequences import sequences_of

    output = output_table(options.output)
    extractor = RadiomicsExtractor() if options.params is None else RadiomicsExtractor.from_params(options.params)
    limited = options.timeout is not None or options.memory is not None
    extractor.set_params(
        n_jobs=options.jobs,
        cache=options.cache,
        on_error=options.on_error,
        limits=Limits(timeout=options.timeout, memory=options.memory) if limited else None,
        progress=not options.quiet,
    )
    sequences = sequences_of(read_case_table(options, on_error=options.on_error))
    if len(sequences) == 1 and output.suffix.lower() == ".parquet":
        done = extractor.extract_to(next(iter(sequences.values())), output)
        _write({}, output, done.failures)
        return _report(output, done.n_cases, done.n_features, done.failures)
    features, failures, provenance = _all_sequences(extractor, sequences)
    _write({output: features, beside(output, "provenance"): provenance}, output, failures)
    return _report(output, len(features), features.shape[1], failures)


def _all_sequences(
    extractor: RadiomicsExtractor, sequences: dict[str, pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Extract each sequence of the table; with several, columns begin with the name of theirs."""
    import pandas as pd

    done = {name: extractor.extract(table) for name, table in sequences.items()}
    if len(done) == 1:
        only = next(iter(done.values()))
        return only.features, only.failures, only.provenance
    return (
        pd.concat([d.features.add_prefix(f"{name}_") for name, d in done.items()], axis="columns"),
        pd.concat([d.failures.assign(sequence=name) for name, d in done.items()], ignore_index=True),
        pd.concat([d.provenance.add_prefix(f"{name}_") for name, d in done.items()], axis="columns"),
    )


def _write(tables: dict[Path, pd.DataFrame], output: Path, failures: pd.DataFrame) -> None:
    """Write all tables and that of the failures, or none of them."""
    from radiokit.io import write_table

    listed = beside(output, "failures")
    listed.unlink(missing_ok=True)  # of an earlier run on the same output
    if len(failures):
        tables = {**tables, listed: failures.set_index("case_id")}
    written: list[Path] = []
    try:
        for path, table in tables.items():
            write_table(table, path)
            written.append(path)
    except FileError:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _report(output: Path, n_cases: int, n_features: int, failures: pd.DataFrame) -> int:
    """Print what was done; return how many cases failed."""
    print(f"{output}: {n_features} features of {n_cases} cases")
    failed = int(failures["case_id"].nunique())
    if failed:
        say(f"warning: {failed} of {n_cases} cases failed and have gaps: see {beside(output, 'failures')}")
    return failed
