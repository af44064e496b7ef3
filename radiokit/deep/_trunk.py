"""A network that ends in features. The module imports torch: only code that computes may import it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Trunk(nn.Module):
    """A backbone: `net` gives (n, n_features) for a batch; `layers` are its stages, in the order of the computation."""

    def __init__(self, net: nn.Module, layers: tuple[str, ...], n_features: int) -> None:
        super().__init__()
        self.net = net
        self.layers = layers
        self.n_features = n_features

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled features of a batch, shape (n, n_features)."""
        return self.net(x)

    def layer(self, name: str) -> nn.Module:
        """Return the module of a stage, for a hook."""
        return self.net.get_submodule(name)

    def feature_map(self, x: Tensor, layer: str) -> Tensor:
        """Return the map of a stage for a batch, shape (n, channels, ...); the rest of the network does not run."""
        kept: list[Tensor] = []

        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            kept.append(output)
            raise _ReachedError

        hook = self.layer(layer).register_forward_hook(keep)
        try:
            self.net(x)
        except _ReachedError:
            pass
        finally:
            hook.remove()
        found = kept[0]
        # A dense network ends with a normalisation; its last activation stands before the pooling.
        return torch.relu(found) if layer == "features" else found


# Slices that oneDNN needs under a first convolution of 7 x 7 x 7 voxels and step 2.
SHALLOW = 8


class ShallowStem(nn.Conv3d):
    """The first convolution, which adds slices of zeros where a crop has few, and removes their part of the map again.

    In torch 2.13.0 (on an AMD EPYC with AVX-512) oneDNN's gradient of the weights of a 7 x 7 x 7 convolution of step 2
    over 5, 6 or 7 slices reads beside the array and is noise, or ends the process; from 8 slices on it is right. The
    values are the same, because a convolution sees zeros beyond the crop in any case.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the map of a batch."""
        depth = input.shape[2]
        if depth >= SHALLOW or self.stride[0] == 1:
            return super().forward(input)
        deeper = nn.functional.pad(input, (0, 0, 0, 0, 0, SHALLOW - depth))
        return super().forward(deeper)[:, :, : -(-depth // self.stride[0])]


class _ReachedError(Exception):
    """The stage that is wanted has been computed."""
