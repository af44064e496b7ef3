"""The files that a case table names: where they are, and which are missing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

# Column of a case table with the reason why the files of a case cannot be read; empty where they can.
PROBLEM = "unreadable"
MOST_PROBLEMS = 100


@dataclass(frozen=True)
class Problem:
    """What keeps the files of a case from being read; of one sequence (its suffix), or of all (None)."""

    case_id: str
    text: str
    sequence: str | None = None

    @property
    def line(self) -> str:
        """The problem in a list of those of all cases."""
        return f"{self.case_id}: {self.text}"


def find_files(table: pd.DataFrame, sequences: list[str], root: Path, optional: set[str]) -> list[Problem]:
    """Make paths absolute, in place; return what is missing, except for optional sequences.

    Cells other than text hold images in memory, and stay as they are.
    """
    problems = []
    ids = table["case_id"]
    for name in sequences:
        for column in (f"image{name}", f"mask{name}"):
            cells = [
                _absolute(os.fspath(cell), root) if isinstance(cell, str | os.PathLike) else cell
                for cell in table[column]
            ]
            for case_id, path in zip(ids, cells, strict=True):
                if not isinstance(path, str):
                    continue
                if not path and name not in optional:
                    problems.append(Problem(case_id, f"the column {column} is empty", name))
                elif path and not os.path.exists(path):
                    problems.append(Problem(case_id, f"{column} {path} does not exist", name))
            table[column] = pd.Series(cells, index=table.index, dtype=object)
        pairs = zip(ids, table[f"image{name}"], table[f"mask{name}"], strict=True)
        same = [
            i for i, image, mask in pairs if isinstance(image, str) and isinstance(mask, str) and image == mask != ""
        ]
        problems += [Problem(i, f"image{name} and mask{name} are the same file", name) for i in same]
    return problems


def _absolute(text: str, root: Path) -> str:
    if not text:
        return ""
    path = os.path.abspath(root / text)
    if "\\" in text and not os.path.exists(path):
        return os.path.abspath(root / text.replace("\\", "/"))
    return path


def report(what: str, problems: list[str]) -> str:
    """Return all that is wrong with a table as one message."""
    more = len(problems) - MOST_PROBLEMS
    lines = problems[:MOST_PROBLEMS] + ([f"... and {more} more"] if more > 0 else [])
    noun = "problem" if len(problems) == 1 else "problems"
    return f"{what} has {len(problems)} {noun}:\n  " + "\n  ".join(lines)
