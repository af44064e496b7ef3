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
STATISTICS = ("engine", "stats", "selection", "harmonization", "models", "survival", "nomogram", "validation")
IMAGING = ("io", "datasets", "preprocessing", "filters", "features")

# What writes a file by itself, and what may: pipes, the null device and a lock are no files of results.
WRITES = {
    *("write_text", "write_bytes", "to_csv", "to_parquet", "to_excel", "to_json", "to_pickle", "to_html", "to_feather"),
    *("savefig", "savez", "savez_compressed", "savetxt", "tofile", "dump", "WriteImage", "ParquetWriter"),
    *("ExcelWriter", "ZipFile", "save_file"),
}
NO_RESULTS = {"utils/_child.py", "utils/_process.py", "utils/_lock.py"}

# `radiokit.io.read_params` is a public name whose code lives beside the extractor; it is looked up when asked for.
ALIASES = {("radiokit.io", "radiokit.features")}


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


@pytest.mark.parametrize("package", STATISTICS)
def test_statistics_load_no_image_reader(package: str) -> None:
    assert not modules_after(f"import radiokit.{package}") & {"SimpleITK", "matplotlib", "torch", "pydicom"}


@pytest.mark.parametrize("package", IMAGING)
def test_imaging_loads_no_survival_model(package: str) -> None:
    assert not modules_after(f"import radiokit.{package}") & {
        "lifelines",
        "statsmodels",
        "xgboost",
        "matplotlib",
        "torch",
    }


def test_deep_loads_no_torch_before_it_computes() -> None:
    assert not modules_after("import radiokit.deep") & {"torch", "monai", "lifelines", "xgboost", "matplotlib"}


def test_import_leaves_the_process_as_it_was() -> None:
    code = (
        "import warnings, logging, os, sklearn\n"  # scikit-learn sets variables of OpenMP itself
        "before = (list(warnings.filters), logging.getLogger().handlers[:], dict(os.environ))\n"
        "import radiokit.study, radiokit.plotting, radiokit.features, radiokit.validation, radiokit.deep\n"
        "ours = [f for f in warnings.filters if f not in before[0] and 'radiokit' in str(f)]\n"
        "assert not ours, ours\n"
        "assert logging.getLogger().handlers == before[1] and dict(os.environ) == before[2]"
    )
    assert {"radiokit.study", "radiokit.deep"} <= modules_after(code)


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
    assert not private


def writes(tree: ast.Module) -> Iterator[str]:
    """Each call that writes a file, but for those that write to a draft of `atomic_write` or into memory."""
    allowed = {"draft", "drafts"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
            name in ast.unparse(node.value) for name in ("BytesIO()", "StringIO()")
        ):
            allowed |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        if isinstance(node, ast.withitem) and node.optional_vars is not None:
            inner = {n.id for n in ast.walk(node.context_expr) if isinstance(n, ast.Name)}
            if inner & allowed or "BytesIO()" in ast.unparse(node.context_expr):
                allowed.add(ast.unparse(node.optional_vars))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        modes = {arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
        opens = name == "open" and any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)
        saves = isinstance(node.func, ast.Attribute) and (
            (name in WRITES and bool(node.args))
            or (name == "save" and ast.unparse(node.func) in ("np.save", "torch.save"))
        )
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        if (opens or saves) and not used & allowed:
            yield f"line {node.lineno}: {ast.unparse(node)[:80]}"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("table.to_csv(path)", True),
        ("open(path, 'w')", True),
        ("path.open(mode='ab')", True),
        ("np.save(path, array)", True),
        ("text = table.to_csv(index=False)", False),
        ("with atomic_write(path) as draft:\n    table.to_csv(draft)", False),
        ("path.open('rb')", False),
        ("one, two = BytesIO(), BytesIO()\nzipfile.ZipFile(two, 'w')", False),
        ("made = io.BytesIO()\npicture.save(made)\narchive = zipfile.ZipFile(made, 'w')", False),
    ],
)
def test_a_file_that_is_written_elsewhere_is_noticed(code: str, found: bool) -> None:
    assert bool(list(writes(ast.parse(code)))) == found


def test_every_file_is_written_whole_or_not_at_all() -> None:
    """Nothing of radiokit writes a file but through `utils.atomic_write`, whose temporary path is called `draft`."""
    names = {file: file.relative_to(PACKAGE).as_posix() for file in sorted(PACKAGE.rglob("*.py"))}
    found = {name: list(writes(ast.parse(file.read_text()))) for file, name in names.items()}
    assert {name for name, lines in found.items() if lines} == NO_RESULTS, found


def test_a_draft_is_given_by_atomic_write() -> None:
    """What is called a draft is one: bound by `atomic_write`, or the argument of a function that is handed one."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.withitem) and node.optional_vars is not None:
                assert "draft" not in ast.unparse(node.optional_vars) or "atomic_write" in ast.unparse(
                    node.context_expr
                )
            if isinstance(node, ast.Assign) and "draft" in {ast.unparse(target) for target in node.targets}:
                assert file.name == "files.py"


def imports_of_modules() -> dict[str, set[str]]:
    """The modules of radiokit that each module imports: at its top, in functions, for types only, or by name."""
    files = {file: file.relative_to(PACKAGE.parent).with_suffix("").parts for file in PACKAGE.rglob("*.py")}
    names = {file: ".".join(parts[:-1] if parts[-1] == "__init__" else parts) for file, parts in files.items()}
    modules = set(names.values())
    graph = {}
    for file, own in names.items():
        found: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                within = {f"{node.module}.{name.name}" for name in node.names}
                found |= within & modules or {node.module}
            elif isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                found |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(".") > 1:
                found.add(node.value)
        graph[own] = {name for name in found & modules - {own} if (own, name) not in ALIASES}
    return graph


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Names that import each other in a circle, [] if there are none."""
    left = dict(graph)
    while leaves := [name for name, found in left.items() if not found & set(left)]:
        for name in leaves:
            del left[name]
    if not left:
        return []
    path = [next(iter(left))]
    while path.count(path[-1]) == 1:
        path.append(next(name for name in sorted(left[path[-1]]) if name in left))
    return path[path.index(path[-1]) :]


def test_a_circle_is_found() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["b", "c", "b"]


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Also not inside a function or for types only: each file can be understood with those below it alone."""
    assert circle_in(imports_of_modules()) == []
