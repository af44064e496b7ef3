"""radiokit: radiomics studies from segmented tumours to a paper that survives review.

Submodules load when they are first used, so that a statistician who builds a nomogram from a table never loads an image
reader, and a physicist who extracts features never loads a survival model.

>>> import radiokit
>>> float(radiokit.stats.auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).auc)
0.75
"""

import importlib
from types import ModuleType

from radiokit._version import __version__

_SUBMODULES = (
    "datasets",
    "deep",
    "exceptions",
    "features",
    "filters",
    "harmonization",
    "io",
    "models",
    "nomogram",
    "plotting",
    "preprocessing",
    "report",
    "selection",
    "stats",
    "study",
    "survival",
    "utils",
    "validation",
)

__all__ = ["__version__", *_SUBMODULES]


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return importlib.import_module(f"radiokit.{name}")
    raise AttributeError(f"module 'radiokit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
