"""pyradiomics' image types: the same on a box as on the whole image, and against the packages that define them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from radiokit.exceptions import ParameterError
from radiokit.filters import (
    LBP2D,
    LBP3D,
    Exponential,
    Filter,
    Gradient,
    LoG,
    Logarithm,
    Original,
    Scene,
    Square,
    SquareRoot,
    Wavelet,
    as_filter,
    pyradiomics_images,
    pyradiomics_names,
)
from radiokit.io import Mask, Volume

SHAPE = (9, 15, 12)
BOX = (slice(2, 7), slice(1, 12), slice(0, 9))


def values(dtype: str) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=SHAPE) * 100).astype(dtype)


def scene(array: np.ndarray, box=BOX, flat_axis: int | None = None) -> Scene:
    mask = np.zeros(SHAPE, bool)
    mask[box] = True
    return Scene(Volume(array, (2.0, 0.8, 0.9)), Mask(mask, (2.0, 0.8, 0.9)), box, flat_axis)


KINDS = [
    Original(),
    Square(),
    SquareRoot(),
    Logarithm(),
    Exponential(),
    Gradient(),
    LBP2D(),
    LoG(sigma=1.0),
    Wavelet(),
    Wavelet("db2", level=2),
    Wavelet("haar", start_level=1),
]


@pytest.mark.parametrize("flat_axis", [None, 0, 2])
@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_a_box_is_cut_out_of_the_whole(kind: Filter, flat_axis: int | None) -> None:
    everything = tuple(slice(0, n) for n in SHAPE)
    array = values("int16")
    whole = dict(pyradiomics_images(kind, scene(array, everything, flat_axis)))
    part = dict(pyradiomics_images(kind, scene(array, BOX, flat_axis)))
    assert set(part) == set(pyradiomics_names(kind, flat_axis))
    for name, response in part.items():
        assert np.allclose(response, whole[name][BOX], rtol=1e-12, atol=1e-10), name


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
@pytest.mark.parametrize("axes", [(2, 1, 0), (2, 1)])
@pytest.mark.parametrize("wavelet", ["haar", "coif1", "sym4", "bior1.5", "db9", "dmey"])
@pytest.mark.parametrize("box", [BOX, tuple(slice(0, n) for n in SHAPE)], ids=["part", "whole"])
def test_wavelet_equals_pywavelets_to_the_bit(box: Any, wavelet: str, dtype: str, axes: tuple[int, ...]) -> None:
    pywt = pytest.importorskip("pywt")
    array = values(dtype)
    even = np.pad(array, [(0, n % 2) for n in SHAPE], mode="wrap")
    (bands,) = pywt.swtn(even, wavelet, level=1, axes=axes)
    (again,) = pywt.swtn(bands["a" * len(axes)], wavelet, level=1, axes=axes)
    flat_axis = None if len(axes) == 3 else 0
    for name, response in pyradiomics_images(Wavelet(wavelet, level=2), scene(array, box, flat_axis)):
        prefix, _, letters = name.partition("-")
        expected = (bands if prefix == "wavelet" else again)[letters.replace("L", "a").replace("H", "d")]
        assert response.dtype == expected.dtype
        assert np.array_equal(response, expected[box]), name


def test_scaled_functions_keep_the_largest_magnitude() -> None:
    array = np.array([[[-1000, -10, 0, 3, 600]]], dtype=np.int16)
    for kind in (Square(), SquareRoot(), Logarithm()):
        response = kind.apply(Volume(array)).array
        assert np.abs(response).max() == pytest.approx(1000)
        assert response[0, 0, 2] == 0
    assert (SquareRoot().apply(Volume(array)).array[0, 0, :2] < 0).all()
    assert Exponential().apply(Volume(array)).array[0, 0, 0] == pytest.approx(1e-3)
    lowest = np.array([[[-32768, 1]]], dtype=np.int16)  # whose magnitude int16 cannot hold
    assert Square().apply(Volume(lowest)).array[0, 0, 0] == pytest.approx(32768)
    assert (Square().apply(Volume(np.zeros((1, 1, 2)))).array == 0).all()


def circle(image: np.ndarray, row: int, column: int) -> np.ndarray:
    """Samples at distance 1, for the definition by hand; 0 outside."""
    wide = np.pad(image, 2)
    found = []
    for p in range(8):
        y = row + 2 + round(-np.sin(np.pi * p / 4), 5)
        x = column + 2 + round(np.cos(np.pi * p / 4), 5)
        i, j = int(np.floor(y)), int(np.floor(x))
        b, a = y - i, x - j
        patch = wide[i : i + 2, j : j + 2]
        found.append(
            (1 - b) * ((1 - a) * patch[0, 0] + a * patch[0, 1]) + b * ((1 - a) * patch[1, 0] + a * patch[1, 1])
        )
    return np.array(found)


def test_lbp_2d_by_definition() -> None:
    image = np.random.default_rng(5).normal(size=(6, 7))
    codes = {m: LBP2D(method=m).apply(Volume(image[None])).array[0] for m in ("default", "uniform", "ror", "var")}
    for row, column in np.ndindex(image.shape):
        samples = circle(image, row, column)
        bits = (samples - image[row, column] >= 0).astype(int)
        pattern = int((bits << np.arange(8)).sum())
        changes = int(np.abs(np.diff(bits)).sum())
        assert codes["default"][row, column] == pattern
        assert codes["uniform"][row, column] == (bits.sum() if changes <= 2 else 9)
        turned = [int((np.roll(bits, k) << np.arange(8)).sum()) for k in range(8)]
        assert codes["ror"][row, column] == min(turned)
        assert codes["var"][row, column] == pytest.approx(samples.var())


def test_lbp_2d_slices_across_each_axis() -> None:
    array = values("int16")
    for axis in range(3):
        ((_, codes),) = pyradiomics_images(LBP2D(), scene(array, flat_axis=axis))
        moved = np.moveaxis(array, axis, 0) if axis != 2 else array.transpose(2, 1, 0)
        by_slice = LBP2D().apply(Volume(moved)).array
        back = np.moveaxis(by_slice, 0, axis) if axis != 2 else by_slice.transpose(2, 1, 0)
        assert (codes == back[BOX]).all()


def test_lbp_3d_does_not_change_with_the_number_of_voxels_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    array, mask = values("float64"), np.random.default_rng(6).random(SHAPE) > 0.5
    whole = LBP3D().at_voxels(array, mask)
    monkeypatch.setattr("radiokit.filters._lbp3d.BATCH", 50)
    assert np.allclose(LBP3D().at_voxels(array, mask), whole)


def test_lbp_3d_of_degree_0_is_a_sum_one_by_one() -> None:
    # One value a count of samples that are not below the centre: evenly spaced, so the last bit decides about bins.
    array, mask = values("float64"), np.ones(SHAPE, bool)
    y = np.sqrt(1 / (4 * np.pi))
    coefficients = [0.0]
    for _ in range(42):
        coefficients.append(coefficients[-1] + y)
    energies = [np.sqrt(sum([(c * y) ** 2] * 42)) for c in coefficients]
    assert set(LBP3D().at_voxels(array, mask)[:, 0]) <= set(energies)


def test_lbp_3d_of_a_constant_image() -> None:
    found = LBP3D().at_voxels(np.zeros((5, 5, 5)), np.ones((5, 5, 5), bool))
    assert np.isnan(found[:, 2]).all()  # no kurtosis where nothing varies
    assert np.isfinite(found[:, :2]).all()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wavelet", Wavelet()),
        ("Square_Root", SquareRoot()),
        ("lbp-3d", LBP3D()),
        ("LBP2D", LBP2D()),
        ("original", Original()),
    ],
)
def test_names_stand_for_defaults(name: str, kind: Filter) -> None:
    assert as_filter(name) == kind


def test_unknown_names_and_bad_parameters() -> None:
    with pytest.raises(ParameterError, match="known are"):
        as_filter("sobel")
    with pytest.raises(ParameterError, match="no default for sigma"):
        as_filter("log")
    for make in (lambda: LBP2D(method="other"), lambda: LBP2D(samples=100), lambda: LBP3D(subdivision=9)):
        with pytest.raises(ParameterError):
            make()


def test_one_slice_is_filtered_in_the_plane() -> None:
    pywt = pytest.importorskip("pywt")
    array = (np.random.default_rng(1).normal(size=(1, 14, 16)) * 100).astype("float32")
    box = (slice(0, 1), slice(2, 9), slice(3, 12))
    mask = np.zeros(array.shape, bool)
    mask[box] = True
    volume, region = Volume(array, (1.0, 0.8, 0.9)), Mask(mask, (1.0, 0.8, 0.9))
    with pytest.raises(ParameterError, match=r"one slice.*force2D: true.*LL, LH, HL and HH"):
        dict(pyradiomics_images(Wavelet(), Scene(volume, region, box)))
    found = dict(pyradiomics_images(Wavelet(), Scene(volume, region, box, flat_axis=0)))
    (bands,) = pywt.swtn(array[0].T, "coif1", level=1)  # pyradiomics' order: x first
    letters = {"L": "a", "H": "d"}
    assert set(found) == {"wavelet-LL", "wavelet-LH", "wavelet-HL", "wavelet-HH"}
    for name, response in found.items():
        wanted = bands["".join(letters[c] for c in name[-2:])].T[box[1:]]
        np.testing.assert_allclose(response[0], wanted, rtol=1e-5, atol=1e-3)
    ((name, response),) = pyradiomics_images(LoG(sigma=2.0), Scene(volume, region, box))
    assert name == "log-sigma-2-0-mm-3D" and response.shape == (1, 7, 9)


@pytest.mark.parametrize(("sigma", "name"), [(1, "1"), (1.0, "1-0"), (np.float64(2.5), "2-5"), (0.001, "0-001")])
def test_sigma_is_spelled_as_it_is_given(sigma: float, name: str) -> None:
    assert pyradiomics_names(LoG(sigma=sigma)) == (f"log-sigma-{name}-mm-3D",)
    assert type(LoG(sigma=sigma).sigma) in (int, float)
