"""Pictures as images of one slice: the pixels that were written, and a spacing that is told, given or announced."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from radiokit.exceptions import DataWarning, FileError, GeometryError, ParameterError, RadiokitError
from radiokit.features import FixedBinWidth, RadiomicsExtractor
from radiokit.io import read_cases, read_mask, read_pair, read_volume

PIXELS = np.random.default_rng(0).integers(0, 255, (12, 9))
REGION = np.zeros((12, 9), np.uint8)
REGION[3:8, 2:6] = 255
DOTS = 254  # an inch: 0.1 mm


def write(path: Path, pixels: np.ndarray, **how: Any) -> Path:
    Image.fromarray(pixels).save(path, **how)
    return path


TYPES = {".png": ["u1", "u2"], ".PNG": ["u1"], ".tif": ["u1", "u2", "i4", "f4"], ".tiff": ["u1"], ".bmp": ["u1"]}


@pytest.mark.parametrize(("suffix", "kind"), [(suffix, kind) for suffix, kinds in TYPES.items() for kind in kinds])
def test_pixels_of_every_type_and_spacing_of_the_file(tmp_path: Path, suffix: str, kind: str) -> None:
    if (kind != "u1" and suffix in (".bmp",)) or (kind in ("i4", "u4", "f4") and suffix.lower() == ".png"):
        pytest.skip("the format has no such type")
    pixels = (PIXELS * (1 if kind == "u1" else 200)).astype(kind)
    if kind == "u4":
        pixels[0, 0] = 4_000_000_000
    volume = read_volume(write(tmp_path / f"a{suffix}", pixels, dpi=(DOTS, 2 * DOTS)))
    np.testing.assert_array_equal(volume.array[0], pixels)
    assert volume.shape == (1, 12, 9)
    np.testing.assert_allclose(volume.spacing, (1.0, 0.05, 0.1), rtol=2e-3)


@pytest.mark.parametrize(("kind", "top"), [("u4", 4_000_000_000), ("i4", -2_000_000_000), ("i2", -30_000)])
def test_types_that_other_software_writes(tmp_path: Path, kind: str, top: int) -> None:
    pixels = PIXELS.astype(kind)
    pixels[0, 0] = top
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "a.tif"))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif", spacing=(1, 1)).array[0], pixels)


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_numbers_are_those_stored_where_white_is_zero(tmp_path: Path, kind: str) -> None:
    """TIFF 6.0, PhotometricInterpretation 0: a matter of display, as ITK reads it. An inverted mask was its outside."""
    path = tmp_path / "a.tif"
    sitk.WriteImage(sitk.GetImageFromArray(PIXELS.astype(kind)), str(path), useCompression=False)
    stored = bytearray(path.read_bytes())
    at = stored.index(struct.pack("<HHI", 262, 3, 1))  # the entry of the tag: number, type, count, value
    stored[at + 8] = 0
    path.write_bytes(stored)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), PIXELS)
    with pytest.warns(DataWarning, match="WhiteIsZero"):
        np.testing.assert_array_equal(read_volume(path, spacing=(1, 1)).array[0], PIXELS)


def test_one_bit_and_jpeg(tmp_path: Path) -> None:
    Image.fromarray(REGION > 0).save(tmp_path / "bits.png", dpi=(DOTS, DOTS))
    np.testing.assert_array_equal(read_volume(tmp_path / "bits.png").array[0], REGION > 0)
    smooth = np.add.outer(np.arange(16), np.arange(16)).astype(np.uint8) * 4
    volume = read_volume(write(tmp_path / "a.jpg", smooth, dpi=(DOTS, DOTS), quality=100))
    assert np.abs(volume.array[0].astype(int) - smooth).max() <= 2
    np.testing.assert_allclose(volume.spacing, (1.0, 0.1, 0.1))


@pytest.mark.parametrize("how", [{}, {"dpi": (72, 72)}, {"dpi": (96, 96)}])
def test_an_unknown_spacing_is_announced_or_given(tmp_path: Path, how: dict[str, Any]) -> None:
    path = write(tmp_path / "a.png", PIXELS.astype("u1"), **how)
    with pytest.warns(DataWarning, match=r"does not say how large a pixel is: 1 mm"):
        assert read_volume(path).spacing == (1.0, 1.0, 1.0)
    assert read_volume(path, spacing=(0.3, 0.2)).spacing == (1.0, 0.3, 0.2)
    for wrong in ((1.0,), (0.0, 1.0), (1.0, np.nan), (1, 2, 3)):
        with pytest.raises(ParameterError, match="2 positive numbers of mm"):
            read_volume(path, spacing=wrong)


def test_spacing_is_for_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"x")
    with pytest.raises(ParameterError, match="spacing= is for pictures"):
        read_volume(tmp_path / "a.nii", spacing=(1, 1))
    with pytest.raises(ParameterError, match="needs a PET series"):
        read_volume(write(tmp_path / "a.png", REGION), suv="bw")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_colours_are_refused_with_the_way_to_grey(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new(mode, (4, 4)).save(path)
    with pytest.raises(FileError, match=rf"colour picture \(mode {mode}\).*convert\(.L.\)"):
        read_volume(path)


def test_several_pictures_and_turned_ones_are_refused(tmp_path: Path) -> None:
    one = Image.fromarray(REGION)
    one.save(tmp_path / "a.tif", save_all=True, append_images=[one, one])
    with pytest.raises(FileError, match="holds 3 pictures"):
        read_volume(tmp_path / "a.tif")
    exif = Image.Exif()
    exif[0x0112] = 6
    one.save(tmp_path / "b.jpg", exif=exif)
    with pytest.raises(FileError, match="stored turned"):
        read_volume(tmp_path / "b.jpg")


def test_a_mask_lies_on_the_picture_it_was_drawn_on(tmp_path: Path) -> None:
    image = write(tmp_path / "image.png", PIXELS.astype("u1"), dpi=(DOTS, DOTS))
    mask = write(tmp_path / "mask.png", REGION)
    volume, region = read_pair(image, mask)
    np.testing.assert_array_equal(region.array[0], REGION > 0)
    np.testing.assert_allclose(volume.spacing, (1.0, 0.1, 0.1))
    assert region.spacing == volume.spacing and region.metadata["label"] == 255
    np.testing.assert_array_equal(read_mask(mask, reference=volume).array, region.array)
    with pytest.raises(GeometryError, match="size"):
        read_pair(image, write(tmp_path / "small.png", REGION[:8]))


def test_a_palette_of_labels(tmp_path: Path) -> None:
    picture = Image.fromarray((REGION > 0).astype(np.uint8) * 2)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "labels.png")
    mask = read_mask(tmp_path / "labels.png")
    assert mask.metadata["label"] == 2
    np.testing.assert_array_equal(mask.array[0], REGION > 0)


def test_features_of_a_picture_are_those_of_its_array(tmp_path: Path) -> None:
    extractor = RadiomicsExtractor(families=["firstorder", "glcm"], discretization=FixedBinWidth(25))
    image, mask = write(tmp_path / "image.png", PIXELS.astype("u1")), write(tmp_path / "mask.png", REGION)
    found = extractor.extract_case(str(image), str(mask), spacing=(0.5, 0.5))
    right = extractor.extract_case(PIXELS.astype("u1"), (REGION > 0).astype("u1"), spacing=(0.5, 0.5))
    np.testing.assert_array_equal(found, right)


def test_folders_of_pictures(tmp_path: Path) -> None:
    for part, pixels in (("images", PIXELS.astype("u1")), ("masks", REGION)):
        (tmp_path / part).mkdir()
        write(tmp_path / part / "P1.png", pixels, dpi=(DOTS, DOTS))
    cases = read_cases(tmp_path)
    assert list(cases.index) == ["P1"] and cases.loc["P1", "image"].endswith("P1.png")


@pytest.mark.filterwarnings("ignore")  # remarks of Pillow
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_damaged_pictures_give_an_error_of_ours_or_pixels(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", PIXELS.astype("u1"), dpi=(DOTS, DOTS))
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        changed = bytearray(content)
        for place in rng.integers(0, len(changed), rng.integers(1, 4)):
            changed[place] = rng.integers(256)
        path.write_bytes(changed[: rng.integers(1, len(changed)) if rng.random() < 0.3 else None])
        try:
            read_volume(path, spacing=(1, 1))
        except RadiokitError as error:
            assert "a." in str(error)
