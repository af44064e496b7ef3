"""Where the voxels of a NIfTI file lie in the patient.

The header gives it twice: as a rotation (quaternion, "qform") and as a matrix ("sform"), each with a code that is 0
where it does not count. Both are read here as ITK reads them: the matrix where it is that of the scanner (code 1) or
the only one, and has right angles; else the rotation. NIfTI's x and y point right and to the front, ours left and to
the back.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiokit.exceptions import FileError
from radiokit.io._channels import LARGEST, RIGHT_ANGLE, SMALLEST, Geometry, checked_geometry
from radiokit.io.sitk import to_zyx

MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # by the code of the unit: unknown, m, mm, µm
SCANNER = 1
# The two distances between voxels, pixdim and sform, may differ by this part.
SAME_SPACING = 0.01
HALF_TURNS: dict[tuple[float, ...], tuple[int, int, int]] = {
    (0, 0, 0): (1, 1, 1),
    (1, 0, 0): (1, -1, -1),
    (0, 1, 0): (-1, 1, -1),
    (0, 0, 1): (-1, -1, 1),
}


@dataclass(frozen=True)
class Space:
    """The fields of a header that give the place of the voxels."""

    n_axes: int
    flip: float
    spacing: tuple[float, ...]
    qform: int
    sform: int
    turn: tuple[float, ...]
    offset: tuple[float, ...]
    matrix: np.ndarray  # (3, 4)
    unit: int

    def require_sense(self, size: tuple[int, ...], path: Path) -> None:
        """Refuse fields that are not finite, and distances that no scanner has."""
        n = len(size)
        fields = [("pixdim", self.spacing[:n], True), ("quatern", self.turn, self.qform > 0)]
        fields += [("qoffset", self.offset, self.qform > 0), ("srow", tuple(self.matrix.ravel()), self.sform > 0)]
        for name, values, counts in fields:
            if counts and not np.isfinite(values).all():
                found = [float(v) for v in values]
                raise FileError(f"{path} is damaged: its header has {found} as {name}; required: finite numbers.")
        steps = [abs(step) * self.scale for step, n_voxels in zip(self.spacing, size, strict=False) if n_voxels > 1]
        if steps and (min(steps) < SMALLEST or max(steps) > LARGEST):
            raise FileError(
                f"{path}: its spacing is {steps} mm; required: {SMALLEST:g} to {LARGEST:g} mm. Is the unit right?"
            )
        if n == 3 and self._matrix_counts():
            lengths, pixdim = np.linalg.norm(self.matrix[:, :3], axis=0), np.abs(self.spacing)
            if (np.abs(lengths - pixdim) > SAME_SPACING * pixdim)[np.array(size) > 1].any():
                raise FileError(
                    f"{path} gives two distances between voxels: {pixdim.tolist()} (pixdim) and {lengths.tolist()} "
                    "(sform). Write it again with the software it came from."
                )

    @property
    def scale(self) -> float:
        """Millimetres of a unit."""
        return MILLIMETRES.get(self.unit & 7, 1.0)

    def plain(self) -> Geometry | None:
        """Return a geometry that can be read in one way only: mm, and axes along those of the patient.

        The rotation is a half turn, with a flip of the third axis; the matrix is absent or equal to it.
        """
        if self.n_axes != 3 or self.qform <= 0 or self.scale != 1.0 or self.flip not in (1.0, -1.0):
            return None
        half_turn = HALF_TURNS.get(self.turn)
        if min(self.spacing) <= 0 or half_turn is None:
            return None
        signs = np.multiply(half_turn, (1.0, 1.0, self.flip))
        matrix = np.column_stack([np.diag(signs * np.array(self.spacing)), self.offset])
        if self.sform > 0 and not np.array_equal(matrix, self.matrix):
            return None
        x, y, z = self.offset
        return to_zyx(self.spacing, (-x, -y, z), np.diag(signs * (-1.0, -1.0, 1.0)).ravel().tolist())

    def geometry(self, path: Path) -> Geometry:
        """Return the geometry of any header."""
        steps = np.array([step or 1.0 for step in self.spacing]) * self.scale
        if self._matrix_counts():
            cosines, start = self.matrix[:, :3] / np.linalg.norm(self.matrix[:, :3], axis=0), self.matrix[:, 3]
        elif self.qform > 0:
            cosines, start = self._turned(), np.array(self.offset)
        elif self.sform > 0:
            raise FileError(
                f"{path} has a geometry that cannot be used: the axes of its sform are not at right angles."
            )
        else:
            return checked_geometry(steps, np.zeros(3), np.eye(3), path)
        to_ours = np.array([-1.0, -1.0, 1.0])
        return checked_geometry(steps, start * self.scale * to_ours, cosines * to_ours[:, None], path)

    def _matrix_counts(self) -> bool:
        if self.sform <= 0 or (self.qform > 0 and self.sform != SCANNER):
            return False
        lengths = np.linalg.norm(self.matrix[:, :3], axis=0)
        cosines = self.matrix[:, :3] / np.where(lengths > 0, lengths, 1.0)
        return bool(np.abs(cosines.T @ cosines - np.eye(3)).max() <= RIGHT_ANGLE)

    def _turned(self) -> np.ndarray:
        """Rotation of the quaternion (a, b, c, d) of unit length, a not negative; flipped along the third axis."""
        b, c, d = self.turn
        a = np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
        a, b, c, d = np.array([a, b, c, d]) / np.linalg.norm([a, b, c, d])
        rotation = np.array(
            [
                [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
            ]
        )
        return rotation * (1.0, 1.0, -1.0 if self.flip < 0 else 1.0)


def space_of_nifti_1(head: bytes, order: str) -> Space:
    """Read the fields of a header of 348 bytes."""
    (n_axes,) = struct.unpack_from(f"{order}h", head, 40)
    flip, *spacing = struct.unpack_from(f"{order}4f", head, 76)
    qform, sform = struct.unpack_from(f"{order}2h", head, 252)
    *turn, x, y, z = struct.unpack_from(f"{order}6f", head, 256)
    matrix = np.reshape(struct.unpack_from(f"{order}12f", head, 280), (3, 4))
    return Space(n_axes, flip, tuple(spacing), qform, sform, tuple(turn), (x, y, z), matrix, head[123])


def space_of_nifti_2(head: bytes, order: str) -> Space:
    """Read the fields of a header of 540 bytes."""
    (n_axes,) = struct.unpack_from(f"{order}q", head, 16)
    flip, *spacing = struct.unpack_from(f"{order}4d", head, 104)
    qform, sform = struct.unpack_from(f"{order}2i", head, 344)
    *turn, x, y, z = struct.unpack_from(f"{order}6d", head, 352)
    matrix = np.reshape(struct.unpack_from(f"{order}12d", head, 400), (3, 4))
    (unit,) = struct.unpack_from(f"{order}i", head, 500)
    return Space(n_axes, flip, tuple(spacing), qform, sform, tuple(turn), (x, y, z), matrix, unit)
