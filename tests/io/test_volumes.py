"""Reading and writing of volumes: equal to ITK where ITK is right, and better where it is silent."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiokit.exceptions import DataWarning, FileError, InputError, ParameterError
from radiokit.io import Mask, Volume, from_sitk, read_mask, read_pair, read_volume, to_sitk, write_volume

OBLIQUE = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()


def itk_image(dtype: str = "i2", seed: int = 0) -> sitk.Image:
    values = np.random.default_rng(seed).integers(0, 100, (4, 5, 6)).astype(dtype)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.7, 0.9, 3.1))
    image.SetOrigin((-10.5, 20.25, 300.125))
    image.SetDirection(OBLIQUE)
    return image


def same_place(volume: Volume, image: sitk.Image, tolerance: float = 0.0) -> None:
    np.testing.assert_allclose(volume.spacing, image.GetSpacing()[::-1], rtol=0, atol=tolerance)
    np.testing.assert_allclose(volume.origin, image.GetOrigin()[::-1], rtol=0, atol=tolerance)
    np.testing.assert_allclose(volume.direction, image.GetDirection()[::-1], rtol=0, atol=tolerance)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_reads_what_itk_reads(tmp_path: Path, suffix: str, dtype: str) -> None:
    path = str(tmp_path / f"image{suffix}")
    sitk.WriteImage(itk_image(dtype), path, suffix != ".nii")
    again, volume = sitk.ReadImage(path), read_volume(path)
    assert volume.array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(again))
    same_place(volume, again)


@pytest.mark.parametrize("seed", range(24))
def test_axes_of_the_patient_are_read_as_itk_reads_them(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = itk_image()
    image.SetSpacing(rng.uniform(0.2, 6, 3).tolist())
    image.SetOrigin((rng.normal(size=3) * 100).tolist())
    image.SetDirection(np.diag([1 - 2 * (seed >> axis & 1) for axis in range(3)]).astype(float).ravel().tolist())
    path = str(tmp_path / "image.nii")
    sitk.WriteImage(image, path)
    if seed >= 16:  # without the second way of writing it, the matrix
        content = bytearray(Path(path).read_bytes())
        struct.pack_into("<h", content, 254, 0)
        Path(path).write_bytes(content)
    same_place(read_volume(path), sitk.ReadImage(path))


def test_a_plain_nifti_needs_no_itk(tmp_path: Path) -> None:
    """It would take 100 MB and 0.15 s."""
    write_volume(Volume(np.arange(27.0).reshape(3, 3, 3)), tmp_path / "image.nii.gz")
    write_volume(Mask(np.ones((3, 3, 3), bool)), tmp_path / "mask.nii.gz")
    code = (
        "import sys; from radiokit.io import read_mask, read_volume; "
        "read_volume('image.nii.gz'); read_mask('mask.nii.gz'); assert 'SimpleITK' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.shared
def test_real_files_equal_itk_to_the_bit(shared: Path) -> None:
    files = [*sorted((shared / "data/sts/cropped").glob("STS_00[1-5]/*.nii.gz"))[:6]]
    files += sorted((shared / "data/pyradiomics").glob("*.nrrd"))[:6]
    for file in files:
        image, volume = sitk.ReadImage(str(file)), read_volume(file)
        assert volume.array.dtype == sitk.GetArrayViewFromImage(image).dtype
        np.testing.assert_array_equal(volume.array, sitk.GetArrayViewFromImage(image))
        same_place(volume, image)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_round_trip_keeps_voxels_and_place(tmp_path: Path, suffix: str) -> None:
    volume = from_sitk(itk_image("f4"))
    write_volume(volume, tmp_path / f"image{suffix}")
    again = read_volume(tmp_path / f"image{suffix}")
    np.testing.assert_array_equal(again.array, volume.array)
    same_place(again, itk_image(), tolerance=1e-5)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"image{suffix}"]


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*[st.integers(1, 4)] * 3),
    st.tuples(*[st.floats(0.1, 9)] * 3),
    st.tuples(*[st.floats(-500, 500)] * 3),
    st.tuples(*[st.floats(-3, 3)] * 3),
)
def test_to_and_from_sitk_are_inverse(shape, spacing, origin, angles) -> None:
    matrix = np.array(sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix())
    volume = Volume(np.arange(np.prod(shape)).reshape(shape), spacing, origin, tuple(matrix[::-1]))
    again = from_sitk(to_sitk(volume))
    np.testing.assert_array_equal(again.array, volume.array)
    assert (again.spacing, again.origin, again.direction) == (volume.spacing, volume.origin, volume.direction)


def test_a_point_of_the_patient_is_where_itk_says() -> None:
    from radiokit.io.sitk import indices_at, positions

    image = itk_image()
    volume = from_sitk(image)
    index = np.array([[3.0, 1.0, 5.0], [0.0, 4.0, 2.0]])
    expected = [image.TransformContinuousIndexToPhysicalPoint(i[::-1])[::-1] for i in index]
    np.testing.assert_allclose(positions(volume, index), expected, atol=1e-9)
    np.testing.assert_allclose(indices_at(volume, expected), index, atol=1e-9)


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.99])
@pytest.mark.parametrize(
    ("suffix", "compressed"),
    [(".nii.gz", True), (".nii", False), (".mha", True), (".mha", False), (".nrrd", True), (".nrrd", False)],
)
def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path, suffix: str, compressed: bool, kept: float) -> None:
    image = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(8, 20, 20)))
    path = tmp_path / f"image{suffix}"
    sitk.WriteImage(image, str(path), compressed)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(FileError, match="image"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_a_flipped_bit_in_compressed_voxels_is_an_error(tmp_path: Path, suffix: str) -> None:
    image = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(8, 20, 20)))
    path = tmp_path / f"image{suffix}"
    sitk.WriteImage(image, str(path), True)
    content = bytearray(path.read_bytes())
    content[int(len(content) * 0.7)] ^= 4
    path.write_bytes(content)
    with pytest.raises(FileError, match="damaged"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_voxels_that_are_not_finite_stay_and_are_announced(tmp_path: Path, suffix: str) -> None:
    array = np.zeros((3, 3, 3), "f4")
    array[1, 1, 1], array[0, 0, 0] = np.nan, np.inf
    write_volume(Volume(array), tmp_path / f"image{suffix}")
    with pytest.warns(DataWarning, match="2 of 27 voxels are NaN or infinite"):
        volume = read_volume(tmp_path / f"image{suffix}")
    np.testing.assert_array_equal(volume.array, array)


def nifti_header(**changes: tuple[str, int, object]) -> bytes:
    """A NIfTI-1 header for 2 x 2 x 2 voxels of int16 at 1 mm, with fields replaced: name=(format, offset, value)."""
    head = bytearray(352)
    fields = {
        "size": ("i", 0, 348),
        "dim": ("8h", 40, (3, 2, 2, 2, 1, 1, 1, 1)),
        "datatype": ("h", 70, 4),
        "bitpix": ("h", 72, 16),
        "pixdim": ("8f", 76, (1, 1, 1, 1, 1, 1, 1, 1)),
        "offset": ("f", 108, 352.0),
        "slope": ("f", 112, 1.0),
        "units": ("b", 123, 2),
        "magic": ("4s", 344, b"n+1\0"),
        **changes,
    }
    for kind, place, value in fields.values():
        struct.pack_into(f"<{kind}", head, place, *(value if isinstance(value, tuple) else (value,)))
    return bytes(head)


VOXELS = np.arange(8, dtype="<i2")


def test_scale_of_the_header_is_applied_as_itk_does(tmp_path: Path) -> None:
    path = tmp_path / "image.nii"
    for slope, intercept in ((0.1, 3.0), (2.0, 0.0), (1.0, -5.0), (0.0, 0.0)):
        path.write_bytes(nifti_header(slope=("f", 112, slope), inter=("f", 116, intercept)) + VOXELS.tobytes())
        expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        np.testing.assert_array_equal(read_volume(path).array, expected)
    # ITK adds this intercept; the format's definition says that a slope of 0 means no scale at all.
    path.write_bytes(nifti_header(slope=("f", 112, 0.0), inter=("f", 116, 7.0)) + VOXELS.tobytes())
    np.testing.assert_array_equal(read_volume(path).array.ravel(), VOXELS)


def test_big_endian_and_nifti_2_and_one_slice(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.arange(6, dtype="i2").reshape(2, 3))
    sitk.WriteImage(image, str(tmp_path / "slice.nii"))
    assert read_volume(tmp_path / "slice.nii").shape == (1, 2, 3)
    little = nifti_header()
    big = bytearray(352)
    for kind, place in (("i", 0), ("8h", 40), ("h", 70), ("h", 72), ("8f", 76), ("f", 108), ("f", 112)):
        struct.pack_into(f">{kind}", big, place, *struct.unpack_from(f"<{kind}", little, place))
    big[344:348] = b"n+1\0"
    (tmp_path / "big.nii").write_bytes(bytes(big) + VOXELS.astype(">i2").tobytes())
    volume = read_volume(tmp_path / "big.nii")
    np.testing.assert_array_equal(volume.array.ravel(), VOXELS)
    assert volume.array.dtype.isnative


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": ("8h", 40, (4, 2, 2, 2, 5, 1, 1, 1))}, "holds 5 volumes"),
        ({"dim": ("8h", 40, (3, 2, 0, 2, 1, 1, 1, 1))}, "dimensions"),
        ({"dim": ("8h", 40, (3, 32767, 32767, 32767, 1, 1, 1, 1))}, "cut off"),
        ({"datatype": ("h", 70, 128)}, "colour or complex"),
        ({"magic": ("4s", 344, b"ni1\0")}, "pair of files"),
        ({"size": ("i", 0, 7)}, "not a NIfTI file"),
    ],
)
def test_headers_that_cannot_be_used(tmp_path: Path, change: dict, message: str) -> None:
    for path, opener in ((tmp_path / "a.nii", open), (tmp_path / "a.nii.gz", gzip.open)):
        with opener(path, "wb") as stream:
            stream.write(nifti_header(**change) + VOXELS.tobytes())
        with pytest.raises(FileError, match=message):
            read_volume(path)


def test_a_sheared_grid_is_an_error(tmp_path: Path) -> None:
    rows = {
        "s": ("h", 254, 1),
        "x": ("4f", 280, (1, 0.5, 0, 0)),
        "y": ("4f", 296, (0, 1, 0, 0)),
        "z": ("4f", 312, (0, 0, 1, 0)),
    }
    (tmp_path / "a.nii").write_bytes(nifti_header(**rows) + VOXELS.tobytes())
    with pytest.raises(FileError, match="right angles"):
        read_volume(tmp_path / "a.nii")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600), st.sampled_from([".nii", ".nii.gz", ".nrrd", ".mha", ".xyz"]), st.booleans())
def test_any_bytes_give_an_error_of_ours(tmp_path_factory, content: bytes, suffix: str, headed: bool) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz{suffix}"
    start = {".nrrd": b"NRRD0004\n", ".mha": b"ObjectType = Image\nNDims = 3\n"}.get(suffix, nifti_header()[:348])
    path.write_bytes((start if headed else b"") + content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            assert read_volume(path).array.ndim == 3
        except FileError as error:
            assert "fuzz" in str(error)


def test_files_that_are_not_there_or_empty_or_unknown(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        read_volume(tmp_path / "gone.nii")
    (tmp_path / "empty.nii.gz").touch()
    with pytest.raises(FileError, match="is empty"):
        read_volume(tmp_path / "empty.nii.gz")
    (tmp_path / "a.txt").write_bytes(b"x")
    with pytest.raises(FileError, match=r"suffix '\.txt'"):
        read_volume(tmp_path / "a.txt")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".dcm", ""])
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    image = tmp_path / "image.nii"
    write_volume(Volume(np.ones((2, 2, 2))), image)
    for name, kind in ((f"pipe{suffix}", "a pipe"), (f"zero{suffix}", "a device")):
        for read in (read_volume, read_mask, partial(read_pair, image)):
            with pytest.raises(FileError, match=f"is {kind}"):
                read(tmp_path / name)


def test_colour_images_are_refused(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((2, 2, 2, 3), "u1"), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    with pytest.raises(InputError, match="3 components"):
        read_volume(tmp_path / "a.nrrd")


def test_suv_needs_dicom(tmp_path: Path) -> None:
    write_volume(Volume(np.zeros((2, 2, 2))), tmp_path / "a.nrrd")
    with pytest.raises(ParameterError, match="needs a PET series in DICOM"):
        read_volume(tmp_path / "a.nrrd", suv="bw")


def test_writing_replaces_whole_files_or_leaves_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nii.gz"
    write_volume(Mask(np.ones((2, 2, 2), bool)), path)
    before = path.read_bytes()

    def full(image: object, name: str, **_: object) -> None:
        Path(name).write_bytes(b"half")
        raise RuntimeError("No space left on device")

    monkeypatch.setattr(sitk, "WriteImage", full)
    with pytest.raises(FileError, match="No space left"):
        write_volume(Volume(np.zeros((2, 2, 2))), path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]
    with pytest.raises(FileError, match=r"suffix '\.png'"):
        write_volume(Volume(np.zeros((2, 2, 2))), tmp_path / "a.png")


FULL = """
import resource, signal, sys
import numpy as np
from radiokit.exceptions import FileError
from radiokit.io import Volume, write_volume
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_volume(Volume(np.random.default_rng(0).normal(size=(30, 30, 30))), sys.argv[1])
except FileError as error:
    sys.exit(0 if "cannot be written" in str(error) else 3)
sys.exit(4)
"""


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_full_disk_is_noticed_in_every_format(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"a{suffix}"
    done = subprocess.run([sys.executable, "-c", FULL, str(target)], stderr=subprocess.DEVNULL, check=False)
    assert done.returncode == 0 and not list(tmp_path.iterdir())
