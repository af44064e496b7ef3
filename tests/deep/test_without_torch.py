"""Deep objects can be made, cloned and asked for their columns without torch; what computes says what to install."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "monai"):
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Blocked())
import numpy as np
import pandas as pd
from sklearn.base import clone
import radiokit
from radiokit.deep import (
    Crop, DeepClassifier, DeepFeatureExtractor, DeepSurvival, Network, Training, attribution_map, build_network
)
extractor = clone(DeepFeatureExtractor(backbone="resnet50", weights="weights.pt"))
assert extractor.get_params()["weights"] == "weights.pt"
assert len(extractor.get_feature_names_out()) == 2048
models = [
    clone(kind(Network("resnet18", dimension="2.5D"), crop=Crop((8, 16, 16)), training=Training(epochs=2)))
    for kind in (DeepClassifier, DeepSurvival)
]
assert models[0].get_params()["training"].epochs == 2 and "resnet18" in repr(models[1])
y = pd.DataFrame({"event": np.arange(4) % 2 == 0, "time": np.arange(4.0)})
X = np.zeros((4, 1, 8, 8, 8))
values = np.ones((9, 9, 9))
for call in (
    extractor.fit,
    lambda: extractor.transform("cases.csv"),
    lambda: extractor.extract_case(values, values > 0, spacing=(1, 1, 1)),
    lambda: models[0].fit(X, y["event"]),
    lambda: models[1].fit(X, y),
    lambda: attribution_map(models[0], X[0]),
    lambda: build_network("resnet18"),
):
    try:
        call()
    except radiokit.exceptions.MissingDependencyError as error:
        assert isinstance(error, ImportError) and "pip install 'radiokit[deep]'" in str(error), error
    else:
        raise SystemExit("no error")
assert "torch" not in sys.modules
print("fine")
"""


def test_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr
