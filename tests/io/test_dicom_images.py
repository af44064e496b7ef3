"""DICOM series: geometry and values as ITK reads them, and an error where slices do not make a volume."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_files import write_enhanced, write_series
from pydicom.uid import RLELossless

from radiokit.exceptions import FileError
from radiokit.io import read_volume

STORED = np.random.default_rng(0).integers(-500, 1500, (6, 5, 4)).astype(np.int16)
OBLIQUE = tuple(np.array(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()).reshape(3, 3)[:, :2].T.ravel())


def by_itk(files: list[Path]) -> sitk.Image:
    return sitk.ReadImage([str(f) for f in files])


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), (-1, 0, 0, 0, 1, 0), OBLIQUE])
def test_geometry_and_values_equal_itk(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    files = write_series(tmp_path / "s", STORED, orientation=orientation)
    volume, image = read_volume(tmp_path / "s"), by_itk(files)
    np.testing.assert_array_equal(volume.array, STORED)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image))
    np.testing.assert_allclose(volume.spacing, image.GetSpacing()[::-1], atol=1e-8)
    np.testing.assert_allclose(volume.origin, image.GetOrigin()[::-1], atol=1e-8)
    np.testing.assert_allclose(volume.direction, image.GetDirection()[::-1], atol=1e-8)


def test_slopes_of_each_slice_and_whole_numbers(tmp_path: Path) -> None:
    slopes = [0.5, 1.25, 2.0, 0.1, 1.0, 3.0]
    write_series(tmp_path / "pet", STORED, slopes=slopes)
    expected = STORED * np.array(slopes)[:, None, None]
    np.testing.assert_allclose(read_volume(tmp_path / "pet").array, expected, rtol=1e-15)
    write_series(tmp_path / "ct", STORED.astype(np.uint16) % 4096, intercept=-1024)
    volume = read_volume(tmp_path / "ct")
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array, (STORED.astype(np.uint16) % 4096).astype(int) - 1024)


def test_nothing_names_the_person(tmp_path: Path) -> None:
    write_series(tmp_path / "s", STORED)
    assert "secret" not in str(read_volume(tmp_path / "s").metadata).lower()


def test_enhanced_multi_frame(tmp_path: Path) -> None:
    slopes = [1.0, 0.5, 2.0, 1.0, 1.0, 4.0]
    write_enhanced(tmp_path / "e.dcm", STORED, slopes)
    volume = read_volume(tmp_path / "e.dcm")
    np.testing.assert_allclose(volume.array, STORED * np.array(slopes)[:, None, None])
    assert volume.spacing == (2.5, 0.8, 0.7) and volume.origin == (100.0, 20.0, -10.0)


def test_one_slice(tmp_path: Path) -> None:
    files = write_series(tmp_path / "s", STORED)
    volume = read_volume(files[2])
    assert volume.shape == (1, 5, 4) and volume.spacing == (3.0, 0.8, 0.7)


def test_other_files_beside_the_slices_are_passed_over(tmp_path: Path) -> None:
    files = write_series(tmp_path / "s", STORED)
    (tmp_path / "s" / "notes.txt").write_text("hello")
    (tmp_path / "s" / ".hidden.dcm").write_text("hello")
    shutil.copy(files[0], tmp_path / "s" / "copy_of_one.dcm")
    assert read_volume(tmp_path / "s").shape == (6, 5, 4)


def test_several_series_need_a_choice(tmp_path: Path) -> None:
    write_series(tmp_path / "s", STORED, uid="1.2.3.4")
    write_series(tmp_path / "s", STORED[:3], uid="1.2.3.5")
    with pytest.raises(FileError, match=r"holds 2 series: number 4 \(CT, 6 images, 1\.2\.3\.4\).*series="):
        read_volume(tmp_path / "s")
    with pytest.raises(FileError, match="holds 2 series"):
        read_volume(tmp_path / "s", series=4)
    assert read_volume(tmp_path / "s", series="1.2.3.5").shape == (3, 5, 4)
    with pytest.raises(FileError, match="holds 2 series"):
        read_volume(tmp_path / "s", series="9.9")


def edit(file: Path, **tags: object) -> None:
    data = pydicom.dcmread(file)
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(file)


def test_slices_that_make_no_volume(tmp_path: Path) -> None:
    def broken(name: str) -> list[Path]:
        return write_series(tmp_path / name, STORED)

    broken("gap")[3].unlink()
    with pytest.raises(FileError, match="not evenly spaced: 3 mm apart, but 6 mm after 106"):
        read_volume(tmp_path / "gap")
    files = broken("double")
    shutil.copy(files[2], tmp_path / "double" / "again.dcm")
    edit(tmp_path / "double" / "again.dcm", SOPInstanceUID="1.2.3")
    with pytest.raises(FileError, match="1 positions have more than one slice"):
        read_volume(tmp_path / "double")
    edit(broken("turned")[0], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    with pytest.raises(FileError, match="not parallel"):
        read_volume(tmp_path / "turned")
    edit(broken("zoom")[0], PixelSpacing=[0.5, 0.5])
    with pytest.raises(FileError, match="several pixel spacings"):
        read_volume(tmp_path / "zoom")
    write_series(tmp_path / "tilt", STORED, positions=[(0, 0.5 * i, 3 * i) for i in range(6)])
    with pytest.raises(FileError, match="tilted gantry"):
        read_volume(tmp_path / "tilt")
    for name in ("ImagePositionPatient", "PixelSpacing"):
        edit(broken(name)[1], **{name: None})
        with pytest.raises(FileError, match=f"no {name}"):
            read_volume(tmp_path / name)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.97])
def test_a_truncated_slice_is_an_error_that_names_it(tmp_path: Path, kept: float) -> None:
    file = write_series(tmp_path / "s", STORED)[2]
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    with pytest.raises(FileError, match="s/"):
        read_volume(tmp_path / "s")


def test_compressed_slices(tmp_path: Path) -> None:
    for file in write_series(tmp_path / "s", STORED):
        data = pydicom.dcmread(file)
        data.compress(RLELossless)
        data.save_as(file)
    np.testing.assert_array_equal(read_volume(tmp_path / "s").array, STORED)


def test_compression_that_pydicom_alone_cannot_read(tmp_path: Path) -> None:
    stored = np.random.default_rng(1).integers(0, 900, (1, 64, 64)).astype(np.int16)
    image = sitk.GetImageFromArray(stored)
    image.SetSpacing((0.7, 0.8, 3.0))
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(tmp_path / "j2k.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG2000")
    writer.Execute(image)
    edit(
        tmp_path / "j2k.dcm",
        ImagePositionPatient=[0, 0, 0],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[0.8, 0.7],
    )
    np.testing.assert_array_equal(read_volume(tmp_path / "j2k.dcm").array, stored)


def test_folders_and_files_that_are_no_dicom(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no DICOM image"):
        read_volume(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"nonsense" * 100)
    with pytest.raises(FileError, match=r"a\.dcm"):
        read_volume(tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize("modality", ["CT", "PET", "MR_T1"])
def test_a_real_series_equals_its_nifti(shared: Path, modality: str) -> None:
    volume = read_volume(shared / f"data/dicom/sts_processed/STS_008/{modality}/image")
    twin = read_volume(shared / f"data/sts/full/STS_008/{modality}_image.nii.gz")
    np.testing.assert_allclose(volume.array, twin.array, rtol=0, atol=1e-5)
    np.testing.assert_allclose(volume.spacing, twin.spacing, atol=1e-3)
