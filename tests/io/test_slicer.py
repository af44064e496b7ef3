"""Segmentations as 3D Slicer writes them: cropped, named, in layers. Right values: the arrays that were written."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from radiokit.exceptions import FileError, GeometryError, MaskError
from radiokit.io import Volume, read_mask, read_pair, read_volume, write_volume

TUMOUR, EDEMA = np.zeros((2, 6, 10, 8), np.uint8)
TUMOUR[2:4, 3:6, 2:5] = 1
EDEMA[1:5, 2:7, 4:7] = 1
NAMES = {"tumor": 1, "edema": 2}


def seg_nrrd(path: Path, layers: list[np.ndarray], where: list[tuple[str, int, int]], corner=(0, 0, 0)) -> Path:
    """Write layers (z, y, x), cut at `corner`, with segments (name, layer, label value); 0.7 x 0.8 x 3 mm, LPS."""
    stack = np.stack([layer[corner[0] :, corner[1] :, corner[2] :] for layer in layers], axis=-1)
    several = len(layers) > 1
    z, y, x = stack.shape[:3]
    origin = np.array([-10, 20, 100]) + np.array([0.7, 0.8, 3.0]) * corner[::-1]
    lines = [
        "NRRD0004",
        "type: unsigned char",
        f"dimension: {3 + several}",
        "space: left-posterior-superior",
        f"sizes: {f'{len(layers)} ' if several else ''}{x} {y} {z}",
        f"space directions: {'none ' if several else ''}(0.7,0,0) (0,0.8,0) (0,0,3)",
        f"kinds: {'list ' if several else ''}domain domain domain",
        "encoding: gzip",
        f"space origin: ({origin[0]},{origin[1]},{origin[2]})",
        *(
            f"Segment{i}_{key}:={value}"
            for i, (name, layer, label) in enumerate(where)
            for key, value in (("ID", f"Segment_{i + 1}"), ("Name", name), ("Layer", layer), ("LabelValue", label))
        ),
        "Segmentation_MasterRepresentation:=Binary labelmap",
        "",
        "",
    ]
    path.write_bytes("\n".join(lines).encode() + gzip.compress(stack.tobytes()))
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    write_volume(Volume(np.ones((6, 10, 8)), (3.0, 0.8, 0.7), (100.0, 20.0, -10.0)), tmp_path / "image.nrrd")
    return tmp_path / "image.nrrd"


LAYERS = {
    "labels": ([TUMOUR * 1 + (EDEMA & ~(TUMOUR > 0)) * 2], [("tumor", 0, 1), ("edema", 0, 2)]),
    "layers": ([TUMOUR, EDEMA], [("tumor", 0, 1), ("edema", 1, 1)]),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_segments_by_name_number_and_pattern(tmp_path: Path, image: Path, kind: str) -> None:
    layers, where = LAYERS[kind]
    path = seg_nrrd(tmp_path / "a.seg.nrrd", [layer.astype(np.uint8) for layer in layers], where)
    edema = EDEMA if kind == "layers" else layers[0] == 2
    for roi, right in (("tumor", TUMOUR), ("TUMOR", TUMOUR), (1, TUMOUR), ("ed*", edema), (2, edema)):
        np.testing.assert_array_equal(read_pair(image, path, roi=roi)[1].array, right)
    with pytest.raises(MaskError, match="holds 2 regions: 1 'tumor', 2 'edema'"):
        read_mask(path)
    with pytest.raises(MaskError, match="roi='liver' means none"):
        read_mask(path, roi="liver")


def test_label_values_where_one_segment_has_them(tmp_path: Path) -> None:
    path = seg_nrrd(
        tmp_path / "a.seg.nrrd", [(TUMOUR + 4 * EDEMA * (TUMOUR == 0)).astype(np.uint8)], [("a", 0, 1), ("b", 0, 4)]
    )
    np.testing.assert_array_equal(read_mask(path, label=1).array, TUMOUR)
    path = seg_nrrd(tmp_path / "b.seg.nrrd", *LAYERS["layers"])
    with pytest.raises(MaskError, match="label=1 means 2 of its segments"):
        read_mask(path, label=1)


@pytest.mark.parametrize("kind", LAYERS)
def test_what_is_cropped_lies_on_the_image_all_the_same(tmp_path: Path, image: Path, kind: str) -> None:
    layers, where = LAYERS[kind]
    path = seg_nrrd(tmp_path / "a.seg.nrrd", [layer.astype(np.uint8) for layer in layers], where, corner=(1, 2, 2))
    assert read_mask(path, roi="tumor").shape == (5, 8, 6)
    np.testing.assert_array_equal(read_pair(image, path, roi="tumor")[1].array, TUMOUR)
    np.testing.assert_array_equal(read_mask(path, roi="tumor", reference=read_volume(image)).array, TUMOUR)


def test_a_segmentation_beside_the_voxels_of_the_image(tmp_path: Path) -> None:
    write_volume(Volume(np.ones((6, 10, 8)), (3.0, 0.8, 0.7), (100.3, 20.0, -10.0)), tmp_path / "other.nrrd")
    path = seg_nrrd(tmp_path / "a.seg.nrrd", [TUMOUR], [("tumor", 0, 1)], corner=(1, 2, 2))
    with pytest.raises(GeometryError, match="do not share one grid"):
        read_pair(tmp_path / "other.nrrd", path)


def test_segments_that_are_empty_or_lie_nowhere(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="segment 1 'tumor' holds no voxel"):
        read_mask(seg_nrrd(tmp_path / "a.seg.nrrd", [TUMOUR * 0], [("tumor", 0, 1)]))
    with pytest.raises(MaskError, match="lies in layer 3; the file has 1"):
        read_mask(seg_nrrd(tmp_path / "a.seg.nrrd", [TUMOUR], [("tumor", 3, 1)]))
    with pytest.raises(FileError, match="2 components for each voxel"):
        read_volume(seg_nrrd(tmp_path / "a.seg.nrrd", *LAYERS["layers"]))


def test_a_label_below_zero_is_not_taken_for_the_region(tmp_path: Path) -> None:
    write_volume(Volume(TUMOUR.astype("i2") - 1), tmp_path / "a.nii.gz")
    with pytest.raises(MaskError, match="holds -1 and 0 only: which of them is the region"):
        read_mask(tmp_path / "a.nii.gz")
    assert read_mask(tmp_path / "a.nii.gz", label=-1).array.sum() == (TUMOUR == 0).sum()
