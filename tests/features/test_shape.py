"""Shape against geometry: balls, boxes, all pairs of corners, and meshes without holes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import MaskError, ParameterError
from radiokit.features._diameters import longest_distances
from radiokit.features._measure import measure_shape
from radiokit.features._mesh import cube_triangles, mesh_area_volume
from radiokit.features._names import ALL_FEATURES
from radiokit.features._region import Region

ALL = {"shape": ALL_FEATURES["shape"]}


def random_mask(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mask = rng.random(tuple(rng.integers(1, 9, 3))) < rng.choice([0.2, 0.6, 1.0])
    mask.flat[0] = mask.flat[-1] = True
    return mask


def ball(radius: float) -> np.ndarray:
    grid = np.arange(-radius - 2, radius + 3)
    return (grid[:, None, None] ** 2 + grid[:, None] ** 2 + grid**2) <= radius**2


def test_a_ball():
    got = measure_shape(Region(ball(15), (1.0, 1.0, 1.0)), classes=ALL)
    assert got["shape_MeshVolume"] == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.01)
    assert got["shape_Sphericity"] == pytest.approx(1, abs=0.1)
    assert got["shape_Elongation"] == pytest.approx(1)
    assert got["shape_Maximum3DDiameter"] == pytest.approx(31, abs=0.1)
    assert got["shape_MajorAxisLength"] == pytest.approx(4 * 15 / np.sqrt(5), rel=0.01)


@pytest.mark.parametrize("closed", [True, False])
def test_a_voxel_is_an_octahedron(closed):
    area, volume = mesh_area_volume(np.ones((1, 1, 1), bool), np.array([1.0, 1.0, 1.0]), closed=closed)
    assert volume == pytest.approx(1 / 6)
    assert area == pytest.approx(np.sqrt(3))


@pytest.mark.parametrize("seed", range(6))
def test_the_closed_mesh_has_no_holes(seed):
    mask = np.pad(random_mask(seed), 1)
    edges: Counter = Counter()
    corners = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)]
    for place in np.ndindex(*(s - 1 for s in mask.shape)):
        code = sum(int(mask[tuple(np.add(place, c))]) << k for k, c in enumerate(corners))
        for triangle in cube_triangles(code, True) if 0 < code < 255 else ():
            ends = [tuple((2 * (np.array(place) + p)).astype(int)) for p in triangle]
            for a, b in zip(ends, ends[1:] + ends[:1], strict=True):
                edges[a, b] += 1
    assert all(edges[b, a] == n for (a, b), n in edges.items())


@pytest.mark.parametrize("seed", range(10))
def test_diameters_of_all_pairs(seed):
    mask, spacing = random_mask(seed), np.array([2.0, 1.3, 0.7])
    padded = np.pad(mask, 1).astype(int)
    corners = []
    for axis in range(3):
        place = np.argwhere(np.diff(padded, axis=axis) != 0).astype(float)
        place[:, axis] += 0.5
        corners.append(place)
    corners = np.vstack(corners)
    distance = np.sqrt((((corners[:, None] - corners[None]) * spacing) ** 2).sum(axis=2))
    expected = [distance[corners[:, None, a] == corners[None, :, a]].max() for a in range(3)] + [distance.max()]
    np.testing.assert_allclose(longest_distances(mask, spacing), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_mirror_and_quarter_turn(seed):
    mask = random_mask(seed)
    same = ["Elongation", "Flatness", "MajorAxisLength", "Maximum3DDiameter", "VoxelVolume", "Maximum2DDiameterSlice"]
    first = measure_shape(Region(mask, (2.0, 1.0, 1.0)), classes={"shape": same})
    for other in (mask[::-1], mask[:, :, ::-1], np.rot90(mask, axes=(1, 2))):
        assert measure_shape(Region(other, (2.0, 1.0, 1.0)), classes={"shape": same}) == pytest.approx(first)


def test_scaling_of_spacing():
    mask = random_mask(3)
    one = measure_shape(Region(mask, (2.0, 1.0, 1.5)), classes=ALL)
    two = measure_shape(Region(mask, (4.0, 2.0, 3.0)), classes=ALL)
    power = {"MeshVolume": 3, "VoxelVolume": 3, "SurfaceArea": 2, "SurfaceVolumeRatio": -1, "Elongation": 0,
             "Flatness": 0, "Sphericity": 0}  # fmt: skip
    for key, value in one.items():
        assert two[key] == pytest.approx(value * 2.0 ** power.get(key.split("_")[1], 1)), key


def test_the_crop_does_not_matter():
    mask = random_mask(5)
    assert measure_shape(Region(np.pad(mask, 4), (1.0, 1.0, 1.0)), classes=ALL) == measure_shape(
        Region(mask, (1.0, 1.0, 1.0)), classes=ALL
    )


def test_shape2d_of_a_square():
    mask = np.zeros((1, 12, 12), bool)
    mask[0, 1:11, 1:11] = True
    got = measure_shape(Region(mask, (3.0, 2.0, 2.0)), classes={"shape2D": ALL_FEATURES["shape2D"]})
    assert got["shape2D_PixelSurface"] == 400
    assert got["shape2D_MeshSurface"] == pytest.approx(400 - 4 * 0.5)
    assert got["shape2D_Perimeter"] == pytest.approx(4 * 18 + 4 * np.sqrt(2))
    assert got["shape2D_Elongation"] == pytest.approx(1)


def test_shape2d_of_a_thick_region_is_refused():
    with pytest.raises(MaskError, match="voxels thick"):
        measure_shape(Region(np.ones((2, 3, 3), bool), (1.0, 1.0, 1.0)), classes={"shape2D": ALL_FEATURES["shape2D"]})


def test_regions_that_cannot_be():
    with pytest.raises(MaskError, match="no voxels"):
        Region(np.zeros((2, 2, 2), bool), (1.0, 1.0, 1.0))
    with pytest.raises(MaskError, match="axes"):
        Region(np.ones((2, 2), bool), (1.0, 1.0, 1.0))
    with pytest.raises(ParameterError, match="spacing"):
        Region(np.ones((2, 2, 2), bool), (1.0, 0.0, 1.0))


def test_mesh_of_all_neighbourhoods_equals_pyradiomics():
    """All 255 regions within 2 x 2 x 2 voxels (pyradiomics 3.0.1, golden/pyradiomics_mesh.py)."""
    table = pd.read_csv(Path(__file__).parents[1] / "golden/pyradiomics_mesh.csv", index_col="code")
    corners = np.array([(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)])
    assert len(table) == 255
    for code, (area, volume) in table.iterrows():
        mask = np.zeros((2, 2, 2), bool)
        mask[tuple(corners[[code >> k & 1 == 1 for k in range(8)]].T)] = True
        found = mesh_area_volume(mask, np.array([2.0, 1.0, 0.7]), closed=False)
        assert found == pytest.approx((area, volume), rel=1e-12), code
