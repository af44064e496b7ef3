"""The network before the head, and where the cells of its maps lie. No torch until it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from radiokit.deep._cells import Stage
from radiokit.deep._networks import Architecture, build_network, check_backbone, layer_names

if TYPE_CHECKING:
    from radiokit.deep._trunk import Trunk


@dataclass(frozen=True)
class Encoder:
    """A backbone with its input; the fields are the parameters of `build_network`, `dimension` is "3D" or "2D"."""

    backbone: str
    channels: int = 1
    dimension: str = "3D"
    stride: int = 2
    norm: str = "batch"

    @property
    def architecture(self) -> Architecture:
        """Its blocks and widths."""
        return check_backbone(self.backbone, self.dimension, self.norm)

    @property
    def is_dense(self) -> bool:
        """Whether it is a densely connected network, which averages pairs of cells between its blocks."""
        return self.architecture.family == "densenet"

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Its stages from the image on, with the voxels that their cells lie over.

        The first convolution and the pooling behind it step over 4 voxels (2 with ``stride=1``), and each stage halves
        the map of the one before it: by a strided convolution, which leaves cell 0 where it is, or in a dense network
        by averaging pairs, which moves it by half a cell.
        """
        stride, offset, found = 2 * self.stride, 0.0, []
        for name, channels in zip(layer_names(self.backbone), self.architecture.channels, strict=True):
            found.append(Stage(name, channels, stride, offset))
            offset += stride / 2 if self.is_dense else 0.0
            stride *= 2
        return tuple(found)

    def stage(self, name: str | None = None) -> Stage:
        """Return a stage by its name; the last one without."""
        stages = self.stages
        return stages[-1] if name is None else next(s for s in stages if s.name == name)

    def build(self) -> Trunk:
        """Return the trunk with random weights from torch's generator; see `DrawingFrom`."""
        return build_network(
            self.backbone,
            channels=self.channels,
            dimension=self.dimension,
            stride=2 if self.is_dense else self.stride,
            norm=self.norm,
        )
