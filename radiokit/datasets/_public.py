"""Public data, read from a local copy and compared with the published checksum."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radiokit.exceptions import FileError, ParameterError

VARIABLE = "RADIOKIT_DATA"
SOURCES = {
    "radmlbench": "tables from https://github.com/aydindemircioglu/radMLBench (datasets/*.gz, as NAME.csv.gz)",
    "sts": (
        "images from https://github.com/theibsi/data_sets (ibsi_validation), outcomes.csv after the clinical table of "
        "https://doi.org/10.7937/K9/TCIA.2015.7GO2GSKS"
    ),
}
DAYS_A_MONTH = 30.4375
GRADES = {"Low": 1, "Intermediate": 2, "High": 3}
SEQUENCES = ("CT", "PET", "MR_T1")
# sha256 of the text: compressing anew changes nothing.
TABLES = {
    "Ahn2021": "25e9afd68e20ac64bd920545def342cf123f1a7dfdf4200ce84d16f6adce81cf",
    "C4KC-KiTS": "2d758904c42b6bd6fea9a44578b4bc2186f8b95311e8eca707a5694c4212c219",
    "Colorectal-Liver-Metastases": "c2f65f90c70610d93ab69144756e00d2b959e186bd7a1b530c5f85d3fc14d477",
    "HCC-TACE-Seg": "4c6b7889b8a88b77c55c1dde26a2fe6f26ea6210c904299242f46cb5c9bba594",
    "HNSCC": "980e145e66e842e77d2cc66ac39975e8997983ff7312a35cb92e27e339b4fa4d",
    "Head-Neck-Radiomics-HN1": "21fee72a3a940b5069822ab55aca2b806164e492bcff39b0c465e916139817a1",
    "Hosny2018A": "8ed7460879eb7aa5b551b696a121d9e28595dc09dc2132b71edc67a25ebe454a",
    "ISPY1": "9cfb7829e4d70c500d4069d94146f799f3a932937564bce8373385eceb6d9a96",
    "LGG-1p19qDeletion": "0080dc1706abe0b3820a78b5d02ea7169963df103da667ce79b2512ade55845d",
    "Lu2019": "b9b6a774ce88243a8a12f575a2e089dbbd08b87ed7a11deadbb55085bdb41e70",
    "NSCLC-Radiogenomics": "f7470c54462ff022d5c1b62c208dee00fccf1d2d358660467520269d20949c32",
    "QIN-HEADNECK": "238a71911bae3ca0d828b31a52215bf0d0ca4dd41581e69d2d67c2cae5acf5f3",
    "Ramella2018": "881cb02ad46b11039301daad6b297f6aecd117fdf78ec5d24150dba05acf1969",
    "Song2020": "43b58a08df6256cd20aa7acef20037bc816af08fe41049d2ce1d125e4f90d446",
    "WORC-CRLM": "dee3b2c83e82edfea7194ffda80c864afa0e2972e550a1306444cd65dceea7e6",
    "WORC-Desmoid": "37b7a58cb4a8d82f4636453f6b7e615fb41e3018d31bb3f0deb823ad3c98bed0",
    "WORC-Lipo": "2cbb03eea337fd2d406e7d5b9b422e4a24c3a43cf549b9145f01378d6a87ac95",
}
SARCOMA_OUTCOMES = "c02f463e6e29524e136884797f6a477580334424d26b0f82645b499f9c951bf0"


@dataclass(frozen=True, eq=False, repr=False)
class PublicTable:
    """A published table of radiomic features with a binary outcome.

    Parameters
    ----------
    name : str
        Name of the table.
    X : DataFrame of shape (n, n_features)
        Features, one row for each case, by its id.
    y : Series of int
        Outcome, 0 or 1.

    Examples
    --------
    >>> PublicTable("a", pd.DataFrame({"volume": [1.0, 2.0]}), pd.Series([0, 1]))
    PublicTable('a', 2 cases, 1 features, 1 positive)
    """

    name: str
    X: pd.DataFrame
    y: pd.Series

    def __repr__(self) -> str:
        cases, features = self.X.shape
        return f"PublicTable({self.name!r}, {cases} cases, {features} features, {int(self.y.sum())} positive)"


def fetch_feature_table(name: str, *, data_home: str | os.PathLike[str] | None = None) -> PublicTable:
    """Read one of the 17 feature tables of radMLBench from a local copy.

    Parameters
    ----------
    name : str
        As the collection calls it, ``"WORC-Lipo"`` say; a wrong name is answered with all of them.
    data_home : path, optional
        Folder that holds ``radmlbench/NAME.csv.gz``; default the environment variable ``RADIOKIT_DATA``.

    Returns
    -------
    PublicTable
        Features and outcome.

    Raises
    ------
    ParameterError
        If there is no such table.
    FileError
        If the copy is absent, or differs from the published one (sha256).

    Notes
    -----
    Nothing is downloaded. Source: https://github.com/aydindemircioglu/radMLBench (MIT; each table has a publication of
    its own, to be cited).

    Examples
    --------
    >>> fetch_feature_table("WORC-Lipo").X.shape  # doctest: +SKIP
    (114, 1015)
    """
    if name not in TABLES:
        raise ParameterError(f"There is no table {name!r}; required: one of {', '.join(TABLES)}.")
    text = _read(data_home, "radmlbench", f"{name}.csv.gz", TABLES[name])
    table = pd.read_csv(io.BytesIO(text)).set_index("ID").rename_axis("case_id")
    return PublicTable(name, table.drop(columns="Target"), table["Target"].rename("outcome"))


def fetch_sarcoma(
    *, sequences: Sequence[str] = SEQUENCES, data_home: str | os.PathLike[str] | None = None
) -> pd.DataFrame:
    """Case table of 34 patients with soft-tissue sarcoma: CT, PET and MR with masks, and metastasis to the lung.

    Parameters
    ----------
    sequences : sequence of str
        Of ``"CT"`` (HU), ``"PET"`` (SUV) and ``"MR_T1"``.
    data_home : path, optional
        Folder that holds ``sts/outcomes.csv`` and ``sts/cropped/PATIENT/`` with ``CT_image.nii.gz``, ``CT_mask.nii.gz``
        and so on; default the environment variable ``RADIOKIT_DATA``.

    Returns
    -------
    DataFrame
        Index ``case_id``: ``patient_id``, ``image_`` and ``mask_`` of each sequence (absolute paths), ``age, sex``,
        ``grade`` (1 low, 2 intermediate, 3 high; NaN unknown), ``site`` (thigh or other), ``lung_mets`` (0/1),
        ``lung_mets_event`` and ``months`` from biopsy to metastasis or last follow-up.

    Raises
    ------
    ParameterError
        If a sequence is unknown, or none is given.
    FileError
        If the copy is absent or incomplete, or its outcomes differ from the expected ones (sha256).

    Notes
    -----
    Nothing is downloaded. Soft-tissue-Sarcoma collection of The Cancer Imaging Archive (CC BY 3.0; Vallieres et al.
    2015, doi:10.1088/0031-9155/60/14/5471, data doi:10.7937/K9/TCIA.2015.7GO2GSKS); NIfTI by the IBSI.

    *How to read it.* 13 patients had lung metastases: enough to see the whole way from images to a report, too few to
    conclude.

    Examples
    --------
    >>> fetch_sarcoma(sequences=["CT"])["lung_mets"].sum()  # doctest: +SKIP
    13
    """
    unknown = [sequence for sequence in sequences if sequence not in SEQUENCES]
    if unknown or not sequences or isinstance(sequences, str):
        raise ParameterError(f"sequences is {sequences!r}; required: a list of {', '.join(SEQUENCES)}.")
    text = _read(data_home, "sts", "outcomes.csv", SARCOMA_OUTCOMES)
    outcomes = pd.read_csv(io.BytesIO(text)).set_index("patient_id")
    images = _home(data_home, "sts") / "cropped"
    cases = pd.DataFrame(index=outcomes.index.rename("case_id"))
    cases["patient_id"] = outcomes.index
    for sequence in sequences:
        for part in ("image", "mask"):
            paths = [images / patient / f"{sequence}_{part}.nii.gz" for patient in outcomes.index]
            absent = [str(path) for path in paths if not path.is_file()]
            if absent:
                raise FileError(f"{absent[0]} and {len(absent) - 1} more are absent; required: {SOURCES['sts']}.")
            cases[f"{part}_{sequence}"] = [str(path) for path in paths]
    cases["age"] = outcomes["age_years"]
    cases["sex"] = outcomes["sex"]
    cases["grade"] = outcomes["grade"].map(GRADES)
    cases["site"] = outcomes["site"].str.contains("thigh").map({True: "thigh", False: "other"})
    cases["lung_mets"] = cases["lung_mets_event"] = outcomes["lung_mets"]
    cases["months"] = outcomes["lung_mets_time_days"] / DAYS_A_MONTH
    return cases


def _home(data_home: str | os.PathLike[str] | None, collection: str) -> Path:
    home = data_home if data_home is not None else os.environ.get(VARIABLE)
    if not home:
        raise FileError(
            f"{VARIABLE} is not set and no data_home given; required: a folder that holds {collection}/ "
            f"({SOURCES[collection]})."
        )
    return Path(home).absolute() / collection


def _read(data_home: str | os.PathLike[str] | None, collection: str, name: str, sha256: str) -> bytes:
    """Return the text of a table, after comparing its checksum."""
    path = _home(data_home, collection) / name
    if not path.is_file():
        raise FileError(f"{path} is absent; required: {SOURCES[collection]}.")
    try:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise FileError(f"{path} cannot be read ({error}); get it again: {SOURCES[collection]}.") from error
    found = hashlib.sha256(text).hexdigest()
    if found != sha256:
        raise FileError(
            f"{path} is not the expected table: its sha256 is {found[:12]}..., required: {sha256[:12]}...; "
            f"get it again: {SOURCES[collection]}."
        )
    return text
