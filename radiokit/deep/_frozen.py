"""Crops through a frozen backbone, several at once: the second step of the cohort runner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radiokit.deep._cells import Stage, share_in_cells
from radiokit.deep._encoder import Encoder
from radiokit.deep._torch import computing_in, repeatable, require_torch, resolve_device
from radiokit.deep._weights import Weights
from radiokit.exceptions import ExtractionError, ParameterError

if TYPE_CHECKING:
    import torch

    from radiokit.deep._trunk import Trunk

PRECISIONS = ("float32", "tf32", "bfloat16", "float16")


@dataclass(frozen=True)
class Ready:
    """What a network needs of a case: the crop, and how much of each voxel is region (None for global pooling)."""

    image: NDArray[np.float32]
    region: NDArray[np.float32] | None


@dataclass(frozen=True)
class Backbone:
    """An encoder with its weights, and the stage that is pooled."""

    encoder: Encoder
    layer: str
    weights: Weights | None
    seed: int

    def build(self) -> Trunk:
        """Return the trunk with its weights, on the CPU."""
        from radiokit.deep._drawing import DrawingFrom

        with DrawingFrom(self.seed), require_torch().inference_mode(False):
            trunk = self.encoder.build()
        if self.weights is not None:
            self.weights.load_into(trunk.net)
        return trunk.eval().requires_grad_(False)


@dataclass
class FrozenStep:
    """Pooled features of prepared crops.

    `size` is how many go through the network at once; `mean` and `sd` standardise its channels.
    """

    backbone: Backbone
    names: tuple[str, ...]
    size: int
    device: str = "auto"
    precision: str = "float32"
    mean: tuple[float, ...] | None = None
    sd: tuple[float, ...] | None = None

    @cached_property
    def place(self) -> torch.device:
        """The device."""
        place = resolve_device(self.device)
        if self.precision == "float16" and place.type == "cpu":
            raise ParameterError("precision='float16' needs a GPU; on the CPU use 'float32' or 'bfloat16'.")
        return place

    @cached_property
    def trunk(self) -> Trunk:
        """The network on its device, built when it is first needed: a cohort out of the cache needs none."""
        trunk = self.backbone.build().to(self.place)
        return trunk if self._layout is None else trunk.to(memory_format=self._layout)  # type: ignore[call-overload]

    @property
    def _layout(self) -> torch.memory_format | None:
        """Order of the axes in memory that is fastest for half precision on a GPU."""
        if self.place.type != "cuda" or self.precision == "float32":
            return None
        torch = require_torch()
        return torch.channels_last_3d if self.backbone.encoder.dimension == "3D" else torch.channels_last

    def __call__(self, payloads: Sequence[Ready]) -> list[dict[str, float] | Exception]:
        """Return the features of each crop, or its error."""
        torch = require_torch()
        images = self._images([ready.image for ready in payloads])
        try:
            with torch.inference_mode(), repeatable(self.place), computing_in(self.precision, self.place):
                maps = self.trunk.feature_map(images, self.backbone.layer).float()
                stage = self.backbone.encoder.stage(self.backbone.layer)
                pooled = _pooled(maps, [r.region for r in payloads if r.region is not None], stage)
        except torch.OutOfMemoryError as error:
            raise ExtractionError(
                f"{len(payloads)} crops of {payloads[0].image.shape} do not fit into the memory of {self.place}. "
                "Lower batch_size."
            ) from error
        return [self._named(row) for row in pooled.cpu().numpy().astype(float)]

    def _images(self, crops: list[NDArray[np.float32]]) -> torch.Tensor:
        """Stack crops to (n, channels, ...) on the device."""
        torch = require_torch()
        images = torch.from_numpy(np.stack(crops)).to(self.place)
        if self.backbone.encoder.dimension == "3D":
            images = images[:, None]
        images = images.expand(-1, self.backbone.encoder.channels, *images.shape[2:])
        if self.mean is not None and self.sd is not None:
            mean, sd = (
                torch.tensor(v, device=self.place, dtype=images.dtype).reshape(1, -1, *[1] * (images.ndim - 2))
                for v in (self.mean, self.sd)
            )
            images = (images - mean) / sd
        return images if self._layout is None else images.contiguous(memory_format=self._layout)

    def _named(self, row: NDArray[np.float64]) -> dict[str, float] | Exception:
        if np.isfinite(row).all():
            return dict(zip(self.names, row.tolist(), strict=True))
        return ExtractionError(
            f"The network gives {int((~np.isfinite(row)).sum())} features that are NaN or infinite at "
            f"precision={self.precision!r}. Use 'float32', and see that window and weights belong together."
        )


def _pooled(maps: torch.Tensor, regions: list[NDArray[np.float32]], stage: Stage) -> torch.Tensor:
    """Return the mean of each channel over the map, or over the regions: each cell weighs by its share of region."""
    torch = require_torch()
    flat = maps.flatten(2)
    if not regions:
        return flat.mean(dim=2)
    cells = maps.shape[2:]
    # Slices that are channels share one map.
    shares = regions if len(cells) == 3 else [region.mean(axis=0) for region in regions]
    weights = [share_in_cells(stage, share, cells) for share in shares]
    weight = torch.from_numpy(np.stack(weights)).to(maps.device, maps.dtype).flatten(1)[:, None]
    return (flat * weight).sum(dim=2) / weight.sum(dim=2)
