"""A slice as a small picture in a page: grey levels, the outline of a region in red."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

RED = (255, 64, 64)


def slice_picture(values: NDArray[Any], region: NDArray[np.bool_] | None, aspect: float, side: int) -> str:
    """Return an ``<img>`` tag that holds its picture.

    Grey levels run from the 1st to the 99th percentile of the slice; truth values are black and white. `aspect` is the
    height of a voxel over its width, `side` the longer side of the picture in pixels.
    """
    from PIL import Image  # loaded only where a picture is drawn

    grey = _grey(values)
    height, width = grey.shape[0] * aspect, float(grey.shape[1])
    scale = side / max(height, width)
    rows = (np.arange(max(1, round(height * scale))) / (aspect * scale)).astype(int).clip(0, grey.shape[0] - 1)
    columns = (np.arange(max(1, round(width * scale))) / scale).astype(int).clip(0, grey.shape[1] - 1)
    picture = np.repeat(grey[np.ix_(rows, columns)][..., None], 3, axis=2)
    if region is not None:
        picture[_outline(region[np.ix_(rows, columns)])] = RED
    made = BytesIO()
    Image.fromarray(picture).save(made, format="PNG")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(made.getvalue()).decode()}">'


def _grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    values = values.real.astype(float)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    return (np.clip(np.nan_to_num((values - low) / ((high - low) or 1.0)), 0, 1) * 255).astype(np.uint8)


def _outline(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside = np.pad(region, 1)
    core = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return region & ~core
