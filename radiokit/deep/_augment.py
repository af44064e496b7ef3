"""Random changes of training patches: random numbers for each sample and epoch, then one pass over the batch.

The module imports torch: only code that trains may import it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from radiokit.deep._inputs import Patches
from radiokit.deep.settings import Augmentation

AXES = "zyx"


@dataclass(frozen=True, eq=False)
class _Draw:
    """The random numbers of one sample."""

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    gain: NDArray[np.float64]
    noise: torch.Tensor


def augment(
    batch: torch.Tensor, seeds: list[tuple[int, ...]], settings: Augmentation, patches: Patches
) -> torch.Tensor:
    """Return changed copies of patches (n, channels, z, y, x) in standard deviations; one seed for each sample."""
    shape = tuple(batch.shape[1:])
    draws = [_draw(seed, settings, patches, shape) for seed in seeds]
    theta = torch.as_tensor(np.stack([d.matrix for d in draws]), dtype=batch.dtype, device=batch.device)
    grid = torch.nn.functional.affine_grid(
        torch.cat([theta, torch.zeros_like(theta[:, :, :1])], dim=2), list(batch.shape), align_corners=False
    )
    moved = torch.nn.functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    gain, shift = (
        torch.as_tensor(np.stack(v), dtype=batch.dtype, device=batch.device)[:, :, None, None, None]
        for v in ([d.gain for d in draws], [d.shift for d in draws])
    )
    noise = torch.stack([d.noise for d in draws]).to(batch.device)
    return moved * gain + shift + noise


def _draw(seed: tuple[int, ...], settings: Augmentation, patches: Patches, shape: tuple[int, ...]) -> _Draw:
    rng = np.random.default_rng(seed)
    images = np.array(patches.images, dtype=float)
    angles = np.radians(rng.uniform(-settings.rotation, settings.rotation, size=3))
    if patches.in_plane:
        angles[1:] = 0.0
    size = np.exp(rng.uniform(-1, 1) * np.log1p(settings.scale))
    mirror = np.where(rng.random(3) < 0.5, -1.0, 1.0)
    sign = np.array([m if axis in settings.flips else 1.0 for axis, m in zip(AXES, mirror, strict=True)])
    gain = np.exp(settings.gain * rng.standard_normal(len(images)) * images)
    shift = settings.shift * rng.standard_normal(len(images)) * images
    noise = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
    noise *= torch.from_numpy((settings.noise * images).astype(np.float32))[:, None, None, None]
    turn = _rotation(angles) @ np.diag(sign) * ([1.0, size, size] if patches.in_plane else [size] * 3)
    return _Draw(_normalised(turn, shape[1:], patches.spacing), shift, gain, noise)


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation about z, then y, then x, in z, y, x order of rows and columns."""
    result = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (k for k in range(3) if k != axis)
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


def _normalised(
    turn: NDArray[np.float64], shape: tuple[int, ...], spacing: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return a matrix in mm (z, y, x) as torch wants it: x, y, z, in halves of the patch."""
    half = np.array(shape) * spacing / 2
    return (turn * half[None, :] / half[:, None])[::-1, ::-1].copy()
