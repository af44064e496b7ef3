"""A network that ends in features. The only module of this room that needs torch to be imported."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Trunk(nn.Module):
    """A backbone with names for its stages.

    Parameters
    ----------
    net : Module
        Gives (n, n_features) for a batch.
    layers : tuple of str
        Names of submodules of `net`, in the order of the computation.
    n_features : int
        Length of the feature vector.
    """

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
        """Return what a stage gives for a batch, shape (n, channels, ...); the rest of the network does not run."""
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


class _ReachedError(Exception):
    """The stage that is wanted has been computed."""
