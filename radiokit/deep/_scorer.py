"""From patches to one score for each case: channels on one scale, a trunk, and a head that may see clinical numbers.

The module imports torch: only code that trains or predicts may import it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiokit.deep._trunk import Trunk

HIDDEN = 32


class Slices(nn.Module):
    """A 2D trunk that sees every slice of a crop: the mean of its features."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.n_features = trunk.n_features
        self.layers = trunk.layers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (n, n_features) of crops (n, channels, z, y, x)."""
        n, channels, z, *plane = x.shape
        slices = x.transpose(1, 2).reshape(n * z, channels, *plane)
        return self.trunk(slices).reshape(n, z, -1).mean(dim=1)

    def layer(self, name: str) -> nn.Module:
        """Return the module of a stage, for a hook."""
        return self.trunk.layer(name)


class Scorer(nn.Module):
    """A network with one output: log-odds, or log relative hazard.

    Channels are standardised by `set_scale`; an absent one is 0, the mean. `flags` inputs of the head tell which
    channels are present (0: none may be absent). `clinical` numbers enter with ``fusion="concat"`` beside the features,
    in a small perceptron, with ``"film"`` as scale and shift of every feature (Perez et al. 2018,
    doi:10.1609/aaai.v32i1.11671). `depends_on_batch`: the size of a batch changes the last bit of a case's features.
    """

    mean: torch.Tensor
    sd: torch.Tensor

    def __init__(
        self,
        trunk: Trunk | Slices,
        channels: int,
        *,
        flags: int = 0,
        clinical: int = 0,
        fusion: str = "concat",
        depends_on_batch: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.flags = flags
        self.depends_on_batch = depends_on_batch
        self.film = nn.Linear(clinical, 2 * trunk.n_features) if clinical and fusion == "film" else None
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)
        beside = flags + (clinical if self.film is None else 0)
        width = trunk.n_features + beside
        if clinical and self.film is None:
            self.head: nn.Module = nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        else:
            self.head = nn.Linear(width, 1)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("sd", torch.ones(channels))

    def set_scale(self, mean: NDArray[np.float64], sd: NDArray[np.float64]) -> None:
        """Take mean and standard deviation of the channels of the training patches."""
        self.mean.copy_(torch.as_tensor(mean))
        self.sd.copy_(torch.as_tensor(sd))

    def standardise(self, images: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Put channels on one scale; absent ones become 0."""
        scaled = (images - _wide(self.mean[None])) / _wide(self.sd[None])
        return torch.where(_wide(present) > 0, scaled, torch.zeros_like(scaled))

    def forward(self, images: torch.Tensor, present: torch.Tensor, clinical: torch.Tensor) -> torch.Tensor:
        """Score of standardised patches."""
        return self.decide(self.features(images, present), present, clinical)

    def features(self, images: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Pooled features of standardised patches (n, n_features)."""
        return self.trunk(images * _wide(present))

    def decide(self, features: torch.Tensor, present: torch.Tensor, clinical: torch.Tensor) -> torch.Tensor:
        """Score of pooled features."""
        if self.film is not None:
            scale, shift = self.film(clinical).chunk(2, dim=1)
            features = features * (1 + scale) + shift
        beside = [features, *([present] if self.flags else [])]
        if self.film is None and clinical.shape[1]:
            beside.append(clinical)
        return self.head(torch.cat(beside, dim=1))[:, 0]


def _wide(channels: torch.Tensor) -> torch.Tensor:
    """Return (n, channels) as something that multiplies patches."""
    return channels[:, :, None, None, None]
