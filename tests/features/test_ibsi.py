"""The IBSI standard: consensus values of the digital phantom, laws, and what the catalogue promises."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

from radiokit.exceptions import DataWarning, ParameterError
from radiokit.features import FixedBinCount, FixedBinWidth, RadiomicsExtractor, Resampling, TextureOptions, catalogue
from radiokit.features._ibsi import FEATURES, TEXTURES
from radiokit.features._ibsi_levels import grey_levels, intensity_volume
from radiokit.features._ibsi_texture import AGGREGATIONS, border_distance
from radiokit.features._names import ALL_FEATURES, DEPRECATED_FEATURES
from radiokit.features._solids import ellipsoid_area, enclosing_ellipsoid, oriented_box
from radiokit.features._spatial import gearys_c, morans_i, pair_sums
from radiokit.filters import Mean
from radiokit.io import Mask, Volume
from radiokit.preprocessing.ibsi_grid import resample_centred

ROWS = {
    "2D_avg": ("BTW3", "8QNN"), "2D_merge": ("SUJT", "8QNN"), "2.5D_avg": ("JJUI", "62GR"),
    "2.5D_merge": ("ZW7Z", "62GR"), "3D_avg": ("ITBB", "KOBO"), "3D_merge": ("IAZD", "KOBO"),
}  # fmt: skip
TWICE = {3272: "10", 3291: "90", 3326: "10", 3345: "90"}  # source lines of ids that stand for 10 % and 90 %
CORRECTED = {"10th discretised intensity percentile": "GPMT", "90th discretised intensity percentile": "OZ0C"}


def phantom(aggregation: str, **kwargs) -> RadiomicsExtractor:
    bins = {"default": FixedBinWidth(1, origin=1), "ivh": None}
    return RadiomicsExtractor(standard="ibsi", aggregation=aggregation, discretization=bins, **kwargs)


def within(got: float, row) -> bool:
    value = float(row.value)
    third = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 1e-3
    allowed = float(row.tolerance) if row.tolerance else max(0.005 * abs(value), third / 2)
    return min(abs(got - value), abs(float(f"{got:.3g}") - value)) <= allowed * (1 + 1e-9)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_digital_phantom(aggregation, shared):
    folder = shared / "data" / "ibsi1"
    reference = pd.read_csv(folder / "ibsi1_reference_values.csv", dtype=str, keep_default_na=False)
    rows = reference[(reference["dataset"] == "digital_phantom") & (reference["value"] != "")]
    rows = rows[rows["aggregation_id"].isin(("", *ROWS[aggregation]))]
    image, mask = (folder / "digital_phantom" / p for p in ("image/phantom.nii.gz", "mask/mask.nii.gz"))
    got = phantom(aggregation).extract_case(str(image), str(mask))
    table = catalogue().dropna(subset="ibsi_id")
    wrong = []
    for row in rows.itertuples():
        hits = table[table["ibsi_id"] == CORRECTED.get(row.feature, row.ibsi_id)]
        hits = hits[hits["feature"].str.contains(TWICE.get(int(row.source_line), ""))]
        assert len(hits) == 1, row.feature
        name = f"original_{hits.iloc[0].family}_{hits.iloc[0].feature}"
        if not within(got[name], row):
            wrong.append((name, got[name], row.value))
    assert len(rows) > 100
    assert not wrong


def random_case(seed: int, shape=(4, 6, 7)):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.8
    return rng.normal(100, 40, shape).round(), mask


def test_quarter_turns_change_nothing_in_space():
    image, mask = random_case(0)
    extractor = RadiomicsExtractor(standard="ibsi", aggregation="3D_merge", discretization=FixedBinCount(8))
    first = extractor.extract_case(image, mask, spacing=(1, 1, 1))
    turned = extractor.extract_case(np.rot90(image, axes=(1, 2)), np.rot90(mask, axes=(1, 2)), spacing=(1, 1, 1))
    # The cut of polygons into triangles knows directions: area and what follows from it move a little.
    loose = first.index.str.contains("area|surface|compact|spher|volume|integrated")
    pd.testing.assert_series_equal(turned[~loose], first[~loose], rtol=1e-9)
    pd.testing.assert_series_equal(turned[loose], first[loose], rtol=0.03)


def test_one_slice_is_the_same_in_all_dimensions():
    image, mask = random_case(1, (1, 9, 9))
    values = [
        RadiomicsExtractor(
            standard="ibsi",
            aggregation=a,
            families=["glcm", "glszm", "gldzm", "ngldm"],
            discretization=FixedBinCount(8),
        ).extract_case(image, mask, spacing=(1, 1, 1))
        for a in ("2D_merge", "2.5D_merge")
    ]
    pd.testing.assert_series_equal(values[0], values[1])


def test_catalogue_and_features_agree():
    table = catalogue()
    assert list(table.columns) == ["feature", "family", "ibsi_id", "pyradiomics_name", "formula", "unit", "reference"]
    known = set(zip(table["family"], table["feature"], strict=True))
    assert len(known) == len(table)
    assert {(family, f) for family, features in FEATURES.items() for f in features} <= known
    pyradiomics = [
        f"{c}_{f}" for names in (ALL_FEATURES, DEPRECATED_FEATURES) for c, features in names.items() for f in features
    ]
    assert sorted(table["pyradiomics_name"].dropna()) == sorted(pyradiomics)
    assert not table[["formula", "unit", "reference"]].isna().any(axis=None)


def test_families_and_aggregation_are_checked():
    image, mask = random_case(2)
    for bad, match in (
        ({"aggregation": "3D"}, "aggregation"),
        ({"families": ["glxx"]}, "glxx"),
        ({"families": {"glcm": ["Contrast"]}}, "no feature Contrast"),
    ):
        with pytest.raises(ParameterError, match=match):
            RadiomicsExtractor(standard="ibsi", **bad).extract_case(image, mask, spacing=(1, 1, 1))
    some = RadiomicsExtractor(standard="ibsi", families={"glcm": ["contrast"], "statistics": None})
    assert some.extract_case(image, mask, spacing=(1, 1, 1)).index[0] == "original_glcm_contrast"
    assert set(TEXTURES) < set(FEATURES)


def test_levels():
    x = np.array([-100.0, -51, -50, 0, 399, 400])
    assert grey_levels(x, FixedBinWidth(50), (-500, 400)).level.tolist() == [9, 9, 10, 11, 18, 19]
    assert grey_levels(x, FixedBinWidth(50), (None, None)).level.tolist() == [1, 1, 2, 3, 10, 11]
    assert grey_levels(x, FixedBinCount(10), (None, None)).level.tolist() == [1, 1, 2, 3, 10, 10]
    assert grey_levels(np.full(3, 7.0), FixedBinCount(10), (None, None)).level.tolist() == [1, 1, 1]


def test_volume_histogram_by_hand():
    h = intensity_volume(np.array([1.0, 1, 2, 3, 5, 5, 5, 6, 6, 10]), None, (None, None), whole=True)
    assert h.volume_at(0.9) == pytest.approx(0.1)  # 9.1 and above: only 10
    assert h.volume_at(0.1) == pytest.approx(0.8)  # 1.9 and above
    assert h.intensity_at(0.1) == 7
    assert h.intensity_at(0.9) == 2


@pytest.mark.parametrize("seed", range(3))
def test_autocorrelation_of_all_pairs(seed):
    image, mask = random_case(seed, (3, 5, 4))
    spacing = np.array([2.0, 1.0, 0.7])
    x, place = image[mask], np.argwhere(mask) * spacing
    with np.errstate(divide="ignore"):
        w = np.where(np.eye(len(x), dtype=bool), 0, 1 / cdist(place, place))
    d = x - x.mean()
    sums = pair_sums(mask, x, spacing)
    assert morans_i(sums) == pytest.approx(len(x) / w.sum() * (d @ w @ d) / (d @ d))
    geary = (len(x) - 1) / (2 * w.sum()) * (w * (x[:, None] - x) ** 2).sum() / (d @ d)
    assert gearys_c(sums) == pytest.approx(geary)


def test_solids():
    assert ellipsoid_area(np.array([2.0, 2, 2])) == pytest.approx(16 * np.pi)
    # With b = c the series of the manual has a closed form.
    a, b = 2.0, 1.0
    e = np.sqrt(1 - b**2 / a**2)
    assert ellipsoid_area(np.array([a, b, b])) == pytest.approx(
        2 * np.pi * a * b * (1 + (1 - e**2) / e * np.arctanh(e)), rel=1e-3
    )
    flat = ellipsoid_area(np.array([2.0, 2 - 1e-12, 1]))
    assert ellipsoid_area(np.array([2.0, 2, 1])) == pytest.approx(flat, rel=1e-5)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 2) for z in (0, 5)], float)
    assert sorted(oriented_box(ConvexHull(corners @ turn))) == pytest.approx([1, 2, 5])
    ball = np.random.default_rng(1).normal(size=(300, 3))
    ball *= np.array([3, 2, 1]) / np.linalg.norm(ball, axis=1)[:, None]
    assert np.sort(enclosing_ellipsoid(ball)) == pytest.approx([1, 2, 3], rel=0.01)


def test_border_distance():
    body = np.ones((5, 5, 5), bool)
    assert border_distance(body, flat=False)[2, 2, 2] == 3
    assert border_distance(body, flat=False)[0, 2, 2] == 1
    assert border_distance(body, flat=True)[0, 2, 2] == 3


def test_grid_keeps_the_centre():
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    image = Volume(rng.normal(size=(5, 6, 7)), (3.0, 1.0, 1.0), (9.0, 8.0, 7.0), tuple(turn.ravel()))
    mask = Mask(np.ones((5, 6, 7), bool), (3.0, 1.0, 1.0), (9.0, 8.0, 7.0), tuple(turn.ravel()))
    new, region = resample_centred(image, mask, (2, 2, None), interpolator="cubic")
    assert new.shape == region.shape == (8, 3, 7)
    assert new.spacing == (2.0, 2.0, 1.0)

    def centre(v: Volume) -> np.ndarray:
        return np.array(v.origin) + turn @ ((np.array(v.shape) - 1) / 2 * v.spacing)

    np.testing.assert_allclose(centre(new), centre(image))
    smooth = resample_centred(image, mask, (6, 2, 2), anti_aliasing=True)[0]
    assert smooth.array.std() < resample_centred(image, mask, (6, 2, 2))[0].array.std()


def brute_pairs(levels: np.ndarray, distance: int) -> dict[tuple[int, int], int]:
    """Count pairs of levels over the 13 directions times the distance, both ways (IBSI manual, GLCM; 0 is outside)."""
    found: dict[tuple[int, int], int] = {}
    for place in np.argwhere(levels):
        for o in product((-1, 0, 1), repeat=3):
            there = place + distance * np.array(o)
            if any(o) and (there >= 0).all() and (there < levels.shape).all() and levels[tuple(there)]:
                pair = (int(levels[tuple(place)]), int(levels[tuple(there)]))
                found[pair] = found.get(pair, 0) + 1
    return found


def brute_cube(levels: np.ndarray, distance: int) -> Iterator[tuple[int, list[int]]]:
    """Yield of each voxel its level and the levels of the others within a Chebyshev distance."""
    for place in np.argwhere(levels):
        low = np.maximum(place - distance, 0)
        box = levels[tuple(slice(a, b) for a, b in zip(low, place + distance + 1, strict=True))]
        own = int(levels[tuple(place)])
        around = list(map(int, box[box > 0]))
        around.remove(own)
        yield own, around


@pytest.mark.parametrize("shape", [(4, 6, 7), (2, 9, 5), (1, 8, 6)])
@pytest.mark.parametrize("distance", [1, 2, 3])
def test_distances_are_those_of_the_manual(shape, distance):
    """GLCM: 13 directions times the distance. NGTDM and NGLDM: the cube of that Chebyshev radius."""
    image, mask = random_case(distance, shape)
    extractor = RadiomicsExtractor(
        standard="ibsi",
        families={"glcm": ["contrast"], "ngldm": ["high_dependence_emphasis"], "ngtdm": ["coarseness", "busyness"]},
        discretization=FixedBinCount(6),
        texture=TextureOptions(distances=(distance,)),
        aggregation="3D_merge",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # one slice
        got = extractor.extract_case(image, mask, spacing=(1, 1, 1))
    levels = np.zeros(shape, int)
    levels[mask] = grey_levels(image[mask], FixedBinCount(6), (None, None)).level
    pairs = brute_pairs(levels, distance)
    contrast = sum(n * (i - j) ** 2 for (i, j), n in pairs.items()) / sum(pairs.values())
    assert got["original_glcm_contrast"] == pytest.approx(contrast, rel=1e-12)

    voxels = list(brute_cube(levels, distance))
    emphasis = np.mean([(1 + around.count(own)) ** 2 for own, around in voxels])
    assert got["original_ngldm_high_dependence_emphasis"] == pytest.approx(emphasis, rel=1e-12)

    gaps = [(own, abs(own - np.mean(around))) for own, around in voxels if around]
    i = np.array(sorted({own for own, _ in gaps}), dtype=float)
    s = np.array([sum(gap for own, gap in gaps if own == level) for level in i])
    p = np.array([sum(own == level for own, _ in gaps) for level in i]) / len(gaps)
    assert got["original_ngtdm_coarseness"] == pytest.approx(1 / (p @ s), rel=1e-12)
    busyness = (p @ s) / np.abs(np.subtract.outer(i * p, i * p)).sum()
    assert got["original_ngtdm_busyness"] == pytest.approx(busyness, rel=1e-12)


def test_one_slice_is_measured_in_the_slice():
    """A region of one slice, in an image of one slice or of several: 2D_merge, and the user is told."""
    image, mask = random_case(3, (1, 12, 12))
    deep, slab = np.repeat(image, 5, axis=0), np.zeros((5, 12, 12), bool)
    slab[2] = mask[0]
    settings = {"standard": "ibsi", "families": list(TEXTURES), "discretization": FixedBinCount(8)}
    flat = RadiomicsExtractor(aggregation="2D_merge", **settings).extract_case(image, mask, spacing=(1, 1, 1))
    for values, region in ((image, mask), (deep, slab)):
        with pytest.warns(DataWarning, match="lies in one slice.*2D_merge"):
            got = RadiomicsExtractor(**settings).extract_case(values, region, spacing=(1, 1, 1))
        pd.testing.assert_series_equal(got, flat, rtol=1e-12)
    with pytest.warns(DataWarning, match="GLDZM"):
        RadiomicsExtractor(aggregation="3D_avg", **settings).extract_case(image, mask, spacing=(1, 1, 1))
    with pytest.warns(DataWarning, match="one slice, and Mean.*dimension='2D'"):
        RadiomicsExtractor(standard="ibsi", filters=[Mean(3)], families=["statistics"]).extract_case(
            image, mask, spacing=(1, 1, 1)
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RadiomicsExtractor(standard="ibsi", families=["statistics"]).extract_case(image, mask, spacing=(1, 1, 1))


IVH = {"standard": "ibsi", "families": ["ivh"]}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"discretization": {"default": FixedBinWidth(25)}},
        {"discretization": {"default": FixedBinWidth(25), "ivh": None}},
        {"discretization": {"default": FixedBinWidth(25), "ivh": FixedBinWidth(2)}},
        {"discretization": {"ivh": FixedBinCount(500)}},
        {"resampling": Resampling((1, 1, 1), round_intensities=True)},
        {"filters": [Mean(3)]},
    ],
)
@pytest.mark.parametrize("kind", ["int16", "float32", "float64"])
def test_the_unit_of_the_volume_histogram_is_not_decided_by_voxels(settings, kind):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 400, (6, 14, 14)).astype(kind)
    moved = image.astype(float)
    moved[3, 5, 5] += 0.25
    mask = np.ones(image.shape, bool)
    one, two = (RadiomicsExtractor(**IVH, **settings).extract_case(v, mask, spacing=(1, 1, 1)) for v in (image, moved))
    pd.testing.assert_series_equal(one, two, rtol=0.01, atol=0.01)


def test_volume_histogram_is_in_intensities():
    """Against the order statistics of the voxels: at most one step away, whatever the scale of the image."""
    x = np.random.default_rng(1).gamma(3.0, 2.0, size=(25, 25, 25))
    for scale in (1e-3, 1.0, 1e4):
        row = RadiomicsExtractor(**IVH).extract_case(scale * x, np.ones(x.shape, bool), spacing=(1, 1, 1))
        step = scale * np.ptp(x) / 1000
        for share in (10, 90):
            found = row[f"original_ivh_intensity_at_volume_fraction_{share}"]
            assert abs(found - scale * np.quantile(x, 1 - share / 100)) < 2 * step
            edge = x.min() + share / 100 * np.ptp(x)
            fraction = row[f"original_ivh_volume_at_intensity_fraction_{share}"]
            assert abs(fraction - np.mean(x >= edge)) <= np.mean(np.abs(x - edge) < 2 * np.ptp(x) / 1000) + 1e-12


def test_volume_histogram_of_one_intensity():
    """All of the volume has it, so that no intensity of the histogram is reached by 10 % only: not defined."""
    h = intensity_volume(np.full(5, 7.0), None, (None, None))
    assert h.intensity.tolist() == [7.0] and h.volume.tolist() == [1.0] and h.fraction.tolist() == [0.0]
    assert h.volume_at(0.0) == 1.0 and h.volume_at(0.1) == 0.0
    assert math.isnan(h.intensity_at(0.1))
    two = intensity_volume(np.array([7.0, 7, 7, 8]), None, (None, None), whole=True)
    assert two.intensity_at(0.1) == 9.0  # one step above the highest


def test_volume_histogram_refuses_too_many_steps():
    with pytest.raises(ParameterError, match=r"1e\+12 grey levels.*ivh"):
        intensity_volume(np.array([0.0, 1e12]), None, (None, None), whole=True)


def test_tone_differences_of_voxels_with_one_neighbour():
    """By hand: levels 1 and 3 side by side (s = 2 and 2, p = 1/2 each), and level 2 alone, which does not count."""
    mask = np.zeros((3, 5, 5), bool)
    mask[1, 0, 0] = mask[1, 0, 1] = mask[1, 4, 4] = True
    image = np.zeros(mask.shape)
    image[1, 0, 1], image[1, 4, 4] = 2.0, 1.0
    settings = {
        "standard": "ibsi",
        "families": ["ngtdm"],
        "discretization": FixedBinWidth(1),
        "aggregation": "2.5D_avg",
    }
    row = RadiomicsExtractor(**settings).extract_case(image, mask, spacing=(1, 1, 1))
    wanted = {"coarseness": 0.5, "contrast": 2 * 0.25 * 4 / 2 * 4 / 2, "busyness": 2 / 2, "complexity": 0.5 * 2 * 2 * 2}
    assert row["original_ngtdm_coarseness"] == pytest.approx(wanted["coarseness"])
    assert row["original_ngtdm_contrast"] == pytest.approx(wanted["contrast"])
    assert row["original_ngtdm_busyness"] == pytest.approx(wanted["busyness"])
    assert row["original_ngtdm_complexity"] == pytest.approx(wanted["complexity"])
    assert row["original_ngtdm_strength"] == pytest.approx(2 * 1 * 4 / 4)


def test_volume_histogram_of_grey_levels():
    """By hand: ten levels of one voxel each. At level i: volume (11 - i) / 10, fraction (i - 1) / 9."""
    h = intensity_volume(np.arange(10.0), FixedBinCount(10), (None, None))
    assert h.intensity.tolist() == list(range(1, 11))
    assert h.volume_at(0.1) == pytest.approx(0.9) and h.volume_at(0.9) == pytest.approx(0.1)
    assert h.intensity_at(0.1) == 10 and h.intensity_at(0.9) == 2


def test_densities_of_a_block_of_voxels():
    """A block along the axes: its oriented box is its own, 6 x 4 x 5 mm, less the edges that the mesh cuts off."""
    mask = np.ones((3, 4, 5), bool)
    row = RadiomicsExtractor(standard="ibsi", families=["morphology"]).extract_case(
        np.arange(60.0).reshape(mask.shape), mask, spacing=(2, 1, 1)
    )
    get = {name.removeprefix("original_morphology_"): value for name, value in row.items()}
    for box in ("axis_aligned", "oriented"):
        assert get[f"volume_density_{box}_box"] == pytest.approx(get["volume"] / (6 * 4 * 5), rel=1e-9)
        assert get[f"area_density_{box}_box"] == pytest.approx(get["surface_area"] / (2 * (24 + 20 + 30)), rel=1e-9)
    assert 0.9 < get["volume_density_oriented_box"] < 1
