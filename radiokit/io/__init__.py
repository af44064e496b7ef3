"""Files in, files out: volumes, masks, case tables, parameter files."""

from radiokit.io._sitk import from_sitk, to_sitk
from radiokit.io._volume import Grid, Mask, Volume

__all__ = ["Grid", "Mask", "Volume", "from_sitk", "to_sitk"]
