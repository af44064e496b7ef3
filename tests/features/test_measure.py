"""Rows of features: laws they obey, regions at the limit, and the values that pyradiomics published."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiokit.exceptions import ParameterError
from radiokit.features._checked import features_of
from radiokit.features._glcm import JointProbability, _second_of_cells, correlation, maximal_correlation_coefficient
from radiokit.features._matrices._counts import CountMatrix
from radiokit.features._measure import measure_image
from radiokit.features._names import ALL_FEATURES, DEPRECATED_FEATURES
from radiokit.features._options import TextureOptions
from radiokit.features._region import Region
from radiokit.features._settings import FixedBinCount, FixedBinWidth

CLASSES = dict.fromkeys(name for name in ALL_FEATURES if not name.startswith("shape"))
WIDTH = FixedBinWidth(25)
TEXTURE = {name: None for name in CLASSES if name != "firstorder"}


def case(seed: int, shape=(4, 6, 7)):
    rng = np.random.default_rng(seed)
    return rng.normal(100, 60, shape).round(), rng.random(shape) < 0.7


def measured(image, mask, spacing=(1.0, 1.0, 1.0), classes=CLASSES, binning=WIDTH, shift=0.0, **options):
    return measure_image(
        Region(mask, spacing),
        image,
        classes=features_of(classes, ALL_FEATURES, more=DEPRECATED_FEATURES),
        binning=binning,
        options=TextureOptions(**options),
        voxel_array_shift=shift,
    )


def test_every_name_in_order():
    got = measured(*case(0))
    assert list(got) == [f"{c}_{f}" for c in CLASSES for f in ALL_FEATURES[c]]
    assert np.isfinite(list(got.values())).all()


@pytest.mark.parametrize("seed", range(3))
def test_turns_and_mirrors_change_nothing(seed):
    image, mask = case(seed)
    first = measured(image, mask)
    for turn in (lambda a: np.rot90(a, axes=(1, 2)), lambda a: a[::-1], lambda a: a.transpose(2, 0, 1)):
        assert measured(turn(image), turn(mask)) == pytest.approx(first)


def test_intensities_may_be_scaled_under_a_fixed_bin_count():
    image, mask = case(1)
    first = measured(image, mask, classes=TEXTURE, binning=FixedBinCount(16))
    assert measured(4 * image + 64, mask, classes=TEXTURE, binning=FixedBinCount(16)) == pytest.approx(first)


def test_what_lies_outside_changes_nothing():
    image, mask = case(2)
    other = np.where(mask, image, np.nan)
    assert measured(other, mask) == measured(image, mask)


def test_spacing_only_counts_for_volume_and_weights():
    image, mask = case(3)
    one, two = measured(image, mask), measured(image, mask, spacing=(2.0, 1.0, 1.0))
    assert {k for k in one if one[k] != two[k]} == {"firstorder_TotalEnergy"}
    weighted = measured(image, mask, spacing=(1.0, 1.0, 0.5), weighting_norm="euclidean")
    assert weighted["glcm_Contrast"] != pytest.approx(one["glcm_Contrast"], rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 5), (1, 1, 6), (5, 5, 1)])
def test_thin_regions(shape):
    image = np.arange(np.prod(shape), dtype=float).reshape(shape) * 10
    got = measured(image, np.ones(shape, bool))
    if np.prod(shape) > 1:
        assert np.isfinite(list(got.values())).all()
    else:
        assert np.isnan(got["glcm_Contrast"])
        assert got["glszm_ZonePercentage"] == 1
        assert got["firstorder_Mean"] == 0


def test_a_constant_region():
    got = measured(np.full((3, 4, 4), 7.0), np.ones((3, 4, 4), bool))
    assert got["firstorder_Variance"] == got["firstorder_Skewness"] == got["glcm_Contrast"] == 0
    assert got["glcm_Correlation"] == got["glcm_MCC"] == got["firstorder_Uniformity"] == 1
    assert got["glcm_Imc1"] == got["glcm_Imc2"] == got["ngtdm_Contrast"] == 0
    assert got["glszm_LargeAreaEmphasis"] == 48**2
    assert got["ngtdm_Coarseness"] == 1e6


@pytest.mark.parametrize("counts", [(1, 2, 3), (1, 1, 1, 3), (7, 3, 1, 4, 5), (2, 5, 11, 13)])
@pytest.mark.parametrize("level", [1, 3, 4999])
def test_correlation_of_one_level_is_1_whatever_the_rounding(level, counts):
    # Asymmetric pairs: one level meets several, and the mean of the one is not exact.
    i, j = np.full(len(counts), float(level)), np.arange(1.0, len(counts) + 1)
    pairs = CountMatrix(i, j, np.array([counts], float))
    assert correlation(JointProbability(pairs, 4999)) == 1


@pytest.mark.parametrize("seed", range(20))
def test_maximal_correlation_of_three_levels_has_a_closed_form(seed):
    # Q(i, j) = sum over k of p_ik p_jk / (px_i py_k) has the eigenvalues 1, a, b: its trace and determinant tell a and
    # b. In exact fractions; pyradiomics is up to 2e-4 away from this.
    counts = np.random.default_rng(seed).integers(1, 40, (3, 3))
    p = [[Fraction(int(n), int(counts.sum())) for n in row] for row in counts]
    px, py = [sum(row) for row in p], [sum(column) for column in zip(*p, strict=True)]
    q = [[sum(p[i][k] * p[j][k] / (px[i] * py[k]) for k in range(3)) for j in range(3)] for i in range(3)]
    both = q[0][0] + q[1][1] + q[2][2] - 1
    product = sum(q[0][i] * (q[1][i - 2] * q[2][i - 1] - q[1][i - 1] * q[2][i - 2]) for i in range(3))
    largest = (float(both) + float(both * both - 4 * product) ** 0.5) / 2
    i, j = (index.ravel() + 1.0 for index in np.indices((3, 3)))
    pairs = CountMatrix(i, j, counts.reshape(1, -1).astype(float))
    assert maximal_correlation_coefficient(JointProbability(pairs, 3)) == pytest.approx(largest**0.5, rel=1e-12)


def test_parts_that_do_not_touch():
    mask = np.zeros((3, 9, 3), bool)
    mask[:, :3] = mask[:, 6:] = True
    got = measured(np.full(mask.shape, 5.0), mask)
    assert got["glszm_ZonePercentage"] == pytest.approx(2 / 54)


@pytest.mark.parametrize("symmetrical", [True, False])
def test_many_levels_are_measured_as_few(symmetrical, monkeypatch):
    image, mask = case(5)
    options = {"classes": {"glcm": None}, "binning": FixedBinWidth(4), "symmetrical_glcm": symmetrical}
    few = measured(image, mask, **options)
    monkeypatch.setattr("radiokit.features._glcm.DENSE_LEVELS", 0)
    monkeypatch.setattr("radiokit.features._matrices._pairs.TABLE_BYTES", 0)
    assert measured(image, mask, **options) == pytest.approx(few, rel=1e-9)


@pytest.mark.parametrize("n_pairs", [40, 200])
def test_second_singular_value_of_few_cells_in_many_levels(n_pairs):
    """Against numpy's decomposition of the whole table; where each level occurs once or twice, it is exactly 1."""
    n = 60
    i, j = np.random.default_rng(n_pairs).integers(0, n, (2, n_pairs))
    cells, count = np.unique(i * n + j, return_counts=True)
    table = np.zeros((n, n))
    table.ravel()[cells] = count / n_pairs
    root = np.sqrt(np.multiply.outer(table.sum(axis=1), table.sum(axis=0)))
    scaled = np.divide(table, root, out=np.zeros_like(table), where=root > 0)
    filled = np.append(cells, n * n - 1)  # a cell that is empty in this direction, and filled in another
    got = _second_of_cells(np.append(scaled.ravel()[cells], 0.0), *np.divmod(filled, n), n)
    assert got == pytest.approx(np.linalg.svd(scaled, compute_uv=False)[1], rel=1e-9)


def test_deprecated_features_are_measured_when_named():
    image, mask = case(4)
    both = {"firstorder": ["Variance", "StandardDeviation"], "glcm": ["ClusterTendency", "SumVariance"]}
    got = measured(image, mask, classes=both)
    assert got["firstorder_StandardDeviation"] ** 2 == pytest.approx(got["firstorder_Variance"])
    assert got["glcm_SumVariance"] == got["glcm_ClusterTendency"]
    everything = {name: list(names) for name, names in DEPRECATED_FEATURES.items() if not name.startswith("shape")}
    assert len(measured(image, mask, classes=everything)) == sum(map(len, everything.values()))


def test_unknown_names_are_errors():
    image, mask = case(0)
    with pytest.raises(ParameterError, match="glcx"):
        measured(image, mask, classes={"glcx": None})
    with pytest.raises(ParameterError, match="Contrst"):
        measured(image, mask, classes={"glcm": ["Contrst"]})
    with pytest.raises(ParameterError, match="distances"):
        TextureOptions(distances=())
    with pytest.raises(ParameterError, match="weighting_norm"):
        TextureOptions(weighting_norm="mean")


@pytest.mark.parametrize("name", ["brain1", "breast1"])
def test_published_values(name, shared):
    folder = shared / "data" / "pyradiomics"
    table = pd.read_csv(folder / "baseline_features.csv.gz")
    table = table[(table["case"] == name) & (table["config"] == "default") & (table["feature_class"] != "shape")]
    image = sitk.ReadImage(str(folder / f"{name}_image.nrrd"))
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{name}_label.nrrd"))) == 1
    # The published energies are those of intensities shifted by 2000.
    got = measured(sitk.GetArrayFromImage(image), mask, spacing=image.GetSpacing()[::-1], shift=2000)
    assert len(table) > 80
    for row in table.itertuples():
        rel = 5e-4 if row.feature == "MCC" else 1e-6
        assert got[f"{row.feature_class}_{row.feature}"] == pytest.approx(row.value, rel=rel), row.feature
