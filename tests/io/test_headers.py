"""Headers of NIfTI, NRRD and MetaImage files: read as ITK reads them, or refused with what is wrong; never a crash."""

from __future__ import annotations

import gzip
import itertools
import random
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from radiokit.exceptions import FileError, RadiokitError
from radiokit.io import Volume, read_mask, read_volume, write_volume

VOXELS = np.arange(24, dtype="<i2")


def same(path: Path, tolerance: float = 0.0) -> None:
    image, volume = sitk.ReadImage(str(path)), read_volume(path)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image).reshape(volume.shape))
    if image.GetDimension() == 2:
        image = sitk.JoinSeries(image)
    np.testing.assert_allclose(volume.spacing, image.GetSpacing()[::-1], rtol=tolerance)
    np.testing.assert_allclose(volume.origin, image.GetOrigin()[::-1], atol=100 * tolerance)
    np.testing.assert_allclose(volume.direction, image.GetDirection()[::-1], atol=tolerance)


# ----------------------------------------------------------------------------------------------------------- MetaImage


def metaimage(path: Path, *fields: str, voxels: bytes = VOXELS.tobytes(), **changes: str) -> Path:
    header = {"NDims": "3", "DimSize": "4 3 2", "ElementType": "MET_SHORT", **changes}
    lines = ["ObjectType = Image", *(f"{k} = {v}" for k, v in header.items()), *fields, "ElementDataFile = LOCAL"]
    path.write_bytes("\n".join(lines).encode() + b"\n" + voxels)
    return path


TURN = "0 1 0 0 0 1 1 0 0"


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("ElementSize = 2 3 4",),
        ("ElementSize = 2 3 4", "ElementSpacing = 1 1 5"),
        (f"Offset = 1 2 3\nTransformMatrix = {TURN}\nCenterOfRotation = 5 6 7",),
        (f"Rotation = {TURN}", "Position = 1 2 3"),
        (f"Orientation = {TURN}", "Origin = 1 2 3"),
        ("ElementByteOrderMSB = True",),
        ("BinaryDataByteOrderMSB = True", "AnatomicalOrientation = RAI", "Comment = a = b"),
    ],
)
def test_metaimage_headers_as_itk_reads_them(tmp_path: Path, fields: tuple[str, ...]) -> None:
    same(metaimage(tmp_path / "a.mha", *fields))


def test_metaimages_of_two_axes_detached_and_in_text(tmp_path: Path) -> None:
    same(metaimage(tmp_path / "a.mha", NDims="2", DimSize="4 6"))
    (tmp_path / "a.bin").write_bytes(b"12345678" + VOXELS.tobytes())
    for start in ("8", "-1"):
        text = f"NDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nHeaderSize = {start}\nElementDataFile = a.bin\n"
        (tmp_path / "a.mhd").write_text(text)
        same(tmp_path / "a.mhd")
    text = metaimage(tmp_path / "t.mha", "BinaryData = False", voxels=" ".join(map(str, VOXELS)).encode())
    np.testing.assert_array_equal(read_volume(text).array.ravel(), VOXELS)


@pytest.mark.parametrize(
    ("fields", "changes", "message"),
    [
        ((), {"DimSize": "4 3"}, "DimSize is '4 3'; required: 3 numbers"),
        ((), {"DimSize": "4 3 0"}, "DimSize is"),
        ((), {"DimSize": "4000000 3000000 2000000"}, "cut off: its header promises"),
        ((), {"DimSize": "4 3 1e999"}, "DimSize is"),
        ((), {"NDims": "9"}, "NDims is 9"),
        ((), {"ElementType": "MET_STRING"}, "ElementType is 'MET_STRING'"),
        (("ElementSpacing = 0 1 1",), {}, "spacing is"),
        (("ElementSpacing = 1 1 1e-300",), {}, "spacing is"),
        (("ElementSpacing = 1 1 nan",), {}, "ElementSpacing is '1 1 nan'"),
        (("TransformMatrix = 1 0.2 0 0 1 0 0 0 1",), {}, "not at right angles"),
        (("DistanceUnits = cm",), {}, r"in cm \(DistanceUnits\)"),
        (("ElementToIntensityFunctionSlope = 2",), {}, "Slope is 2"),
        (("ElementNumberOfChannels = -3",), {}, "ElementNumberOfChannels is -3"),
        (("ElementNumberOfChannels = 3",), {"DimSize": "4 2 1"}, "3 components for each voxel"),
    ],
)
def test_metaimage_headers_that_cannot_be_used(
    tmp_path: Path, fields: tuple[str, ...], changes: dict[str, str], message: str
) -> None:
    with pytest.raises(FileError, match=message):
        read_volume(metaimage(tmp_path / "a.mha", *fields, **changes))


@pytest.mark.parametrize("name", ["LIST", "a%03d.raw 1 3 1", "gone.raw", "/dev/zero", "pipe"])
def test_files_of_voxels_that_are_none(tmp_path: Path, name: str) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    text = f"NDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nElementDataFile = {name}\n"
    (tmp_path / "a.mhd").write_text(text)
    with pytest.raises(FileError, match=r"several files|Cannot read|ordinary file"):
        read_volume(tmp_path / "a.mhd")


# ---------------------------------------------------------------------------------------------------------------- NRRD


def nrrd(path: Path, *fields: str, voxels: bytes = VOXELS.tobytes(), **changes: str) -> Path:
    header = {"type": "short", "dimension": "3", "sizes": "4 3 2", "encoding": "raw", "endian": "little", **changes}
    lines = ["NRRD0004", "# made by hand", *(f"{k.replace('_', ' ')}: {v}" for k, v in header.items()), *fields, "", ""]
    path.write_bytes("\n".join(lines).encode() + voxels)
    return path


PLACE = ("space directions: (2,0,0) (0,3,0) (0,0,4)", "space origin: (7,8,9)")


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("spacings: 2 3 4",),
        ("Spacings: 2 3 4", "axis mins: 5 6 7"),
        ("spacings: 2 3 4", "axis mins: 5 6 7", "centers: cell cell cell"),
        *(
            (f"space: {s}", *PLACE)
            for s in ("LPS", "RAS", "LAS", "right-anterior-superior", "left-anterior-superior", "scanner-xyz")
        ),
        ("space dimension: 3", *PLACE),
        ("space: RAS", "space directions: (0,2,0) (0,0,3) (4,0,0)", "space origin: (1,2,3)"),
        ("space: LPS", "space directions: (2,0,0) (0,3,0) none"),
        ("kinds: domain domain domain", "key:=value", 'space: LPS\nspace units: "mm" "mm" "mm"', *PLACE),
        ("byte skip: -1",),
    ],
)
def test_nrrd_headers_as_itk_reads_them(tmp_path: Path, fields: tuple[str, ...]) -> None:
    same(nrrd(tmp_path / "a.nrrd", *fields))


@pytest.mark.parametrize(
    "kind", ["uchar", "int8", "ushort", "unsigned int", "long long int", "uint64", "float", "double"]
)
def test_nrrd_types_as_itk_reads_them(tmp_path: Path, kind: str) -> None:
    same(nrrd(tmp_path / "a.nrrd", voxels=bytes(range(192)), type=kind, endian="big"))


def test_nrrd_encodings(tmp_path: Path) -> None:
    import bz2

    for name, voxels in (
        ("ascii", " ".join(map(str, VOXELS)).encode()),
        ("gzip", gzip.compress(VOXELS.tobytes())),
        ("bzip2", bz2.compress(VOXELS.tobytes())),
    ):
        volume = read_volume(nrrd(tmp_path / "a.nrrd", voxels=voxels, encoding=name))
        np.testing.assert_array_equal(volume.array.ravel(), VOXELS)
    (tmp_path / "a.raw").write_bytes(b"one\ntwo\nabc" + VOXELS.tobytes())
    head = nrrd(tmp_path / "a.nhdr", "line skip: 2", "byte skip: 3", "data file: a.raw", voxels=b"")
    np.testing.assert_array_equal(read_volume(head).array.ravel(), VOXELS)


@pytest.mark.parametrize(
    ("fields", "changes", "message"),
    [
        ((), {"sizes": "4 3"}, "sizes are '4 3'"),
        ((), {"sizes": "4 3 -2"}, "sizes are"),
        ((), {"sizes": "400000 300000 200000"}, "cut off"),
        ((), {"dimension": "0"}, "dimension is '0'"),
        ((), {"dimension": "4", "sizes": "2 3 2 2"}, "required: one volume"),
        ((), {"type": "block"}, "type is 'block'"),
        ((), {"encoding": "hex"}, "encoding 'hex'"),
        ((), {"endian": "middle"}, "endian"),
        (("kinds: list domain domain",), {}, "4 components"),
        (("spacings: 2 nan 4",), {}, "spacing is"),
        (("space: LPS", "space directions: (2,0.5,0) (0,3,0) (0,0,4)"), {}, "not at right angles"),
        (("space: LPS", "space directions: (2,0,0) (0,3,0) (0,0,0)"), {}, "spacing is"),
        (("space: LPS", "space directions: (2,0,x) (0,3,0) (0,0,1)"), {}, "space directions"),
        (("space: upside-down", *PLACE), {}, "space is 'upside-down'"),
        (("space: LPS", 'space units: "cm" "cm" "cm"', *PLACE), {}, "space units"),
        (("axis mins: 0 0 0", "axis maxs: 1 1 1"), {}, "ends of its axes"),
    ],
)
def test_nrrd_headers_that_cannot_be_used(
    tmp_path: Path, fields: tuple[str, ...], changes: dict[str, str], message: str
) -> None:
    with pytest.raises(FileError, match=message):
        read_volume(nrrd(tmp_path / "a.nrrd", *fields, **changes))


@pytest.mark.parametrize("suffix", [".mha", ".nrrd"])
@pytest.mark.parametrize("seed", range(8))
def test_any_orientation_equals_itk_to_the_bit(tmp_path: Path, suffix: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = sitk.GetImageFromArray(rng.integers(0, 9, (3, 4, 5)).astype("u2"))
    image.SetSpacing(rng.uniform(0.2, 6, 3).tolist())
    image.SetOrigin((rng.normal(size=3) * 100).tolist())
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), *rng.uniform(-3, 3, 3).tolist()).GetMatrix())
    sitk.WriteImage(image, str(tmp_path / f"a{suffix}"), bool(seed % 2))
    same(tmp_path / f"a{suffix}")


# --------------------------------------------------------------------------------------------------------------- NIfTI

ROWS = ((2.0, 0.0, 0.0, -11.0), (0.0, 3.0, 0.0, -12.0), (0.0, 0.0, 4.0, 13.0))


def nifti(
    path: Path,
    version: int,
    *,
    q: int = 0,
    s: int = 0,
    turn: tuple[float, ...] = (0.0, 0.0, 0.0),
    at: tuple[float, ...] = (5.0, 6.0, 7.0),
    rows: Any = ROWS,
    pixdim: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0),
    unit: int = 2,
    start: float | None = None,
) -> Path:
    """Write 4 x 3 x 2 voxels with a header of version 1 (348 bytes) or 2 (540 bytes)."""
    dims, steps = (3, 4, 3, 2, 1, 1, 1, 1), (*pixdim, 1, 1, 1, 1)
    if version == 1:
        head = bytearray(352)
        fields = [("i", 0, (348,)), ("8h", 40, dims), ("2h", 70, (4, 16)), ("8f", 76, steps), ("B", 123, (unit,))]
        fields += [("f", 108, (352.0 if start is None else start,)), ("f", 112, (1.0,)), ("2h", 252, (q, s))]
        fields += [("6f", 256, (*turn, *at)), ("12f", 280, tuple(np.ravel(rows))), ("4s", 344, (b"n+1\0",))]
    else:
        head = bytearray(544)
        fields = [("i", 0, (540,)), ("8s", 4, (b"n+2\0\r\n\x1a\n",)), ("2h", 12, (4, 16)), ("8q", 16, dims)]
        fields += [("8d", 104, steps), ("q", 168, (544 if start is None else int(start),)), ("2d", 176, (1.0, 0.0))]
        fields += [("2i", 344, (q, s)), ("6d", 352, (*turn, *at)), ("12d", 400, tuple(np.ravel(rows)))]
        fields += [("i", 500, (unit,))]
    for kind, place, values in fields:
        struct.pack_into(f"<{kind}", head, place, *values)
    path.write_bytes(bytes(head) + VOXELS.tobytes())
    return path


def oblique(seed: int) -> tuple[tuple[float, ...], np.ndarray]:
    """A quaternion (b, c, d), and the matrix of the same rotation (Rodrigues) with the spacing of `nifti`."""
    rng = np.random.default_rng(seed)
    axis, angle = rng.normal(size=3), rng.uniform(-3, 3)
    axis /= np.linalg.norm(axis)
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    sign = np.sign(np.cos(angle / 2))
    return tuple(sign * np.sin(angle / 2) * axis), np.column_stack([rotation * (2.0, 3.0, 4.0), (5.0, 6.0, 7.0)])


@pytest.mark.parametrize(("q", "s"), list(itertools.product((0, 1, 2), (0, 1, 4))))
def test_nifti_2_lies_where_itk_puts_the_same_nifti_1(tmp_path: Path, q: int, s: int) -> None:
    for seed in range(4):
        turn, rows = oblique(seed)
        flip = 1 - 2 * (seed % 2)
        rows *= (1, 1, flip, 1)
        how: dict[str, Any] = {"q": q, "s": s, "turn": turn, "rows": rows, "pixdim": (flip, 2, 3, 4)}
        if seed == 2:  # the two contradict each other
            how |= {"rows": ROWS, "unit": 3}
        image = sitk.ReadImage(str(nifti(tmp_path / "one.nii", 1, **how)))
        volume = read_volume(nifti(tmp_path / "two.nii", 2, **how))
        np.testing.assert_array_equal(volume.array.ravel(), VOXELS)
        np.testing.assert_allclose(volume.spacing, image.GetSpacing()[::-1], rtol=1e-6)
        np.testing.assert_allclose(volume.origin, image.GetOrigin()[::-1], rtol=1e-5)
        np.testing.assert_allclose(volume.direction, image.GetDirection()[::-1], atol=2e-6)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"pixdim": (1, np.nan, 3, 4)}, "pixdim"),
        ({"pixdim": (1, 0, 3, 4), "q": 1}, "spacing"),
        ({"pixdim": (1, 1e-30, 3, 4), "q": 1}, "spacing"),
        ({"turn": (np.nan, 0, 0), "q": 1}, "quatern"),
        ({"at": (np.inf, 0, 0), "q": 1}, "qoffset"),
        ({"rows": ((np.nan, 0, 0, 0), *ROWS[1:]), "s": 1}, "srow"),
        ({"rows": ((2, 1, 0, 0), *ROWS[1:]), "s": 1}, "right angles"),
        ({"pixdim": (1, 9, 9, 9), "s": 1}, "two distances between voxels"),
        ({"start": 8}, "vox_offset"),
    ],
)
def test_nifti_headers_that_cannot_be_used(tmp_path: Path, version: int, how: dict[str, Any], message: str) -> None:
    with pytest.raises(FileError, match=message):
        read_volume(nifti(tmp_path / "a.nii", version, **how))


@pytest.mark.parametrize("start", [np.nan, np.inf, -np.inf, -1.0])
def test_voxels_that_begin_nowhere(tmp_path: Path, start: float) -> None:
    with pytest.raises(FileError, match="vox_offset"):
        read_volume(nifti(tmp_path / "a.nii", 1, start=start))


@pytest.mark.parametrize(("slope", "intercept"), [(np.inf, 0.0), (-np.inf, 0.0), (2.0, np.nan), (1.0, np.inf)])
def test_a_scale_that_is_no_number(tmp_path: Path, slope: float, intercept: float) -> None:
    content = bytearray(nifti(tmp_path / "a.nii", 1).read_bytes())
    struct.pack_into("<2f", content, 112, slope, intercept)
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(FileError, match="scl_slope"):
        read_volume(tmp_path / "a.nii")


def test_a_small_file_that_promises_much_takes_no_memory(tmp_path: Path) -> None:
    content = bytearray(nifti(tmp_path / "a.nii", 1).read_bytes())
    struct.pack_into("<8h", content, 40, 3, 32767, 32767, 32767, 1, 1, 1, 1)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(FileError, match="cut off"):
        read_volume(tmp_path / "a.nii.gz")


# ----------------------------------------------------------------------------------------------------------- mutations

WORDS = (b"-1", b"0", b"1e308", b"nan", b"2147483647", b"18446744073709551616", b"%d", b"LIST", b"", b"A" * 3000)


def mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(min(len(changed), 600))
        how = rng.randrange(4)
        if how == 0:
            changed[place] = rng.randrange(256)
        elif how == 1:
            del changed[place : place + rng.randrange(1, 20)]
        elif how == 2:
            changed[place:place] = rng.choice(WORDS)
        else:
            del changed[rng.randrange(len(changed)) :]
        changed = changed or bytearray(b"x")
    return bytes(changed)


@pytest.mark.parametrize("suffix", [".mha", ".nrrd", ".nii"])
def test_headers_changed_at_random_give_voxels_or_an_error_of_ours(tmp_path: Path, suffix: str) -> None:
    """ITK's reader of MetaImage ended the process on some of these."""
    rng = random.Random(0)
    path = tmp_path / f"base{suffix}"
    write_volume(Volume((np.arange(120).reshape(6, 5, 4) % 7).astype("i2"), (3.0, 1.0, 1.0)), path)
    content = path.read_bytes()
    refused = 0
    for _ in range(200):
        path.write_bytes(mutated(content, rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = rng.choice([read_volume, read_mask])(path)
                assert found.array.ndim == 3 and np.isfinite(found.spacing).all() and min(found.spacing) > 0
            except RadiokitError as error:
                assert "base" in str(error)
                refused += 1
    assert 50 < refused < 200
