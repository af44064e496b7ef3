"""What the layout promises: light imports, no side effects at import, two halves that never load each other."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import radiokit

PACKAGE = Path(radiokit.__file__).parent
# The tuple of ICC forms belongs to the statistic; a study reads it to refuse a misspelt form before it extracts.
PRIVATE_IMPORTS = {("study", "stats._icc")}
STATISTICS = ("engine", "stats", "selection", "harmonization", "models", "survival", "nomogram", "validation")
IMAGING = ("io", "datasets", "preprocessing", "filters", "features")


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_import_radiokit_loads_nothing_heavy() -> None:
    loaded = modules_after("import radiokit")
    assert not loaded & {"numpy", "pandas", "SimpleITK", "torch", "matplotlib", "sklearn", "numba"}


@pytest.mark.parametrize("room", STATISTICS)
def test_a_statistician_loads_no_image_reader(room: str) -> None:
    assert not modules_after(f"import radiokit.{room}") & {"SimpleITK", "matplotlib", "torch", "pydicom"}


@pytest.mark.parametrize("room", IMAGING)
def test_a_physicist_loads_no_survival_model(room: str) -> None:
    assert not modules_after(f"import radiokit.{room}") & {"lifelines", "statsmodels", "xgboost", "matplotlib", "torch"}


def test_the_deep_room_loads_no_torch_before_it_computes() -> None:
    assert not modules_after("import radiokit.deep") & {"torch", "monai", "lifelines", "xgboost", "matplotlib"}


def test_import_leaves_the_process_as_it_was() -> None:
    code = (
        "import warnings, logging, os\n"
        "before = (list(warnings.filters), logging.getLogger().handlers[:], dict(os.environ))\n"
        "import radiokit.study, radiokit.plotting, radiokit.features, radiokit.validation, radiokit.deep\n"
        "ours = [f for f in warnings.filters if f not in before[0] and 'radiokit' in str(f)]\n"
        "assert not ours and logging.getLogger().handlers == before[1]"
    )
    modules_after(code)


def imports_of_other_packages(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Each module of radiokit that a file imports from outside its own package, as (own package, parts of the name)."""
    own = file.relative_to(PACKAGE).parts[0]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("radiokit."):
            parts = str(node.module).split(".")[1:]
            for name in node.names:
                is_module = PACKAGE.joinpath(*parts, f"{name.name}.py").exists()
                if parts[0] != own:
                    yield own, [*parts, name.name] if is_module else parts


def test_no_package_enters_the_private_modules_of_another() -> None:
    private = {
        (own, ".".join(parts))
        for file in sorted(PACKAGE.rglob("*.py"))
        if file.parent != PACKAGE
        for own, parts in imports_of_other_packages(file)
        if any(part.startswith("_") for part in parts)
    }
    assert private == PRIVATE_IMPORTS
