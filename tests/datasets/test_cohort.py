"""The synthetic cohort is deterministic, complete, and what it says it is."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy.ndimage import label
from scipy.special import expit

from radiokit.datasets import Cohort, _phantom, _truth, make_cohort
from radiokit.exceptions import ParameterError


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("cohort")
    return make_cohort(24, centers=3, folder=folder, second_lesions=0.3, missing=0.3, random_state=1)


def digest(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): sha256(p.read_bytes()).hexdigest() for p in files}


def read(path: str) -> tuple[np.ndarray, tuple[float, ...]]:
    image = sitk.ReadImage(path)
    return sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]


def test_same_seed_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    one = make_cohort(5, centers=2, sequences=("ct", "t2"), folder=tmp_path / "one", random_state=3)
    two = make_cohort(5, centers=2, sequences=("ct", "t2"), folder=tmp_path / "two", random_state=3, n_jobs=2)
    other = make_cohort(5, centers=2, sequences=("ct", "t2"), folder=tmp_path / "other", random_state=4)
    assert digest(one.folder) == digest(two.folder)
    assert digest(one.folder) != digest(other.folder)
    pd.testing.assert_frame_equal(one.truth.cases, two.truth.cases)


def test_table_and_files_fit(cohort: Cohort) -> None:
    cases = cohort.cases
    assert cases.index.is_unique
    assert cases["patient_id"].nunique() == 24
    assert 24 < len(cases) < 40
    assert (cases.groupby("center")["patient_id"].nunique() == 8).all()
    per_patient = cases.groupby("patient_id")[["outcome", "event", "time", "center", "image"]].nunique()
    assert (per_patient == 1).all(axis=None)
    assert cases["mask"].is_unique
    for name in ("cea", "stage"):
        assert 0 < cases[name].isna().mean() < 0.7
    assert cases[["age", "sex", "outcome", "event", "time"]].notna().all(axis=None)
    assert cases["time"].between(0.1, 60).all()


def test_masks_are_one_body_inside_the_image(cohort: Cohort) -> None:
    for _, case in cohort.cases.iterrows():
        image, spacing = read(case["image"])
        mask, mask_spacing = read(case["mask"])
        assert image.shape == mask.shape
        assert spacing == mask_spacing
        assert set(np.unique(mask)) == {0, 1}
        assert label(mask, np.ones((3, 3, 3)))[1] == 1
        edge = np.ones(mask.shape, dtype=bool)
        edge[1:-1, 1:-1, 1:-1] = False
        assert not mask[edge].any()
        assert mask.sum() > 200


def test_two_lesions_of_a_patient_do_not_touch(cohort: Cohort) -> None:
    pairs = [part for _, part in cohort.cases.groupby("patient_id") if len(part) == 2]
    assert pairs
    for part in pairs:
        first, second = (read(path)[0] for path in part["mask"])
        assert not (first & second).any()
        assert label(first | second, np.ones((3, 3, 3)))[1] == 2


def test_sequences_have_their_own_columns(tmp_path: Path) -> None:
    cases = make_cohort(2, centers=1, sequences=("ct", "t2"), folder=tmp_path, random_state=0).cases
    assert {"image_ct", "mask_ct", "image_t2", "mask_t2"} <= set(cases.columns)
    ct, t2 = read(cases["image_ct"].iloc[0])[0], read(cases["image_t2"].iloc[0])[0]
    assert ct.min() < 0 <= t2.min()


def test_truth_is_the_model_of_the_docstring(cohort: Cohort) -> None:
    truth = cohort.truth
    beta = truth.coefficients["log_odds"]
    assert beta[["log_volume", "sex", "stage"]].eq(0).all()
    first = truth.cases.groupby("patient_id").head(1)
    age = (first["age"] - 62) / 10
    cea = (np.log(first["cea"]) - np.log(4.0)) / _truth.CEA_SD
    lp = truth.intercept + beta["age"] * age + beta["cea"] * cea
    lp += beta["heterogeneity"] * first["heterogeneity"] + beta["irregularity"] * first["irregularity"]
    # Ages are whole years and CEA has one decimal in the table.
    middle = first["cea"].between(1.5, 50) & first["age"].between(19, 94)
    np.testing.assert_allclose(first["linear_predictor"][middle], lp[middle], atol=0.2)
    np.testing.assert_allclose(first["probability"], expit(first["linear_predictor"]))


def test_planted_auc_and_prevalence_by_simulation() -> None:
    patients = _truth.draw_patients(40_000, ["A"], 1.0, np.random.default_rng(0))
    assert _truth.sample_auc(patients).loc["all", "auc"] == pytest.approx(_truth.planted_auc(1.0), abs=0.006)
    assert patients["outcome"].mean() == pytest.approx(_truth.PREVALENCE, abs=0.01)
    assert 0.4 < patients["event"].mean() < 0.8


def test_survival_times_follow_their_weibull_law() -> None:
    rng = np.random.default_rng(0)
    for log_hazard in (0.0, 1.0):
        event, time = _truth._follow_up(np.full(40_000, log_hazard), rng)
        # Before the first censoring at 18 months the empirical and the true survival must agree.
        scale = _truth.MEDIAN_MONTHS / np.log(2) ** (1 / _truth.WEIBULL_SHAPE)
        expected = np.exp(-np.exp(log_hazard) * (15.05 / scale) ** _truth.WEIBULL_SHAPE)
        assert (time > 15.05).mean() == pytest.approx(expected, abs=0.01)
        assert event[time < 17.9].all()


def test_null_plants_nothing(tmp_path: Path) -> None:
    truth = make_cohort(6, centers=2, effect=0, folder=tmp_path, random_state=0).truth
    assert truth.planted_auc == 0.5
    assert (truth.coefficients[["log_odds", "log_hazard"]] == 0).all(axis=None)
    np.testing.assert_allclose(truth.cases["probability"], _truth.PREVALENCE, atol=1e-6)


@pytest.mark.parametrize("irregularity", [-2.0, 0.0, 2.0])
def test_volume_does_not_depend_on_irregularity(irregularity: float) -> None:
    middle = ((_phantom.SIZE - 1) / 2,) * 3
    lesion = _phantom.Lesion(0.0, irregularity, 0.0, middle)
    volumes = [_phantom._outline(lesion, np.random.default_rng(s)).sum() * _phantom.FINE**3 for s in range(3)]
    np.testing.assert_allclose(volumes, 4 / 3 * np.pi * 12.5**3, rtol=0.05)


@pytest.mark.parametrize("length", [1.5, 3.0, 6.0])
def test_texture_has_its_correlation_length(length: float) -> None:
    field = _phantom._field(length, np.random.default_rng(0))
    lag = 2
    found = np.mean(field * np.roll(field, lag, axis=2))
    # A kernel exp(-x^2 / 2 s^2) makes the correlation exp(-x^2 / 4 s^2).
    assert found == pytest.approx(np.exp(-((lag * _phantom.FINE) ** 2) / (4 * length**2)), abs=0.05)
    assert field.std() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 2, "centers": 3}, "one patient for each centre"),
        ({"centers": ["A", "A"]}, "all differ"),
        ({"centers": 0}, "positive number"),
        ({"sequences": ()}, "sequences"),
        ({"sequences": ("c t",)}, "letters"),
        ({"effect": -1}, "effect"),
        ({"missing": 1.5}, "missing"),
        ({"second_lesions": -0.1}, "second_lesions"),
    ],
)
def test_bad_arguments(tmp_path: Path, wrong: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make_cohort(**{"n": 4, "folder": tmp_path, "random_state": 0} | wrong)
    assert not list(tmp_path.iterdir())


def test_necrosis_darkens_a_core_that_grows_with_heterogeneity(tmp_path: Path) -> None:
    settings = {"centers": 1, "sequences": ("ct", "t2"), "second_lesions": 0, "random_state": 2}
    plain = make_cohort(12, folder=tmp_path / "plain", **settings)
    dark = make_cohort(12, folder=tmp_path / "dark", necrosis=60, **settings)
    pd.testing.assert_frame_equal(plain.truth.cases, dark.truth.cases)
    fall = []
    for case in plain.cases.index:
        mask = read(plain.cases.loc[case, "mask_ct"])[0] > 0
        before, after = (read(c.cases.loc[case, "image_ct"])[0][mask].mean() for c in (plain, dark))
        fall.append(before - after)
        brighter = [read(c.cases.loc[case, "image_t2"])[0][mask].mean() for c in (plain, dark)]
        assert brighter[1] > brighter[0], "seen in every sequence"
    assert np.corrcoef(fall, plain.truth.cases["heterogeneity"])[0, 1] > 0.8
    with pytest.raises(ParameterError, match="necrosis is -1"):
        make_cohort(6, folder=tmp_path, necrosis=-1)
