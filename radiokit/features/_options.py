"""Neighbours of texture matrices: how they are chosen and counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from radiokit.exceptions import ParameterError

MOST_LEVELS = 2**30
WEIGHTING_NORMS = (None, "manhattan", "euclidean", "infinity", "no_weighting")


@dataclass(frozen=True)
class TextureOptions:
    """How neighbours are chosen and counted, as pyradiomics names it.

    Parameters
    ----------
    distances : tuple of int
        Chebyshev distances in voxels between neighbours, for GLCM, NGTDM and GLDM.
    force2d : bool
        Only neighbours in the plane perpendicular to axis `force2d_dimension`.
    force2d_dimension : {0, 1, 2}
        Axis (z, y, x) that is left out.
    symmetrical_glcm : bool
        Count each pair in both directions.
    weighting_norm : {None, "manhattan", "euclidean", "infinity", "no_weighting"}
        None: GLCM and GLRLM features are averaged over directions. Otherwise the matrices are summed with weights that
        come from the length in mm of the direction in this norm.
    gldm_alpha : float
        Neighbours are dependent whose grey level differs by no more than this.

    Examples
    --------
    >>> TextureOptions(distances=(1, 2)).force2d
    False
    """

    distances: tuple[int, ...] = (1,)
    force2d: bool = False
    force2d_dimension: int = 0
    symmetrical_glcm: bool = True
    weighting_norm: str | None = None
    gldm_alpha: float = 0.0

    def __post_init__(self) -> None:
        if not self.distances or any(d != int(d) or d < 1 for d in self.distances):
            raise ParameterError(f"distances={self.distances!r}; required: whole numbers of at least 1.")
        object.__setattr__(self, "distances", tuple(int(d) for d in self.distances))
        if not isinstance(self.gldm_alpha, int | float) or not math.isfinite(self.gldm_alpha):
            raise ParameterError(f"gldm_alpha={self.gldm_alpha!r}; required: a finite number.")
        if self.force2d_dimension not in (0, 1, 2):
            raise ParameterError(f"force2d_dimension={self.force2d_dimension!r}; required: 0, 1 or 2 (z, y, x).")
        if self.weighting_norm not in WEIGHTING_NORMS:
            raise ParameterError(f"weighting_norm={self.weighting_norm!r}; required: one of {WEIGHTING_NORMS}.")

    @property
    def flat_axis(self) -> int | None:
        """Axis across which nothing is computed."""
        return self.force2d_dimension if self.force2d else None

    @property
    def alpha(self) -> int:
        """Whole levels by which dependent neighbours may differ; more than there are levels is all of them."""
        return int(min(math.floor(self.gldm_alpha), MOST_LEVELS))
