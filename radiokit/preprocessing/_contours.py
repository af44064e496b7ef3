"""Other outlines of one region: larger or smaller, or drawn again at random along edges of the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiokit.exceptions import InputError, MaskError, ParameterError
from radiokit.io import Mask, Volume, check_geometry
from radiokit.preprocessing.boxes import Box, bounding_box, widen

Seed = int | np.random.Generator | None

# Zwanenburg et al. 2019: the part of a supervoxel that lies in the region, above which it always belongs to it, and
# below which it never does.
ALWAYS, NEVER = 0.9, 0.2
SUPERVOXEL_MM3 = 250.0
# Small regions get smaller supervoxels, or their outline would have no shape left.
SUPERVOXELS_IN_REGION = 32
# A step of one supervoxel weighs as much as this part of the range of intensities.
COMPACTNESS = 0.2


def grow(mask: Mask, fraction: float, *, random_state: Seed = None) -> Mask:
    r"""Make a region larger or smaller by a fraction of its volume, to the voxel.

    Parameters
    ----------
    mask : Mask
        The region; it is not changed.
    fraction : float
        0.1 adds a tenth of the voxels, -0.1 takes a tenth away.
    random_state : int, Generator or None
        Decides between voxels of equal distance, of which the last layer takes only some.

    Returns
    -------
    Mask
        :math:`\operatorname{round}(n (1 + \text{fraction}))` voxels.

    Raises
    ------
    ParameterError
        If `fraction` is not a number above -1.
    MaskError
        If the region is empty, or would be, or the grid has no room for it.

    Notes
    -----
    Voxels join in the order of their distance in mm to the region, and leave in that of their distance to what lies
    outside, centre to centre; beyond the grid all is outside. So the outline moves evenly, whatever the spacing.

    Examples
    --------
    >>> region = np.zeros((9, 9, 9), bool); region[3:6, 3:6, 3:6] = True
    >>> [int(grow(Mask(region), f, random_state=0).array.sum()) for f in (-0.5, -0.1, 0.0, 0.1, 1.0)]
    [14, 24, 27, 30, 54]
    """
    from scipy import ndimage

    if not np.isfinite(fraction) or fraction <= -1:
        raise ParameterError(f"fraction={fraction!r}; required: a number above -1, such as 0.1 for a tenth more.")
    box = bounding_box(mask)
    voxels = int(np.count_nonzero(mask.array[box]))
    target = round(voxels * (1 + fraction))
    if not 1 <= target <= mask.array.size:
        raise MaskError(
            f"A region of {voxels} voxels changed by {fraction:+g} would have {target} of a grid of {mask.array.size}; "
            "required: at least 1, and room for it."
        )
    rng = np.random.default_rng(random_state)
    changed = mask.array.copy()
    if target < voxels:
        part = np.pad(mask.array[box], 1)
        inside = np.argwhere(part)
        depth = ndimage.distance_transform_edt(part, sampling=mask.spacing)[tuple(inside.T)]
        gone = inside[_nearest(depth, voxels - target, rng)] - 1
        changed[box][tuple(gone.T)] = False
    elif target > voxels:
        wide, distance = _around(mask, box, target - voxels)
        outside = np.argwhere(distance > 0)
        joined = outside[_nearest(distance[tuple(outside.T)], target - voxels, rng)]
        changed[wide][tuple(joined.T)] = True
    return mask.with_array(changed)


def _nearest(distance: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Places of the `count` smallest distances; those of one distance in random order."""
    return np.lexsort((rng.random(distance.size), np.round(distance, 9)))[:count]


def _around(mask: Mask, box: Box, count: int) -> tuple[Box, NDArray[np.float64]]:
    """Distances to the region in a box that surely holds the `count` nearest voxels."""
    from scipy import ndimage

    margin = max(mask.spacing)
    while True:
        wide = widen(box, margin, mask)
        distance = ndimage.distance_transform_edt(~mask.array[wide], sampling=mask.spacing)
        # A voxel outside of the box may be nearer than one inside that lies further away than the margin.
        if np.count_nonzero((distance > 0) & (distance <= margin)) >= count or distance.shape == mask.shape:
            return wide, distance
        margin *= 2


def randomize_contour(image: Volume, mask: Mask, *, random_state: Seed = None) -> Mask:
    """Draw the outline of a region again as another reader might: at random, along edges of the image.

    Parameters
    ----------
    {image} {mask} {random_state}

    Returns
    -------
    Mask
        A union of supervoxels.

    Raises
    ------
    InputError
        If the image holds NaN or infinite values around the region.
    MaskError
        If the region is empty.
    GeometryError
        If image and mask do not share one grid.

    Notes
    -----
    The surroundings are cut into supervoxels (SLIC, Achanta et al. 2012, doi:10.1109/TPAMI.2012.120, in ITK's
    implementation) of 250 mm³, or of 1/32 of the region where that is less. A supervoxel of which a part p lies in the
    region belongs to the new one if p >= 0.9, never if p < 0.2, and with probability p in between (Zwanenburg et al.
    2019, doi:10.1038/s41598-018-36938-4). Should none be drawn, the one with the largest p stays.

    Examples
    --------
    >>> z, y, x = np.indices((20, 20, 20))
    >>> ball = Mask((z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 < 36)
    >>> image = Volume(np.where(ball.array, 60.0, 0.0) + np.random.default_rng(0).normal(0, 20, (20, 20, 20)))
    >>> again = randomize_contour(image, ball, random_state=0).array
    >>> float(2 * (again & ball.array).sum() / (again.sum() + ball.array.sum()))  # Dice
    0.9...
    """
    mask = check_geometry(image, mask)
    rng = np.random.default_rng(random_state)
    box = bounding_box(mask)
    volume = np.count_nonzero(mask.array[box]) * float(np.prod(mask.spacing))
    edge = min(SUPERVOXEL_MM3, volume / SUPERVOXELS_IN_REGION) ** (1 / 3)
    wide = widen(box, 2 * edge, mask)
    labels = supervoxels(image.array[wide], edge / np.array(mask.spacing))
    inside = mask.array[wide]
    part = np.bincount(labels.ravel(), weights=inside.ravel()) / np.maximum(np.bincount(labels.ravel()), 1)
    drawn = rng.random(part.size) < part
    chosen = (part >= ALWAYS) | (drawn & (part >= NEVER))
    if not chosen.any():
        chosen[np.argmax(part)] = True
    changed = np.zeros_like(mask.array)
    changed[wide] = chosen[labels]
    return mask.with_array(changed)


def supervoxels(array: NDArray[Any], edges: NDArray[np.float64]) -> NDArray[np.integer]:
    """Label supervoxels of about `edges` voxels (z, y, x)."""
    import SimpleITK as sitk  # takes longer to load than most cases to extract

    if not np.isfinite(array).all():
        raise InputError("The image holds NaN or infinite values around the region; it has no supervoxels.")
    low, high = np.percentile(array, (1, 99))
    scaled = np.clip((array - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)
    slic = sitk.SLICImageFilter()
    slic.SetSuperGridSize([max(1, round(edge)) for edge in edges[::-1].tolist()])
    slic.SetSpatialProximityWeight(COMPACTNESS)
    slic.SetMaximumNumberOfIterations(10)
    slic.SetNumberOfThreads(1)
    return sitk.GetArrayFromImage(slic.Execute(sitk.GetImageFromArray(scaled)))
