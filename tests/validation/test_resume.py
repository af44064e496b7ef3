"""What stored replicates are known by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from radiokit.validation import _resume

X = pd.DataFrame({"volume": [1.0, 2.0, 3.0]})
Y = np.array([False, True, True])


def test_other_code_has_another_hash(tmp_path: Path) -> None:
    module = tmp_path / "room" / "_fit.py"
    module.parent.mkdir()
    module.write_text("PENALTY = 1\n")
    before = _resume.code_hash.__wrapped__(tmp_path)
    assert _resume.code_hash.__wrapped__(tmp_path) == before
    module.write_text("PENALTY = 2\n")
    assert _resume.code_hash.__wrapped__(tmp_path) != before


def test_what_other_code_or_data_found_is_not_taken_over(monkeypatch) -> None:
    key = _resume.data_key("cv", LogisticRegression(), X, Y)
    assert _resume.data_key("cv", LogisticRegression(), X, Y) == key
    assert _resume.data_key("cv", LogisticRegression(C=2), X, Y) != key
    assert _resume.data_key("cv", LogisticRegression(), X + 1, Y) != key
    monkeypatch.setattr(_resume, "code_hash", lambda: "another version")
    assert _resume.data_key("cv", LogisticRegression(), X, Y) != key
