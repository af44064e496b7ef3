"""Draw mutants of one package at random and run its tests on them, with mutmut.

``python tests/mutation/sample.py stats --count 80 --seed 1``

A mutant is the library with one small fault (``<`` for ``<=``, 2 for 1, an argument left out). A mutant that no test
notices is a wrong number that no test would notice. mutmut makes the mutants and runs the tests; this script gives it a
copy of the checkout for each package (``build/mutation/stats``), draws the mutants, and lists those that lived with
their difference. ``--again`` runs the same mutants of an earlier call on the tests as they are now.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Sources of a package, and the tests that are asked to notice: its own, those of the models and selectors that use it.
FITS = [f"tests/models/test_{name}.py" for name in ("design", "elastic_net", "formula", "logistic")]
SELECTION = [f"tests/selection/test_{name}.py" for name in ("selectors", "more_selectors")]
RULES = [f"tests/study/test_{name}.py" for name in ("conclusions", "conclusion_rules")]
PACKAGES = {
    "stats": ("radiokit/stats/*", ["tests/stats", "tests/survival", "tests/nomogram", *FITS, *SELECTION]),
    "features": ("radiokit/features/*", ["tests/features"]),
    "survival": ("radiokit/survival/*", ["tests/survival"]),
    "validation": ("radiokit/validation/*", ["tests/validation"]),
    "conclusions": ("radiokit/study/_conclusions.py", RULES),
}


def prepare(name: str) -> Path:
    """Copy what git tracks into the package's folder, with mutmut told which sources and tests to take."""
    folder = ROOT / "build" / "mutation" / name
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    for path in tracked.stdout.splitlines():
        if (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)  # with its time: mutmut makes mutants again of newer files only
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    sources, tests = PACKAGES[name]
    settings["mutmut"]["only_mutate"] = sources
    settings["mutmut"]["pytest_add_cli_args_test_selection"] = "\n".join(tests)
    with open(folder / "setup.cfg", "w") as file:
        settings.write(file)
    return folder


def make_mutants() -> None:
    """Write the mutants of the package in the working directory, where mutmut finds them again."""
    from mutmut.__main__ import copy_src_dir, create_mutants

    print("mutmut makes the mutants (minutes)", flush=True)
    with open("mutmut.log", "w") as log, redirect_stdout(log):
        copy_src_dir()
        create_mutants(max_children=1)


def outcomes() -> dict[str, str]:
    """Return each mutant of the working directory with what became of it."""
    from mutmut.stats import status_by_exit_code

    found = {}
    for meta in sorted(Path("mutants").rglob("*.py.meta")):
        codes = json.loads(meta.read_text())["exit_code_by_key"]
        found |= {mutant: status_by_exit_code[code] for mutant, code in codes.items()}
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("package", choices=PACKAGES)
    options.add_argument("--count", type=int, default=50, help="how many mutants are drawn")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--again", metavar="FILE", help="names of mutants, one a line, instead of a draw")
    given = options.parse_args()

    again = Path(given.again).read_text().split() if given.again else None
    os.chdir(prepare(given.package))  # mutmut looks for its settings where it is started
    make_mutants()
    names = sorted(outcomes())
    drawn = again or sorted(random.Random(given.seed).sample(names, min(given.count, len(names))))
    print(f"{len(drawn)} of {len(names)} mutants of {given.package}", "" if again else f"drawn with seed {given.seed}")
    Path("drawn.txt").write_text("\n".join(drawn) + "\n")
    mutmut = [sys.executable, "-m", "mutmut"]
    with open("mutmut.log", "w") as log:  # a line of progress ten times a second
        subprocess.run([*mutmut, "run", "--max-children", "1", *drawn], check=True, stdout=log)

    found = outcomes()
    lived = [mutant for mutant in drawn if found[mutant] not in ("killed", "timeout", "segfault")]
    Path("lived.txt").write_text("".join(f"{mutant}\n" for mutant in lived))
    sys.stdout.flush()
    for mutant in lived:
        subprocess.run([*mutmut, "show", mutant], check=True)
    print(f"{given.package}: {len(drawn)} drawn, {len(drawn) - len(lived)} killed, {len(lived)} lived")
    print(f"their names: {Path('drawn.txt').resolve()}, {Path('lived.txt').resolve()}")


if __name__ == "__main__":
    main()
