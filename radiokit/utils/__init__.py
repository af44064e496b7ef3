"""What every package needs: tables and outcomes checked on input, files, parallel loops, seeds, optional imports."""

from radiokit.utils._digest import content_hash
from radiokit.utils._extraction import Extraction
from radiokit.utils._limits import Limits
from radiokit.utils._optional import import_optional
from radiokit.utils._parallel import parallel_map, track
from radiokit.utils._random import as_random_state, spawn_seeds
from radiokit.utils._runner import run_cases
from radiokit.utils._same_rows import same_rows
from radiokit.utils._stream import ExtractionFile, run_cases_to
from radiokit.utils._targets import (
    SURVIVAL_DTYPE,
    as_survival_target,
    check_binary_target,
    check_survival_target,
    is_survival_target,
    spells_outcome,
)
from radiokit.utils._threads import one_thread
from radiokit.utils._ties import tie_times, tie_to
from radiokit.utils._yaml import parse_yaml, read_yaml, yaml_text
from radiokit.utils.cache import CaseResult
from radiokit.utils.docs import fill_docstrings
from radiokit.utils.feature_checks import feature_values
from radiokit.utils.files import atomic_write, read_bytes, regular_file, write_bytes, write_text
from radiokit.utils.id_names import ID_NAMES
from radiokit.utils.levels import cell_text, level_key, one_spelling
from radiokit.utils.table import Table, as_table
from radiokit.utils.table_writer import write_table
from radiokit.utils.warned import collect_warnings, drop_warnings

__all__ = [
    "ID_NAMES",
    "SURVIVAL_DTYPE",
    "CaseResult",
    "Extraction",
    "ExtractionFile",
    "Limits",
    "Table",
    "as_random_state",
    "as_survival_target",
    "as_table",
    "atomic_write",
    "cell_text",
    "check_binary_target",
    "check_survival_target",
    "collect_warnings",
    "content_hash",
    "drop_warnings",
    "feature_values",
    "import_optional",
    "is_survival_target",
    "level_key",
    "one_spelling",
    "one_thread",
    "parallel_map",
    "parse_yaml",
    "read_bytes",
    "read_yaml",
    "regular_file",
    "run_cases",
    "run_cases_to",
    "same_rows",
    "spawn_seeds",
    "spells_outcome",
    "tie_times",
    "tie_to",
    "track",
    "write_bytes",
    "write_table",
    "write_text",
    "yaml_text",
]

fill_docstrings(__name__)
