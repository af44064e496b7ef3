"""Where the cells of a map lie: found from gradients, and used alike by pooling and by maps."""

from __future__ import annotations

import numpy as np
import pytest

from radiokit.deep._cells import Stage, along_axes, share_in_cells, spread
from radiokit.deep._encoder import Encoder

KINDS = [("resnet_small", 2), ("resnet_small", 1), ("resnet50", 2), ("densenet121", 2)]


@pytest.mark.parametrize(("backbone", "stride"), KINDS)
def test_stages_are_those_of_the_network(backbone: str, stride: int) -> None:
    """A network whose kernels are all ones sees most from the middle of what a cell looks at: its place."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("monai")
    encoder = Encoder(backbone, 1, "2D", stride)
    trunk = encoder.build().eval()
    for parent in list(trunk.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.MaxPool2d):  # the maximum of equal voxels is the first one
                setattr(parent, name, torch.nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
            elif isinstance(child, torch.nn.Conv2d):
                torch.nn.init.constant_(child.weight, 1 / child.weight[0].numel())
    x = torch.ones(1, 1, 384, 384, requires_grad=True)
    for stage in encoder.stages:
        found = trunk.feature_map(x, stage.name)
        assert found.shape[1] == stage.channels
        cell = found.shape[2] // 2
        (gradient,) = torch.autograd.grad(found[0, :, cell, cell].sum(), x)
        profile = gradient[0, 0].double().sum(dim=1).numpy()
        centre = (profile * np.arange(384)).sum() / profile.sum()
        assert centre == pytest.approx(stage.offset + stage.stride * cell, abs=0.02 * stage.stride)


def test_a_region_on_one_cell_weighs_there() -> None:
    """Finding: eight voxels a side over a cell of step 8 weighed one half along each axis, for they were cut in two."""
    region = np.zeros((48, 48, 48), dtype=np.float32)
    region[20:28, 20:28, 20:28] = 1.0  # round voxel 24, cell 3
    weight = share_in_cells(Stage("layer2", 1, 8), region, (6, 6, 6))
    assert weight[3, 3, 3] == pytest.approx((7.5 / 8) ** 3)
    assert weight.argmax() == np.ravel_multi_index((3, 3, 3), (6, 6, 6)) and weight[3, 3, 3] > 0.8 * weight.sum()
    np.testing.assert_allclose(share_in_cells(Stage("a", 1, 8), np.ones((48,) * 3, np.float32), (6, 6, 6)), 1.0)


@pytest.mark.parametrize(
    ("n", "cells", "stride", "offset"), [(48, 6, 8, 0.0), (13, 4, 4, 0.0), (40, 5, 8, 2.0), (5, 1, 32, 14.0)]
)
def test_every_voxel_belongs_to_cells_and_every_cell_has_voxels(n: int, cells: int, stride: int, offset: float) -> None:
    shares = Stage("a", 1, stride, offset).shares(n, cells)
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)
    assert (shares.sum(axis=1) > 0).all()


def test_a_map_is_spread_to_where_pooling_looks() -> None:
    """The value of a cell stands at its voxel, halfway to the next one their mean."""
    for stage in (Stage("a", 1, 8), Stage("b", 1, 8, 2.0)):
        cells = np.zeros((6, 6, 6))
        cells[3, 2, 1] = 1.0
        found = spread(along_axes(stage, slices_alone=False), cells, (48, 48, 48))
        place = tuple(int(stage.offset + 8 * k) for k in (3, 2, 1))
        assert found[place] == found.max() == 1.0
        assert found[place[0] + 4, place[1], place[2]] == pytest.approx(0.5)
        region = np.zeros((48, 48, 48), dtype=np.float32)
        region[place] = 1.0
        assert share_in_cells(stage, region, (6, 6, 6)).argmax() == cells.argmax()


def test_slices_that_are_seen_alone_are_their_own_cells() -> None:
    cells = np.zeros((3, 4, 4))
    cells[1, 2, 2] = 1.0
    found = spread(along_axes(Stage("a", 1, 4), slices_alone=True), cells, (3, 16, 16))
    assert found[1, 8, 8] == 1.0 and not found[0].any() and not found[2].any()
