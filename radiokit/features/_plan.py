"""What an extractor was asked for, checked and in one shape, and the two pipelines that carry it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from radiokit.exceptions import ParameterError
from radiokit.features._measure import TextureOptions
from radiokit.features._settings import (
    LARGEST,
    FixedBinCount,
    FixedBinWidth,
    Normalization,
    RegionRules,
    Resampling,
    Resegmentation,
)
from radiokit.filters import Filter, as_filter
from radiokit.io import Mask, Volume
from radiokit.utils import CaseResult

STANDARDS = ("pyradiomics", "ibsi")
Discretization = FixedBinWidth | FixedBinCount


@dataclass(frozen=True)
class Measured:
    """A filter with its own way of being measured, where the extractor's does not suit its range of values.

    Parameters
    ----------
    filter : Filter or str
        The filter.
    discretization : FixedBinWidth, FixedBinCount or dict, optional
        As in `RadiomicsExtractor`; None takes the extractor's.
    texture : TextureOptions, optional
        As in `RadiomicsExtractor`; None takes the extractor's.
    voxel_array_shift : float, optional
        As in `RadiomicsExtractor`; None takes the extractor's.

    Examples
    --------
    >>> Measured("lbp3d", discretization=FixedBinWidth(1)).filter
    LBP3D(levels=2, radius=1.0, subdivision=1)
    """

    filter: Filter
    discretization: Any = None
    texture: TextureOptions | None = None
    voxel_array_shift: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "filter", as_filter(self.filter))
        if self.voxel_array_shift is not None:
            as_shift(self.voxel_array_shift)


@dataclass(frozen=True)
class Plan:
    """The settings of an extractor after checks; what a pipeline is built from. Fields as in `RadiomicsExtractor`."""

    filters: tuple[Measured, ...]
    families: Any = "all"
    resampling: Resampling | None = None
    discretization: Mapping[str, Discretization | None] = field(default_factory=dict)
    resegmentation: Resegmentation | None = None
    normalization: Normalization | None = None
    aggregation: str | None = None
    texture: TextureOptions = field(default_factory=TextureOptions)
    region: RegionRules = field(default_factory=RegionRules)
    voxel_array_shift: float = 0.0


class Pipeline(Protocol):
    """From an image and a mask on one grid to a row of the feature table."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, in order."""

    def measure(self, image: Volume, mask: Mask) -> CaseResult:
        """Return one row."""


def build_pipeline(standard: str, plan: Plan) -> Pipeline:
    """Return the pipeline of a standard."""
    if standard == "pyradiomics":
        from radiokit.features._pyradiomics import PyradiomicsPipeline

        return PyradiomicsPipeline(plan)
    if standard == "ibsi":
        from radiokit.features._ibsi import IbsiPipeline

        return IbsiPipeline(plan)
    raise ParameterError(f"standard={standard!r}; required: one of {', '.join(map(repr, STANDARDS))}.")


def as_measured(filters: Any) -> tuple[Measured, ...]:
    """Check the list of filters."""
    if isinstance(filters, str | Filter | Measured):
        filters = (filters,)
    found = tuple(f if isinstance(f, Measured) else Measured(f) for f in filters)
    if not found:
        raise ParameterError("filters is empty; required: at least one, such as 'original'.")
    return found


def as_discretization(what: Any) -> dict[str, Discretization | None]:
    """Return discretisation by family with a key ``"default"``."""
    by_family = dict(what) if isinstance(what, Mapping) else {"default": what}
    for family, value in by_family.items():
        if value is not None and not isinstance(value, FixedBinWidth | FixedBinCount):
            raise ParameterError(
                f"discretization holds {value!r} for {family!r}; required: FixedBinWidth(width), FixedBinCount(count), "
                "or a dict of these by family."
            )
    if by_family.setdefault("default", FixedBinWidth(25)) is None:
        raise ParameterError("discretization is None; required: FixedBinWidth(width) or FixedBinCount(count).")
    return by_family


def as_shift(value: Any) -> float:
    """Return a number that can be added to intensities."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ParameterError(f"voxel_array_shift={value!r}; required: a number of magnitude at most {LARGEST:g}.")
    return value


def as_optional(name: str, value: Any, kind: type) -> Any:
    """Return a value object or None, or say what is required."""
    if value is not None and not isinstance(value, kind):
        raise ParameterError(f"{name}={value!r}; required: {kind.__name__}(...) or None.")
    return value


def as_families(families: Any) -> Any:
    """Return ``"all"``, or a dict of family to None or a tuple of features."""
    if isinstance(families, str):
        families = families if families == "all" else (families,)
    if families == "all":
        return "all"
    if isinstance(families, Mapping):
        return {str(k): None if not v else tuple(map(str, v)) for k, v in families.items()}
    if not isinstance(families, Sequence) or not len(families):
        raise ParameterError(f"families={families!r}; required: 'all', a list of names, or a dict of name to features.")
    return dict.fromkeys(map(str, families))
