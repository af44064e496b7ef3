"""Files in, files out: volumes, masks, case tables, parameter files."""

from importlib import import_module
from typing import Any

from radiokit.io._contact_sheet import write_contact_sheet
from radiokit.io._dicom_index import index_dicom
from radiokit.io._doctor import check_cases
from radiokit.io._mask import read_mask
from radiokit.io._pair import read_pair
from radiokit.io._read import read_volume
from radiokit.io._volume import Grid, Mask, Volume
from radiokit.io._write import write_volume
from radiokit.io.cases import read_cases
from radiokit.io.geometry import check_geometry
from radiokit.io.sitk import from_sitk, to_sitk
from radiokit.utils import write_table
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "Grid",
    "Mask",
    "Volume",
    "check_cases",
    "check_geometry",
    "from_sitk",
    "index_dicom",
    "read_cases",
    "read_mask",
    "read_pair",
    "read_params",
    "read_volume",
    "to_sitk",
    "write_contact_sheet",
    "write_params",
    "write_table",
    "write_volume",
]

fill_docstrings(__name__)

# An extractor is made of more than files: these live beside it, and are loaded where they are used.
OF_EXTRACTORS = ("read_params", "write_params")


def __getattr__(name: str) -> Any:
    if name in OF_EXTRACTORS:
        return getattr(import_module("radiokit.features"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
