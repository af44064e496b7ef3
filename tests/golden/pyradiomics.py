"""Makes pyradiomics.csv: pyradiomics 3.0.1 on the phantom, with the parameter files of pyradiomics_cases.json.

    pip install setuptools==68.2.2 wheel numpy versioneer cython trimesh
    pip install --no-build-isolation pyradiomics==3.0.1
    python tests/golden/pyradiomics.py

pyradiomics asks scipy for two names that are gone since 1.15 and 1.17; they are put back below, by their definition.
"""

from __future__ import annotations

import csv
import json
import logging
import sys
import types
from pathlib import Path

import numpy as np
import scipy.ndimage
import scipy.special
import SimpleITK as sitk
from pyradiomics_phantom import SPACING, image, mask

HERE = Path(__file__).parent


def sph_harm(m, n, theta, phi):
    k = abs(m)
    scale = np.sqrt((2 * n + 1) / (4 * np.pi) * scipy.special.factorial(n - k) / scipy.special.factorial(n + k))
    value = scale * scipy.special.lpmv(k, n, np.cos(phi)) * np.exp(1j * k * theta)
    return value if m >= 0 else (-1) ** k * np.conj(value)


def on_grid(array):
    out = sitk.GetImageFromArray(array)
    out.SetSpacing(SPACING[::-1])
    return out


def main():
    if not hasattr(scipy.special, "sph_harm"):
        scipy.special.sph_harm = sph_harm
    gone = types.ModuleType("scipy.ndimage.interpolation")
    gone.map_coordinates = scipy.ndimage.map_coordinates
    sys.modules.setdefault("scipy.ndimage.interpolation", gone)
    from radiomics import featureextractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    cases = json.loads((HERE / "pyradiomics_cases.json").read_text())
    with (HERE / "pyradiomics.csv").open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["case", "feature", "value"])
        for case, params in cases.items():
            extractor = featureextractor.RadiomicsFeatureExtractor(params)
            found = extractor.execute(on_grid(image()), on_grid(mask().astype(np.uint8)))
            table.writerows([case, k, repr(float(v))] for k, v in found.items() if not k.startswith("diagnostics_"))


if __name__ == "__main__":
    main()
