"""The command line: radiokit demo | doctor | extract | study | predict | params."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiokit._version import __version__
from radiokit.exceptions import RadiokitError, RadiokitWarning

if TYPE_CHECKING:
    import pandas as pd

    from radiokit.features import RadiomicsExtractor

# Each command imports what it needs when it runs, so that --help answers at once.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        Exit status: 0, or 2 after a line ``error: ...`` on standard error.
    """
    options = _parser().parse_args(arguments)
    try:
        with _plain_warnings():
            options.run(options)
            sys.stdout.flush()
    except RadiokitError as error:
        return _failed(str(error))
    except BrokenPipeError:  # the reader of a pipe has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _failed(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
    except KeyboardInterrupt:
        _say("stopped; with --cache a new run goes on where this one was")
        return 130
    return 0


def _failed(message: str) -> int:
    _say(f"error: {message}")
    return 2


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        _say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", RadiokitWarning)
        warnings.showwarning = show
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="radiokit", description="Radiomics studies from segmented tumours to a report. Try: radiokit demo"
    )
    parser.add_argument("--version", action="version", version=f"radiokit {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_doctor(commands)
    _add_extract(commands)
    _add_study(commands)
    _add_predict(commands)
    _add_params(commands)
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], summary: str, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_running(parser: argparse.ArgumentParser, jobs: str = "1") -> None:
    parser.add_argument("--jobs", type=int, metavar="N", help=f"worker processes; -1: all cores (default: {jobs})")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", metavar="FOLDER", help="where relative paths start (default: the table's folder)")
    parser.add_argument("--id", metavar="COLUMN", help="column of case ids, if it has an unusual name")
    parser.add_argument("--image", metavar="COLUMN", help="column of images, if it has an unusual name")
    parser.add_argument("--mask", metavar="COLUMN", help="column of masks, if it has an unusual name")


def _cases(options: argparse.Namespace) -> pd.DataFrame:
    from radiokit.io import read_cases

    return read_cases(options.cases, root=options.root, id=options.id, image=options.image, mask=options.mask)


def _out_table(text: str) -> Path:
    from radiokit.io._write import check_table_path

    path = Path(text)
    check_table_path(path)
    return path


# ---------------------------------------------------------------------------------------------------------------- demo


def _add_demo(commands: Any) -> None:
    parser = _command(
        commands,
        "demo",
        _demo,
        "run a whole study on an embedded cohort, and write its report",
        "radiokit demo my-demo",
    )
    parser.add_argument("folder", nargs="?", default="radiokit-demo", help="where to write (default: %(default)s)")
    _add_running(parser, jobs="up to 2")


def _demo(options: argparse.Namespace) -> None:
    from radiokit.study import run_demo

    report = run_demo(options.folder, n_jobs=options.jobs, progress=not options.quiet)
    print(f"report: {Path(report).absolute()}")


# ------------------------------------------------------------------------------------------------------------- extract


def _add_extract(commands: Any) -> None:
    parser = _command(
        commands,
        "extract",
        _extract,
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
        help="stop with the first case that fails (default), or keep its row empty and go on",
    )
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="a case that takes longer fails alone")
    parser.add_argument("--memory", type=float, metavar="GIB", help="a case that wants more fails alone (Linux)")
    parser.add_argument("--roi", help="region in DICOM masks: number, name or pattern such as 'GTV*'")
    parser.add_argument("--suv", choices=("bw", "lbm", "bsa"), help="turn PET DICOM into standardised uptake values")
    _add_columns(parser)
    _add_running(parser)


def _extract(options: argparse.Namespace) -> None:
    from radiokit.features import Limits, RadiomicsExtractor
    from radiokit.io import write_table
    from radiokit.io._sequences import sequences_of

    output = _out_table(options.output)
    extractor = RadiomicsExtractor() if options.params is None else RadiomicsExtractor.from_params(options.params)
    limited = options.timeout is not None or options.memory is not None
    extractor.set_params(
        n_jobs=options.jobs,
        cache=options.cache,
        on_error=options.on_error,
        limits=Limits(timeout=options.timeout, memory=options.memory) if limited else None,
        progress=not options.quiet,
    )
    told = {key: value for key, value in (("roi", options.roi), ("suv", options.suv)) if value is not None}
    sequences = {name: table.assign(**told) for name, table in sequences_of(_cases(options)).items()}
    if len(sequences) == 1 and output.suffix.lower() == ".parquet":
        done = extractor.extract_to(next(iter(sequences.values())), output)
        _report_extraction(output, done.n_cases, done.n_features, done.failures)
        return
    features, failures, provenance = _all_sequences(extractor, sequences)
    write_table(provenance, _beside(output, "provenance"))
    write_table(features, output)
    _report_extraction(output, len(features), features.shape[1], failures)


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


def _report_extraction(output: Path, n_cases: int, n_features: int, failures: pd.DataFrame) -> None:
    from radiokit.io import write_table

    beside = _beside(output, "failures")
    if len(failures):
        write_table(failures.set_index("case_id"), beside)
    else:
        beside.unlink(missing_ok=True)  # of an earlier run on the same output
    print(f"{output}: {n_features} features of {n_cases} cases")
    if len(failures):
        _say(f"warning: {failures['case_id'].nunique()} of {n_cases} cases failed and have gaps: see {beside}")


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.stem}.{what}.csv")


# -------------------------------------------------------------------------------------------------------------- doctor


def _add_doctor(commands: Any) -> None:
    parser = _command(
        commands,
        "doctor",
        _doctor,
        "look at every case of a cohort and list what to mend before a long run",
        "radiokit doctor cases.csv --sheet sheet.html",
    )
    parser.add_argument("cases", help="case table or folder, as for extract")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the findings as a table too")
    parser.add_argument("--sheet", metavar="FILE", help="write a page with every mask over its slice (HTML)")
    _add_columns(parser)
    _add_running(parser)


def _doctor(options: argparse.Namespace) -> None:
    from radiokit.io import check_cases, write_contact_sheet, write_table

    output = None if options.output is None else _out_table(options.output)
    cases = _cases(options)
    found = check_cases(cases, n_jobs=options.jobs, progress=not options.quiet)
    if options.sheet is not None:
        write_contact_sheet(cases, options.sheet, n_jobs=options.jobs, progress=not options.quiet)
    if output is not None:
        write_table(found.set_index("case_id"), output)
    for row in found.itertuples():
        print(" ".join(filter(None, (f"{row.severity}:", row.case_id, row.sequence, f"[{row.check}]", row.message))))
    errors = int((found["severity"] == "error").sum())
    print(f"{len(cases)} cases: {errors} errors, {len(found) - errors} warnings")


# --------------------------------------------------------------------------------------------------- study and predict


def _add_study(commands: Any) -> None:
    parser = _command(
        commands,
        "study",
        _study,
        "run the study that a file describes: tables, figures, frozen models, report.html",
        "radiokit study study.yaml -o results --jobs 2",
    )
    parser.add_argument("file", help="study file (YAML)")
    parser.add_argument("-o", "--output", metavar="FOLDER", help="where to write (default: FILE without .yaml)")
    parser.add_argument("--cache", metavar="FOLDER", help="keep finished work here; a new run does only the rest")
    _add_running(parser)


def _study(options: argparse.Namespace) -> None:
    from radiokit.study import Study

    folder = Path(options.output) if options.output else Path(options.file).with_suffix("")
    result = Study.from_yaml(options.file).run(n_jobs=options.jobs, cache=options.cache, progress=not options.quiet)
    result.save(folder)
    print(f"report: {result.report(folder / 'report.html').absolute()}")


def _add_predict(commands: Any) -> None:
    parser = _command(
        commands,
        "predict",
        _predict,
        "apply a frozen model to new cases",
        "radiokit predict results/combined.rk cases.csv -o predictions.csv",
    )
    parser.add_argument("signature", help="frozen model (.rk) of a study")
    parser.add_argument("cases", help="case table or folder, as for extract; or a table of the model's features")
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="predictions: .csv, .tsv, .xlsx or .parquet"
    )
    _add_columns(parser)
    _add_running(parser)


def _predict(options: argparse.Namespace) -> None:
    from radiokit.io import write_table
    from radiokit.study import load_signature

    output = _out_table(options.output)
    signature = load_signature(options.signature)
    told = any((options.root, options.id, options.image, options.mask))
    cases = _cases(options) if told else options.cases
    predictions = signature.predict(cases, n_jobs=options.jobs, progress=not options.quiet)
    write_table(predictions, output)
    print(f"{output}: predictions of {len(predictions)} cases")


# -------------------------------------------------------------------------------------------------------------- params


def _add_params(commands: Any) -> None:
    parser = _command(
        commands,
        "params",
        _params,
        "print the default parameter file, or check one and print what it comes to",
        "radiokit params > params.yaml; radiokit params params.yaml",
    )
    parser.add_argument("file", nargs="?", help="parameter file to check")


def _params(options: argparse.Namespace) -> None:
    from radiokit.features import RadiomicsExtractor
    from radiokit.io import write_params

    extractor = RadiomicsExtractor() if options.file is None else RadiomicsExtractor.from_params(options.file)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "params.yaml")
        write_params(extractor, path)
        print(path.read_text(), end="")
