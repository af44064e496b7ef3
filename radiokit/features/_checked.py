"""Settings of an extractor, checked once and brought into one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from radiokit.exceptions import ParameterError
from radiokit.features._options import TextureOptions
from radiokit.features._settings import FixedBinCount, FixedBinWidth
from radiokit.filters import Filter, as_filter
from radiokit.preprocessing.choices import LARGEST

Discretization = FixedBinWidth | FixedBinCount
Discretizations = Discretization | Mapping[str, Discretization | None]
Families = str | Sequence[str] | Mapping[str, Sequence[str] | None]
Names = Mapping[str, Sequence[str]]  # of the features of each family
Value = TypeVar("Value")


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
    discretization: Discretizations | None = None
    texture: TextureOptions | None = None
    voxel_array_shift: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "filter", as_filter(self.filter))
        if self.discretization is not None:
            as_discretization(self.discretization)
        as_optional("texture", self.texture, TextureOptions)
        if self.voxel_array_shift is not None:
            as_shift(self.voxel_array_shift)


Filters = str | Filter | Measured | Sequence[str | Filter | Measured]


def as_measured(filters: Filters) -> tuple[Measured, ...]:
    """Return each filter with its own way of being measured, where it has one."""
    if isinstance(filters, str | Filter | Measured):
        filters = (filters,)
    found = tuple(f if isinstance(f, Measured) else Measured(as_filter(f)) for f in filters)
    if not found:
        raise ParameterError("filters is empty; required: at least one, such as 'original'.")
    return found


def as_discretization(given: Discretizations) -> dict[str, Discretization | None]:
    """Return the discretisation of each family, with a key ``"default"``."""
    by_family: dict[str, Discretization | None] = dict(given) if isinstance(given, Mapping) else {"default": given}
    for family, value in by_family.items():
        if value is not None and not isinstance(value, FixedBinWidth | FixedBinCount):
            raise ParameterError(
                f"discretization holds {value!r} for {family!r}; required: FixedBinWidth(width), FixedBinCount(count), "
                "or a dict of these by family."
            )
    if by_family.setdefault("default", FixedBinWidth(25)) is None:
        raise ParameterError("discretization is None; required: FixedBinWidth(width) or FixedBinCount(count).")
    return by_family


def as_shift(value: float) -> float:
    """Return a number that can be added to intensities."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ParameterError(f"voxel_array_shift={value!r}; required: a number of magnitude at most {LARGEST:g}.")
    return value


def as_optional(name: str, value: Value | None, kind: type[Value]) -> Value | None:
    """Return an object of this class, or None; anything else is an error."""
    if value is not None and not isinstance(value, kind):
        raise ParameterError(f"{name}={value!r}; required: {kind.__name__}(...) or None.")
    return value


def as_families(families: Families) -> dict[str, tuple[str, ...] | None] | None:
    """Return the features of each family (None: all of them), or None where ``"all"`` families are asked for."""
    if isinstance(families, str):
        return None if families == "all" else {families: None}
    if isinstance(families, Mapping):
        return {str(k): None if not v else tuple(map(str, v)) for k, v in families.items()}
    if not isinstance(families, Sequence) or not len(families):
        raise ParameterError(f"families={families!r}; required: 'all', a list of names, or a dict of name to features.")
    return dict.fromkeys(map(str, families))


def features_of(
    families: Mapping[str, tuple[str, ...] | None] | None, known: Names, *, more: Names | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the features of each family by name.

    Parameters
    ----------
    families : mapping, optional
        As `as_families` returns it.
    known : mapping of str to sequence of str
        Every family of the standard, with the features that it has unless some are named.
    more : mapping of str to sequence of str, optional
        Features that are measured only when they are named.

    Raises
    ------
    ParameterError
        If the standard lacks a family or a feature.
    """
    found = {}
    for family, names in (dict.fromkeys(known) if families is None else families).items():
        if family not in known:
            raise ParameterError(f"The feature family (class) {family!r} is not known; known are {', '.join(known)}.")
        there = (*known[family], *(more or {}).get(family, ()))
        lost = [name for name in names or () if name not in there]
        if lost:
            raise ParameterError(f"{family} has no feature {', '.join(lost)}; it has {', '.join(there)}.")
        found[family] = tuple(names or known[family])
    return found
