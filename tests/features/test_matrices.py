"""Matrices against counting by hand: plain loops over voxels, on small random regions."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
import SimpleITK as sitk

from radiokit.features._binning import GreyLevels, bin_values
from radiokit.features._matrices import _counts
from radiokit.features._matrices._lattice import Lattice, directions
from radiokit.features._matrices._neighbours import count_dependent, sum_neighbours
from radiokit.features._options import TextureOptions
from radiokit.features._region import Region
from radiokit.features._settings import FixedBinWidth
from radiokit.features._texture import Texture

SEEDS = range(8)


def small_case(seed: int, levels: int = 4):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 6, 3))
    mask = rng.random(shape) < rng.choice([0.4, 0.8, 1.0])
    mask[tuple(s // 2 for s in shape)] = True
    region = Region(mask, (2.0, 1.0, 0.5))
    image = rng.integers(1, levels + 1, mask.shape)
    level = region.pick(image)
    options = TextureOptions(
        distances=((1,), (1, 2))[seed % 2], force2d=seed % 3 == 0, force2d_dimension=seed % 3, symmetrical_glcm=False
    )
    return region, level, Texture(region, GreyLevels(level, int(level.max())), options), options


def by_place(region: Region, level: np.ndarray) -> dict[tuple[int, ...], int]:
    return {tuple(map(int, p)): int(v) for p, v in zip(np.argwhere(region.mask), level, strict=True)}


def offsets(options: TextureOptions, distances: tuple[int, ...]) -> list[tuple[int, ...]]:
    reach = range(-max(distances), max(distances) + 1)
    flat = options.force2d_dimension if options.force2d else None
    return [o for o in product(reach, repeat=3) if max(map(abs, o)) in distances and (flat is None or o[flat] == 0)]


def plus(p, o, times=1):
    return tuple(a + times * b for a, b in zip(p, o, strict=True))


def cells(matrix, row: int = 0) -> Counter:
    return Counter({(int(i), int(j)): int(n) for i, j, n in zip(matrix.i, matrix.j, matrix.n[row], strict=True) if n})


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("table_bytes", [_counts.TABLE_BYTES, 0])
def test_cooccurrence(seed, table_bytes, monkeypatch):
    monkeypatch.setattr("radiokit.features._matrices._pairs.TABLE_BYTES", table_bytes)
    region, level, texture, options = small_case(seed)
    voxels = by_place(region, level)
    pairs = texture.glcm
    expected = []
    for o in offsets(options, options.distances):
        if o > (0, 0, 0):
            found = Counter((v, voxels[plus(p, o)]) for p, v in voxels.items() if plus(p, o) in voxels)
            if found:
                expected.append({cell: n / found.total() for cell, n in found.items()})
    got = [{(int(i), int(j)): p for i, j, p in zip(pairs.i, pairs.j, row, strict=True) if p > 0} for row in pairs.p]
    key = lambda d: sorted(d.items())  # noqa: E731
    for a, b in zip(sorted(got, key=key), sorted(expected, key=key), strict=True):
        assert a == pytest.approx(b)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("table_bytes", [_counts.TABLE_BYTES, 0])
def test_runs(seed, table_bytes, monkeypatch):
    monkeypatch.setattr("radiokit.features._matrices._runs.TABLE_BYTES", table_bytes)
    region, level, texture, options = small_case(seed)
    voxels = by_place(region, level)
    runs = texture.glrlm
    got = sorted(sorted(cells(runs, row).items()) for row in range(len(runs.n)))
    expected = []
    for o in offsets(options, (1,)):
        if o < (0, 0, 0):
            continue
        if not any(plus(p, o, k) in voxels for p in voxels for k in range(1, 7)):
            continue  # no line holds two voxels
        found: Counter = Counter()
        for p, v in voxels.items():
            if voxels.get(plus(p, o, -1)) != v:
                length = 1
                while voxels.get(plus(p, o, length)) == v:
                    length += 1
                found[v, length] += 1
        expected.append(sorted(found.items()))
    assert got == sorted(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_zones(seed):
    region, level, texture, options = small_case(seed)
    voxels = by_place(region, level)
    expected: Counter = Counter()
    left = dict(voxels)
    while left:
        seed_place, v = left.popitem()
        front, size = [seed_place], 1
        while front:
            p = front.pop()
            for o in offsets(options, (1,)):
                if left.get(plus(p, o)) == v:
                    del left[plus(p, o)]
                    front.append(plus(p, o))
                    size += 1
        expected[v, size] += 1
    assert cells(texture.glszm) == expected


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("alpha", [0, 1])
def test_dependence(seed, alpha):
    region, level, texture, options = small_case(seed)
    texture.options = TextureOptions(**{**options.__dict__, "gldm_alpha": alpha})
    voxels = by_place(region, level)
    expected = Counter(
        (v, 1 + sum(abs(voxels.get(plus(p, o), 99) - v) <= alpha for o in offsets(options, options.distances)))
        for p, v in voxels.items()
    )
    assert cells(texture.gldm) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_tone_difference(seed):
    region, level, texture, options = small_case(seed)
    voxels = by_place(region, level)
    n: Counter = Counter(voxels.values())
    s = dict.fromkeys(n, 0.0)
    for p, v in voxels.items():
        around = [voxels[plus(p, o)] for o in offsets(options, options.distances) if plus(p, o) in voxels]
        if around:
            s[v] += abs(v - sum(around) / len(around))
    t = texture.ngtdm
    assert t.i.tolist() == sorted(n)
    assert t.n.tolist() == [n[v] for v in sorted(n)]
    np.testing.assert_allclose(t.s, [s[v] for v in sorted(n)], atol=1e-12)


def test_five_thousand_levels_take_little_memory():
    rng = np.random.default_rng(0)
    region = Region(np.ones((4, 30, 30), bool), (1.0, 1.0, 1.0))
    level = rng.permutation(np.arange(1, 3601)) + 1400
    texture = Texture(region, GreyLevels(level, 5000), TextureOptions())
    assert len(texture.glcm.i) <= 2 * 13 * 3600
    assert texture.glszm.total == 3600
    assert texture.glrlm.total.sum() == 13 * 3600


@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1", "lung1"])
def test_matrices_of_pyradiomics(case, shared):
    folder = shared / "data" / "pyradiomics"
    stem = case if (folder / f"{case}_image.nrrd").exists() else f"{case}_cropped"
    image = sitk.ReadImage(str(folder / f"{stem}_image.nrrd"))
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{stem}_label.nrrd"))) == 1
    region = Region(mask, image.GetSpacing()[::-1])
    levels = bin_values(region.pick(sitk.GetArrayFromImage(image)), FixedBinWidth(25))
    texture = Texture(region, levels, TextureOptions())
    stored = {name: np.load(folder / "matrices" / f"{case}_{name}.npy") for name in
              ("glcm", "glrlm", "glszm", "gldm", "ngtdm")}  # fmt: skip
    present = levels.histogram[0]

    def dense(values: np.ndarray, i: np.ndarray, j: np.ndarray, columns: np.ndarray) -> np.ndarray:
        out = np.zeros((len(values), len(present), len(columns)))
        out[:, np.searchsorted(present, i), np.searchsorted(columns, j)] = values
        return np.moveaxis(out, 0, -1)

    pairs = texture.glcm
    np.testing.assert_allclose(dense(pairs.p, pairs.i, pairs.j, present), stored["glcm"], atol=1e-12)
    for name in ("glrlm", "glszm", "gldm"):
        matrix = getattr(texture, name)
        got = dense(matrix.n, matrix.i, matrix.j, np.unique(matrix.j))
        np.testing.assert_array_equal(got.reshape(stored[name].shape), stored[name])
    t = texture.ngtdm
    np.testing.assert_allclose(np.stack([t.n, t.s, t.i], axis=1), stored["ngtdm"], rtol=1e-12)


def test_many_neighbours_and_high_levels_are_counted_in_full():
    """The middle of 33³ voxels has 35,936 neighbours, more than 16 bits hold; their levels sum to more than 32 do."""
    lattice = Lattice(np.ones((33, 33, 33), bool), 16)
    steps = lattice.steps(directions((33, 33, 33), range(1, 17)))
    middle = np.array([[lattice.index[33**3 // 2], 1]])
    field = lattice.place(np.full(33**3, 100_000))
    assert count_dependent(field, middle, steps, 0).tolist() == [33**3 - 1]
    assert count_dependent(field, middle, steps, 1).tolist() == [33**3 - 1]
    assert sum_neighbours(field, middle, steps).tolist() == [100_000 * (33**3 - 1)]


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 6, 2)])
@pytest.mark.parametrize("distances", [(1,), (2,), (1, 3), (50,)])
@pytest.mark.parametrize("flat_axis", [None, 0, 2])
def test_directions_are_half_of_the_offsets_that_fit(shape, distances, flat_axis):
    reach = range(5, -6, -1)
    wanted = [
        o
        for o in product(reach, repeat=3)
        if o > (0, 0, 0)
        and max(map(abs, o)) in distances
        and all(abs(step) < size for step, size in zip(o, shape, strict=True))
        and (flat_axis is None or o[flat_axis] == 0)
    ]
    assert list(map(tuple, directions(shape, distances, flat_axis=flat_axis).tolist())) == wanted
