"""Work is refused before it is done, with the setting and the number; what can be done is not."""

from __future__ import annotations

import re
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

from radiokit.exceptions import InputError, ParameterError, RadiokitError
from radiokit.features import (
    FixedBinCount,
    FixedBinWidth,
    Normalization,
    RadiomicsExtractor,
    Resampling,
    TextureOptions,
    feature_maps,
)
from radiokit.features._matrices._lattice import require_visits
from radiokit.features._matrices._pairs import require_pairs
from radiokit.features._ngtdm import require_tones
from radiokit.filters import LBP3D, Filter, Gabor, Laws, LoG, Mean, NonSeparableWavelet, Wavelet
from radiokit.filters._base import require_taps
from radiokit.io import Volume
from radiokit.preprocessing import budget as _budget
from radiokit.preprocessing import resample
from radiokit.preprocessing.budget import memory_there_is, require

IMAGE = np.random.default_rng(0).normal(50, 20, (10, 16, 16)).astype("float32")
MASK = np.zeros(IMAGE.shape, bool)
MASK[2:8, 3:13, 3:13] = True


def allocated(work: Any) -> int:
    """Peak of the bytes that numpy and Python allocate in a call that ends with one of our errors."""
    tracemalloc.start()
    try:
        with pytest.raises(RadiokitError):
            work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("standard", ["pyradiomics", "ibsi"])
@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (
            {"resampling": Resampling((0.001, 0.001, 0.001))},
            r"0\.001 x 0\.001 x 0\.001 mm.*GB of memory; there are.*GB",
        ),
        ({"resampling": Resampling((1e-300, 1, 1))}, "1e-300 x 1 x 1 mm.*GB"),
        ({"discretization": FixedBinCount(10**9)}, r"1e\+09 bins.*at most 16,777,216"),
        ({"discretization": FixedBinCount(10**19)}, r"1e\+19 bins"),
        ({"discretization": FixedBinWidth(1e-9)}, "width 1e-09 makes .* grey levels"),
    ],
)
def test_settings_beyond_a_machine_are_refused(standard: str, settings: dict[str, Any], match: str) -> None:
    families = ["glcm"] if standard == "pyradiomics" else ["statistics", "glcm"]
    extractor = RadiomicsExtractor(standard=standard, families=families, **settings)
    with pytest.raises(ParameterError, match=match):
        extractor.extract_case(IMAGE, MASK, spacing=(1, 1, 1))
    assert allocated(lambda: extractor.extract_case(IMAGE, MASK, spacing=(1, 1, 1))) < 20e6


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        (Mean(10**12 + 1), r"Mean\(support=1000000000001.*GB"),
        (LoG(sigma=1e12), r"LoG\(sigma=1000000000000\.0.*GB"),
        (Laws("L5E5S5", energy_distance=10**12), "Laws.*GB"),
        (Gabor(1e6, 2.0), r"Gabor\(sigma=1000000\.0.*GB"),
        (Wavelet("coif1", "LLL", level=30), "level=30.*GB"),
    ],
    ids=repr,
)
def test_kernels_beyond_a_machine_are_refused(kind: Filter, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        kind.apply(Volume(IMAGE))
    assert allocated(lambda: kind.apply(Volume(IMAGE))) < 20e6


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Normalization(scale=1e308), "scale=1e\\+308.*at most 1e\\+30"),
        (lambda: LBP3D(levels=1000), "levels=1000.*at most 86"),
        (lambda: Wavelet(level=1000), "level=1000.*at most 64"),
        (lambda: NonSeparableWavelet(level=1000), "level=1000.*from 1 to 64"),
        (lambda: FixedBinWidth(1e308), "width=1e\\+308"),
        (lambda: LoG(sigma=1e300), "sigma=1e\\+300"),
        (lambda: TextureOptions(distances=(1.5,)), "whole numbers"),  # type: ignore[arg-type]
        (lambda: TextureOptions(gldm_alpha=np.inf), "finite"),
        (lambda: RadiomicsExtractor(voxel_array_shift=1e308).fit(), "voxel_array_shift=1e\\+308"),
    ],
)
def test_values_without_sense_are_refused(make: Any, match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        make()


def test_the_highest_degree_of_harmonics_still_has_a_value() -> None:
    *energies, _ = (image.array for _, image in LBP3D(levels=86).images(Volume(IMAGE[:3, :4, :4].astype(float))))
    assert len(energies) == 86 and all(np.isfinite(e).all() and e.max() > 0 for e in energies)


@pytest.mark.parametrize("standard", ["pyradiomics", "ibsi"])
@pytest.mark.parametrize("distance", [12, 1000, 10**9])
@pytest.mark.filterwarnings("ignore::radiokit.exceptions.DataWarning")
def test_distances_beyond_the_region_are_all_alike(standard: str, distance: int) -> None:
    """No two voxels are that far apart in any direction, or all are within it: quick, whatever the number."""
    settings: dict[str, Any] = {"standard": standard, "families": ["glcm", "ngtdm"]}
    far, there = (
        RadiomicsExtractor(texture=TextureOptions(distances=(d,)), **settings).extract_case(
            IMAGE, MASK, spacing=(1,) * 3
        )
        for d in (distance, 10)
    )
    np.testing.assert_array_equal(far, there)


def test_an_alpha_beyond_all_levels_makes_all_neighbours_dependent() -> None:
    texture = {d: TextureOptions(gldm_alpha=d) for d in (1e30, 1000)}
    far, there = (
        RadiomicsExtractor(families=["gldm"], texture=t).extract_case(IMAGE, MASK, spacing=(1,) * 3)
        for t in texture.values()
    )
    np.testing.assert_array_equal(far, there)


def test_a_wavelet_too_deep_for_its_bins_is_refused_before_it_is_measured() -> None:
    deep = RadiomicsExtractor(filters=[Wavelet("haar", level=20)], families=["glcm"])
    with pytest.raises(ParameterError, match=r"20 levels of haar.*1\.1e\+09.*width 25.*wavelet-LLL.*binCount"):
        deep.extract_case(IMAGE, MASK, spacing=(1, 1, 1))
    # What fits is measured: the bound of the intensities is far above what comes of an image without a mean.
    level = RadiomicsExtractor(filters=[Wavelet("haar", level=12, subband="LLL")], families=["firstorder"])
    assert np.isfinite(level.extract_case(IMAGE - IMAGE.mean(), MASK, spacing=(1, 1, 1))).all()


def test_maps_of_large_neighbourhoods_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"2001 x 2001 x 2001 voxels \(radius, kernelRadius\).*GB"):
        feature_maps(IMAGE, MASK, ["original_glcm_Contrast"], radius=1000, spacing=(1, 1, 1))


def test_whole_images_are_resampled_within_reason() -> None:
    with pytest.raises(ParameterError, match=r"grid of 100000 x 160000 x 160000 voxels.*coarser"):
        resample(Volume(IMAGE), (1e-4, 1e-4, 1e-4))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_the_limit_of_a_case_counts() -> None:
    import resource

    assert 1e8 < memory_there_is() <= 1e12
    before = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (2**31, before[1]))
        assert memory_there_is() == 2**31
        with pytest.raises(ParameterError, match=r"A grid needs about 3 GB of memory; there are 2\.15 GB\. Coarser\."):
            require("A grid", memory=3e9, instead="Coarser.")
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def test_what_fits_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budget, "memory_there_is", lambda: 1e9)
    require("A grid", memory=1e9, seconds=900, instead="")
    with pytest.raises(ParameterError, match=r"about 5\.56 hours of one core; allowed are 15 minutes\. Coarser"):
        require("A grid", seconds=2e4, instead="Coarser.")
    for seconds, words in ((90.4, "90 seconds"), (1e6, "11.6 days"), (1e12, "3.17e+04 years")):
        with pytest.raises(ParameterError, match=f"about {re.escape(words)} of one core"):
            require("A grid", seconds=seconds, most_seconds=10, instead="")


@pytest.mark.parametrize(
    ("edge", "settings", "match"),
    [
        (
            40,
            {"families": ["glcm"], "texture": TextureOptions(distances=tuple(range(1, 31)))},
            r"original: The GLCM of .* grey levels, 64,000 voxels and 113,\d{3} directions needs about .* of one core",
        ),
        (96, {"families": ["glcm"], "discretization": FixedBinCount(200_000)}, r"The GLCM of .* grey levels.*binCount"),
        (64, {"families": ["ngtdm"], "discretization": FixedBinCount(10**7)}, r"The NGTDM of 2\d{2},\d{3} grey levels"),
        (
            40,
            {"families": ["glcm"], "filters": [Wavelet("coif1", level=12)]},
            r"12 levels of coif1 .* width 25 .*wavelet-LLL. Their texture needs about .* minutes.*binCount",
        ),
        (40, {"resampling": Resampling((1, 1, 1e-5))}, r"1 x 1 x 1e-05 mm, 40 x 40 x 3.95001e\+06 voxels.*GB"),
    ],
    ids=["distances", "bins", "tones", "wavelet", "grid"],
)
def test_what_would_take_longer_than_minutes_is_refused(edge: int, settings: dict[str, Any], match: str) -> None:
    image = np.random.default_rng(0).normal(0, 200, (edge,) * 3).astype("float32")
    extractor = RadiomicsExtractor(**settings)
    with pytest.raises(ParameterError, match=match):
        extractor.extract_case(image, np.ones(image.shape, bool), spacing=(1, 1, 1))


def test_large_images_with_the_settings_of_papers_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CT of 512 x 512 x 600 voxels with a region of a million, 25 HU, 1 mm, wavelets and LoG; estimates only."""
    monkeypatch.setattr(_budget, "memory_there_is", lambda: 16e9)
    n_voxels, ct = 10**6, (600, 512, 512)
    for n_levels in (32, 256, 400, 1000, 2000):
        require_pairs(n_voxels, 13, n_levels, n_levels)  # a wavelet of a CT has some 400 levels of 25
        require_tones(n_levels)
    require_pairs(n_voxels, 13 + 109 + 301, 128, 128)  # distances 1, 3 and 5
    require_visits(n_voxels, 4630, tuple(range(1, 11)))
    for sigma in (1.0, 3.0, 5.0):
        edge = int(4 * sigma / 0.7 + 0.5)
        require_taps(LoG(sigma), ct, [2 * edge + 1] * 3, passes=3)
    require_taps(Wavelet("coif1", level=2), ct, [18.0] * 3, passes=8)
    require_taps(Wavelet("coif1", level=2, rotation_invariant=True), (300,) * 3, [18.0] * 3, passes=24 * 8)
    # a box of 30 cm around the region, at 1 mm
    memory, seconds = _budget.BYTES_OF_A_VOXEL * 300**3, _budget.SECONDS_OF_A_VOXEL * 300**3
    require("", memory=memory, seconds=seconds, most_seconds=_budget.MOST_SECONDS_OF_A_GRID, instead="")


@pytest.mark.parametrize("standard", ["pyradiomics", "ibsi"])
def test_intensities_and_voxels_that_no_scanner_makes(standard: str) -> None:
    extractor = RadiomicsExtractor(standard=standard, families=["glcm"])
    for image, spacing, match in (
        (np.full(IMAGE.shape, 2**64 - 5, dtype=np.uint64), (1, 1, 1), "at most 1e\\+60"),
        (IMAGE.astype(float) * 1e200, (1, 1, 1), "at most 1e\\+60"),
        (IMAGE, (1e-300, 1, 1), "required: from 1e-06 to 1e\\+06 mm"),
    ):
        with pytest.raises(InputError, match=match):
            extractor.extract_case(image, MASK, spacing=spacing)


@pytest.mark.parametrize("standard", ["pyradiomics", "ibsi"])
def test_truth_values_and_half_precision_are_numbers(standard: str) -> None:
    families = ["firstorder", "glcm"] if standard == "pyradiomics" else ["statistics", "glcm"]
    extractor = RadiomicsExtractor(standard=standard, families=families, discretization=FixedBinWidth(0.5))
    bright = IMAGE > 50
    half = IMAGE.astype(np.float16)
    for odd, plain in ((bright, bright.astype(np.int16)), (half, half.astype(np.float32))):
        one, two = (extractor.extract_case(v, MASK, spacing=(1, 1, 1)) for v in (odd, plain))
        np.testing.assert_array_equal(one, two)
