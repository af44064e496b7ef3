"""What the pipelines of both standards share: their settings, and everything that comes before filtering."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from radiokit.exceptions import ParameterError
from radiokit.features._admissible import Prepared, as_measurable, require_extent, require_finite
from radiokit.features._checked import Discretization, Measured, as_discretization
from radiokit.features._options import TextureOptions
from radiokit.features._settings import Normalization, RegionRules, Resampling, Resegmentation
from radiokit.filters import Original
from radiokit.io import Mask, Volume
from radiokit.preprocessing import resegment, standardize
from radiokit.preprocessing.boxes import Box
from radiokit.utils import CaseResult


@dataclass(frozen=True)
class Preparation:
    """How an image and its region are made ready to be filtered and measured."""

    resampling: Resampling | None
    normalization: Normalization | None
    resegmentation: Resegmentation | None
    region: RegionRules

    def normalised(self, image: Volume, mask: Mask, *, everywhere: bool) -> Volume:
        """Return the image after checks, normalised if that is asked for.

        `everywhere`: voxels outside of the region reach a feature, and have to be finite too.
        """
        image = as_measurable(image)
        how = self.normalization
        beyond = everywhere or self.resampling is not None or how is not None
        require_finite(image, mask, everywhere=beyond)
        return image if how is None else standardize(image, scale=how.scale, outlier_sigma=how.outlier_sigma)

    def box(self, mask: Mask) -> Box:
        """Return the box of a region that may be measured; MaskError where it is too small."""
        return require_extent(mask, self.region.minimum_dimensions, self.region.minimum_size)

    def resegmented(self, image: Volume, mask: Mask) -> tuple[Mask, Mask]:
        """Return the region whose shape is measured, and the region whose intensities are."""
        how = self.resegmentation
        if how is None:
            return mask, mask
        kept = resegment(image, mask, range=how.range, outlier_sigma=how.outlier_sigma, mode=how.mode)
        return (kept if how.shape else mask), kept


@dataclass(frozen=True)
class StandardPipeline(ABC):
    """From an image and a mask on one grid to a row of the feature table, after one standard.

    Its fields are the settings of `RadiomicsExtractor` after checks, under their names. A standard adds its own checks
    in ``__post_init__``.
    """

    preparation: Preparation
    filters: tuple[Measured, ...]
    families: Mapping[str, tuple[str, ...] | None] | None
    discretization: Mapping[str, Discretization | None]
    texture: TextureOptions
    aggregation: str | None
    voxel_array_shift: float

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Every column, in order."""

    @abstractmethod
    def measure(self, image: Volume, mask: Mask) -> CaseResult:
        """Return one row."""

    @abstractmethod
    def prepare(self, image: Volume, mask: Mask) -> Prepared:
        """Carry out everything that comes before filtering."""

    @cached_property
    def only_original(self) -> bool:
        """Whether no filter looks beyond the region."""
        return all(isinstance(measured.filter, Original) for measured in self.filters)

    def bins(self, measured: Measured) -> Mapping[str, Discretization | None]:
        """Discretisation of the images of a filter, by family."""
        own = measured.discretization
        return self.discretization if own is None else as_discretization(own)

    def shift(self, measured: Measured) -> float:
        """Return the number that is added to intensities of the images of a filter before energies are computed."""
        own = measured.voxel_array_shift
        return self.voxel_array_shift if own is None else own

    def unique(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return names of columns, all different."""
        found = tuple(columns)
        if len(set(found)) != len(found):
            kinds = ", ".join(repr(measured.filter) for measured in self.filters)
            raise ParameterError(f"The filters {kinds} give two images of one name; each needs its own.")
        return found


def binning_of(bins: Mapping[str, Discretization | None], family: str) -> Discretization:
    """Return the discretisation of a family: its own, or the default."""
    binning = bins.get(family) or bins["default"]
    if binning is None:
        raise ParameterError(f"No discretisation for {family}; required: FixedBinWidth(width) or FixedBinCount(count).")
    return binning
