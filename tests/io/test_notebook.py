"""What a notebook shows of an image, a region and an extraction: the right numbers, nothing of the data as markup."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radiokit.features import Repeats
from radiokit.io import Mask, Volume
from radiokit.utils import ExtractionFile, run_cases


def picture_in(page: str) -> np.ndarray:
    (code,) = re.findall(r"base64,([^\"]+)", page)
    return np.asarray(Image.open(BytesIO(base64.b64decode(code))))


def test_a_volume_shows_its_size_its_intensities_and_its_middle_slice() -> None:
    array = np.zeros((3, 4, 8))
    array[1, :, 4:] = 7.5
    array[0, 0, 0] = np.nan
    page = Volume(array, (5.0, 2.0, 1.0), metadata={"path": "<b>"})._repr_html_()
    assert "3 × 4 × 8" in page and "5, 2, 1" in page and "0 to 7.5" in page and "&lt;b&gt;" in page and "<b>" in page
    picture = picture_in(page)
    assert picture.shape == (160, 160, 3)  # 4 rows of 2 mm are as high as 8 columns of 1 mm are wide
    assert not picture[:, :80].any() and (picture[:, 80:] == 255).all()


def test_a_mask_shows_its_size_and_the_slice_with_most_of_it() -> None:
    array = np.zeros((4, 2, 2), dtype=bool)
    array[3] = True
    page = Mask(array, (2.0, 1.0, 1.0))._repr_html_()
    assert "4 voxels, 8 mm³" in page
    assert (picture_in(page) == 255).all()


@pytest.mark.parametrize("array", [np.full((1, 1, 1), np.nan), np.zeros((0, 2, 2)), np.zeros((1, 2, 2), dtype=complex)])
def test_odd_arrays_are_shown(array: np.ndarray) -> None:
    assert "voxels" in Volume(array)._repr_html_()


def test_an_extraction_shows_the_corner_of_its_table_and_what_failed() -> None:
    cases = pd.DataFrame({"value": [0.125, -1.0, 4.0]}, index=pd.Index(["a", "b", "<c>"], name="case_id"))

    def roots(case_id: str, row: pd.Series) -> dict[str, float]:
        if row["value"] < 0:
            raise ValueError("below <zero>")
        return {f"root{k}": row["value"] / k for k in range(1, 9)}

    page = run_cases(cases, roots, on_error="nan")._repr_html_()
    assert "Extraction(3 cases, 8 features, 1 failures)" in page
    assert "<td>a</td><td>0.125</td><td>0.0625</td>" in page and "root6" in page and "root7" not in page
    assert "&lt;c&gt;" in page and "<c>" not in page and "below &lt;zero&gt;" in page


def test_a_file_of_features_and_repeated_measurements_show_their_sizes_and_what_failed() -> None:
    failures = pd.DataFrame({"case_id": ["<c>"], "error": ["MaskError"], "message": ["empty"]})
    file = ExtractionFile(Path("x.parquet"), 3, 107, failures, Path("x.provenance.csv"))._repr_html_()
    assert "<td>x.parquet</td><td>3</td><td>107</td><td>1</td>" in file and "<td>&lt;c&gt;</td>" in file
    table = pd.DataFrame({"mean": [1.0, np.nan]}, index=["P1", "<c>"])
    again = Repeats({"rotation 5°": table, "growth <1>": table.fillna(2.0)}, failures)._repr_html_()
    assert "<td>rotation 5°</td><td>1</td>" in again and "<td>growth &lt;1&gt;</td><td>2</td>" in again
    assert "<td>MaskError</td>" in again
    assert "MaskError" not in Repeats({"none": table}, failures.iloc[:0])._repr_html_()
