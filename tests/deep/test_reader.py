"""From case tables to channels: registered sequences on different grids, masks, missing ones, caches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiokit.deep import Crop
from radiokit.deep._crop_cache import MEMORY
from radiokit.deep.case import columns_read
from radiokit.deep.reader import Reader
from radiokit.exceptions import CaseTableError, InputError, ParameterError
from radiokit.io import Mask, Volume, write_volume


def volume(slope: float, spacing: tuple[float, float, float], origin: float = 0.0) -> Volume:
    """Intensity rises with the x coordinate of the patient, whatever the grid; 48 mm wide."""
    shape = tuple(round(48 / s) for s in spacing)
    start = tuple(origin + (s - 1) / 2 for s in spacing)
    x = start[2] + spacing[2] * np.arange(shape[2])
    return Volume(np.broadcast_to(slope * x, shape).astype(np.float32), spacing, start)


def region(center: float = 24.0) -> Mask:
    z, y, x = np.indices((16, 48, 48))
    inside = (np.abs(3 * z + 1 - 24) < 6) & (np.abs(y - 24) < 8) & (np.abs(x - center) < 8)
    return Mask(inside, (3.0, 1.0, 1.0), (1.0, 0.0, 0.0))


def read(reader: Reader, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return patches (n, channels, z, y, x), and which channels are present (n, channels)."""
    store = reader.store(table)
    return store.batch(), store.present


def cases() -> pd.DataFrame:
    rows = [
        {"image_ct": volume(1.0, (3.0, 1.0, 1.0)), "image_mr": volume(10.0, (2.0, 2.0, 2.0)), "mask_ct": region()},
        {"image_ct": volume(2.0, (3.0, 1.0, 1.0)), "image_mr": None, "mask_ct": region(30.0)},
    ]
    return pd.DataFrame(rows, index=pd.Index(["a", "b"], name="case_id"))


CROP = Crop(size=(4, 8, 8), spacing=(3.0, 2.0, 2.0), missing="zero")


def test_sequences_are_sampled_at_the_same_points_of_the_patient() -> None:
    reader = Reader.learn(cases(), CROP, "3D", None)
    assert reader.sequences == ("ct", "mr") and reader.channels == reader.flags == 2
    images, present = read(reader, cases())
    assert images.shape == (2, 2, 4, 8, 8)
    np.testing.assert_allclose(images[0, 1], 10 * images[0, 0], rtol=1e-5)
    assert present.tolist() == [[1.0, 1.0], [1.0, 0.0]]
    assert not images[1, 1].any()
    # The crop is centred on the region: 23 to 37 mm.
    assert images[1, 0].mean() == pytest.approx(2.0 * 30.0, rel=1e-5)


def test_the_region_as_a_channel() -> None:
    crop = Crop(size=(8, 12, 12), spacing=(3.0, 2.0, 2.0), mask_channel=True, window={"ct": (0, 96)})
    reader = Reader.learn(cases(), crop, "3D", ["ct"])
    images, _ = read(reader, cases())
    assert reader.channels == 2 and reader.are_images == (True, False)
    assert set(np.unique(images[:, 1])) == {0.0, 1.0}
    assert images[:, 0].min() >= 0 and images[:, 0].max() <= 1
    flat, _ = read(Reader.learn(cases(), crop, "2.5D", ["ct"]), cases())
    assert flat.shape == (2, 2, 3, 12, 12)


def test_a_missing_sequence_is_an_error_by_default() -> None:
    crop = Crop(size=(4, 8, 8), spacing=(3.0, 2.0, 2.0))
    with pytest.raises(InputError, match=r"case b lacks mr \(1 of 2 cases"):
        read(Reader.learn(cases(), crop, "3D", None), cases())
    with pytest.raises(CaseTableError, match=r"sequences names \['pet'\]"):
        Reader.learn(cases(), crop, "3D", ["pet"])
    with pytest.raises(ParameterError, match="a window of 'mr' too"):
        Reader.learn(cases(), Crop(window={"ct": (0, 1)}), "3D", None)
    with pytest.raises(CaseTableError, match="X lacks images of 'mr'"):
        read(Reader.learn(cases(), CROP, "3D", None), cases().drop(columns="image_mr"))
    with pytest.raises(CaseTableError, match="case b: no image"):
        read(Reader.learn(cases(), CROP, "3D", None), cases().assign(image_ct=[cases()["image_ct"].iloc[0], None]))
    with pytest.raises(CaseTableError, match="X has the columns age"):
        Reader.learn(pd.DataFrame({"age": [1]}), CROP, "3D", None)


@pytest.fixture
def on_disk(tmp_path: Path) -> pd.DataFrame:
    table = cases().drop(columns="image_mr").rename(columns={"image_ct": "image", "mask_ct": "mask"})
    for case_id, row in table.iterrows():
        for part in ("image", "mask"):
            write_volume(row[part], tmp_path / f"{case_id}_{part}.nii.gz")
            table.loc[case_id, part] = str(tmp_path / f"{case_id}_{part}.nii.gz")
    return table


@pytest.mark.parametrize("folder", [True, False])
def test_files_are_read_once(on_disk: pd.DataFrame, tmp_path: Path, folder: bool, monkeypatch) -> None:
    from radiokit.deep import case as _case

    calls = []
    original = _case.as_volume
    monkeypatch.setattr(_case, "as_volume", lambda *a, **k: calls.append(a) or original(*a, **k))
    MEMORY.kept.clear()
    crop = Crop(size=(4, 8, 8), spacing=(3.0, 2.0, 2.0), cache=tmp_path / "crops" if folder else None)
    reader = Reader.learn(on_disk, crop, "3D", None)
    first, _ = read(reader, on_disk)
    again, _ = read(reader, on_disk[::-1])
    assert len(calls) == 2 and (first == again[::-1]).all()
    # A file that changes is read again; a damaged entry too.
    write_volume(volume(5.0, (3.0, 1.0, 1.0)), on_disk.loc["a", "image"])
    changed, _ = read(reader, on_disk)
    assert len(calls) == 3 and (changed[0] != first[0]).any() and (changed[1] == first[1]).all()
    if folder:
        for entry in (tmp_path / "crops").glob("*.crop"):
            entry.write_bytes(b"no crop")
        assert (read(reader, on_disk)[0] == changed).all() and len(calls) == 5


def test_an_error_names_the_case(on_disk: pd.DataFrame) -> None:
    MEMORY.kept.clear()
    Path(on_disk.loc["b", "image"]).write_bytes(b"nothing")
    with pytest.raises(InputError, match="case b: "):
        read(Reader.learn(on_disk, CROP, "3D", None), on_disk)
    broken = cases()
    array = broken.loc["a", "image_ct"].array.copy()
    array[8, 24, 24] = np.nan
    broken.at["a", "image_ct"] = broken.loc["a", "image_ct"].with_array(array)
    with pytest.raises(InputError, match=r"case a: .* NaN"):
        read(Reader.learn(broken, CROP, "3D", None), broken)


def test_memory_keeps_to_its_limit() -> None:
    from radiokit.deep._crop_cache import Memory

    memory = Memory(most=3 * 4 * 100)
    for k in range(4):
        memory.put(str(k), np.zeros(100, dtype=np.float32))
        memory.get("1", (100,))
    memory.put("4", np.zeros(100, dtype=np.float32))
    assert sorted(memory.kept) == ["1", "3", "4"], "the one that was used last stays"


def test_columns_that_new_cases_need() -> None:
    table = cases().assign(label=[2, 2], roi=None, age=60)
    assert columns_read(table, ["ct", "mr"]) == ("image_ct", "mask_ct", "label", "image_mr")
