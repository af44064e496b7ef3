"""Do an image and a mask lie on one grid? If not: what differs, by how much, and what to do."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from radiokit.exceptions import DataWarning, GeometryError, MaskError
from radiokit.io._volume import Grid, Mask
from radiokit.io.sitk import corner_positions, indices_at, positions, to_sitk

AXES = ("z", "y", "x")
HINT = (
    "If both show the same patient in the same position, put the mask on the image's grid with "
    "read_mask(path, reference=image) (nearest neighbour); otherwise export them again together."
)


def check_geometry(image: Grid, mask: Mask, case_id: str | None = None, *, tolerance: float = 0.01) -> Mask:
    """Return the mask on the image's grid, or raise an error that lists how the two differ.

    Parameters
    ----------
    image : Volume
        The image.
    mask : Mask
        Its region.
    case_id : str, optional
        For the message.
    tolerance : float
        How far any voxel of the mask may lie from its partner in the image, as a part of the smallest voxel edge. Files
        round coordinates to 6-7 digits; one hundredth of a voxel is far above that and far below what moves a region.

    Returns
    -------
    Mask
        The mask with the image's own spacing, origin and direction, so that no rounding is left between the two.

    Raises
    ------
    GeometryError
        If sizes differ, or corresponding voxels lie further apart than `tolerance`. The message names which of size,
        spacing, origin and direction differ, by how much in mm, and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from radiokit.io import Mask, Volume
    >>> image, mask = Volume(np.zeros((2, 2, 2))), Mask(np.ones((2, 2, 2), bool), origin=(0, 0, 7))
    >>> check_geometry(image, mask, "P01")
    Traceback (most recent call last):
    ...
    radiokit.exceptions.GeometryError: Case P01: image and mask do not share one grid: origin differs by 7 mm in x ...
    """
    if image.shape == mask.shape:
        gap = float(np.linalg.norm(corner_positions(image) - corner_positions(mask), axis=1).max())
        if gap <= tolerance * min(image.spacing):
            return replace(mask, spacing=image.spacing, origin=image.origin, direction=image.direction)
    case = "" if case_id is None else f"Case {case_id}: "
    raise GeometryError(f"{case}image and mask do not share one grid: {'; '.join(_differences(image, mask))}. {HINT}")


def _differences(image: Grid, mask: Grid) -> list[str]:
    found = []
    if image.shape != mask.shape:
        found.append(f"size (z, y, x) is {image.shape} and {mask.shape} voxels")
    for name, unit in (("spacing", "mm"), ("origin", "mm")):
        ours, theirs = np.array(getattr(image, name)), np.array(getattr(mask, name))
        gaps = np.abs(theirs - ours)
        if gaps.max() > 1e-6:
            where = ", ".join(f"{g:.6g} {unit} in {axis}" for g, axis in zip(gaps, AXES, strict=True) if g > 1e-6)
            found.append(f"{name} differs by {where} (image {_text(ours)}, mask {_text(theirs)})")
    turn = np.reshape(image.direction, (3, 3)).T @ np.reshape(mask.direction, (3, 3))
    if np.abs(turn - np.eye(3)).max() > 1e-6:
        found.append(f"direction differs {_turn(turn)}")
    if image.shape == mask.shape:
        gaps = np.linalg.norm(corner_positions(image) - corner_positions(mask), axis=1)
        found.append(f"corresponding voxels lie up to {gaps.max():.4g} mm apart")
    return found


def _turn(turn: np.ndarray) -> str:
    order = np.abs(turn).argmax(axis=0)
    if np.abs(np.abs(turn[order, range(3)]) - 1).max() > 1e-4:
        angle = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
        return f"by a rotation of {angle:.4g} degrees"
    if (order != range(3)).any():
        return "by an exchange of axes"
    return "by a flip of " + ", ".join(axis for axis, sign in zip(AXES, np.diag(turn), strict=True) if sign < 0)


def _text(values: np.ndarray) -> str:
    return "(" + ", ".join(f"{v:.7g}" for v in values) + ")"


def on_grid_of(mask: Mask, reference: Grid) -> Mask:
    """Sample a mask at the voxel centres of `reference`: each takes the value of the nearest mask voxel.

    The part of a region outside of the reference is lost, with a warning; losing all of it is an error.
    """
    if mask.shape == reference.shape and np.allclose(
        corner_positions(mask), corner_positions(reference), rtol=0, atol=1e-6 * min(reference.spacing)
    ):
        return replace(mask, spacing=reference.spacing, origin=reference.origin, direction=reference.direction)
    import SimpleITK as sitk

    target = sitk.Image([int(n) for n in reference.shape[::-1]], sitk.sitkUInt8)
    target.SetSpacing(reference.spacing[::-1])
    target.SetOrigin(reference.origin[::-1])
    target.SetDirection(reference.direction[::-1])
    sampled = sitk.Resample(to_sitk(mask), target, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    found = Mask(
        sitk.GetArrayFromImage(sampled) > 0, reference.spacing, reference.origin, reference.direction, mask.metadata
    )
    _report_loss(mask, reference, found)
    return found


def coincide(mask: Grid, image: Grid, tolerance: float = 0.01) -> bool:
    """Whether each voxel of the mask's grid is a voxel of the image's lattice, which it may cover in part."""
    if np.abs(np.sort(np.array(mask.spacing)) - np.sort(np.array(image.spacing))).max() > tolerance * min(
        image.spacing
    ):
        return False
    index = indices_at(image, corner_positions(mask))
    return bool(np.abs(index - np.rint(index)).max() <= tolerance)


def _report_loss(mask: Mask, reference: Grid, found: Mask) -> None:
    inside = np.argwhere(mask.array)
    index = indices_at(reference, positions(mask, inside))
    outside = ((index < -0.5) | (index > np.array(reference.shape) - 0.5)).any(axis=1)
    name = mask.metadata.get("path", "The mask")
    if len(inside) and not found.array.any():
        raise MaskError(
            f"{name}: no voxel of the region is left on the reference grid ({int(outside.sum())} of {len(inside)} mask "
            "voxels lie outside of it). Do image and mask belong together, and is the region larger than a voxel there?"
        )
    if outside.any():
        warnings.warn(
            f"{name}: {int(outside.sum())} of {len(inside)} mask voxels lie outside of the reference grid: lost.",
            DataWarning,
            stacklevel=4,
        )


def other_frame(image: Grid, mask: Grid) -> str | None:
    """Return a message if a region was drawn in another frame of reference than the image's, else None.

    Coordinates of two frames are not related (PS3.3 C.7.4.1): a region of another patient would be filled all the same.
    Both name theirs in ``metadata["frame_of_reference"]``, a structure set perhaps several, separated by a space.
    """
    ours = str(image.metadata.get("frame_of_reference") or "")
    theirs = str(mask.metadata.get("frame_of_reference") or "").split()
    if not ours or not theirs or ours in theirs:
        return None
    return (
        f"{mask.metadata.get('path', 'The region')} was drawn in another frame of reference than the image "
        f"{image.metadata.get('path', '')} (FrameOfReferenceUID): is it of another patient or another scan? If an "
        "anonymiser gave the two different UIDs, see that the region lies right before you use it."
    )


def warn_of_other_frame(image: Grid, mask: Grid) -> None:
    """Warn where `other_frame` has a message."""
    message = other_frame(image, mask)
    if message:
        warnings.warn(message, DataWarning, stacklevel=3)
