"""Images whose truth is known: noise plus a template for the cases with the event."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from radiokit.deep import Augmentation, DeepClassifier, Network, Training

SIZE = 16
PLACE = np.array([4, 11])


def template() -> np.ndarray:
    """Unit norm, (1, y, x): a blob off the centre."""
    y, x = np.indices((SIZE, SIZE))
    blob = np.exp(-((y - PLACE[0]) ** 2 + (x - PLACE[1]) ** 2) / (2 * 2.5**2))
    return (blob / np.linalg.norm(blob))[None]


def images(n: int, detectability: float, seed: int, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Patches (n, channels, 1, y, x) and outcome. The ideal observer of the first channel has AUC `ideal_auc`."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) < round(0.4 * n))
    X = rng.normal(size=(n, channels, 1, SIZE, SIZE)).astype(np.float32)
    X[:, 0] += (detectability * template() * y[:, None, None, None]).astype(np.float32)
    return X, y.astype(int)


def ideal_auc(detectability: float) -> float:
    return float(norm.cdf(detectability / np.sqrt(2)))


NOISE = Augmentation(flips="", rotation=0, scale=0, shift=0, gain=0, noise=0.5)
FLAT = Network("resnet_small", dimension="2D", stride=1)


def classifier(epochs: int = 10, **kwargs) -> DeepClassifier:
    training = {"epochs": epochs, "batch_size": 16, "learning_rate": 3e-3, "augmentation": NOISE}
    training |= kwargs.pop("training", {})
    return DeepClassifier(FLAT, training=Training(**training), random_state=0, **kwargs)
