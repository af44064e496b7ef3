"""A small image with texture, edges, negative values and an odd size, and an irregular region; from formulas alone."""

from __future__ import annotations

import numpy as np

SPACING = (2.0, 0.8, 0.9)  # z, y, x
SHAPE = (17, 34, 31)


def image() -> np.ndarray:
    z, y, x = np.indices(SHAPE)
    waves = 60 * np.sin(x / 2.1) * np.cos(y / 3.3) + 45 * np.sin(z * 1.7 + x * y / 40)
    steps = 35.0 * ((x // 4 + y // 5 + z // 2) % 3)
    return np.floor(waves + steps + 20).astype(np.int16)


def mask() -> np.ndarray:
    z, y, x = np.indices(SHAPE)
    radius = ((z - 8) / 6.2) ** 2 + ((y - 16) / 12.1) ** 2 + ((x - 15) / 10.3) ** 2
    return (radius + 0.25 * np.sin(x * 1.3 + z) < 1) & ((x + 2 * y + 3 * z) % 17 != 0)
