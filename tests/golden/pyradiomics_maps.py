"""Makes pyradiomics_maps.csv: voxel-based pyradiomics 3.0.1 on the phantom, 20 voxels (see pyradiomics.py to install).

MCC and JointAverage are left out: where a direction has no pair, one fails and the other is NaN.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pyradiomics import on_grid
from pyradiomics_phantom import image, mask

PLACES = np.argwhere(mask())[::153]


def main():
    from radiomics import featureextractor

    setattr(np, "float", float)  # noqa: B010 - numpy 2 no longer has it
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    extractor = featureextractor.RadiomicsFeatureExtractor(binWidth=25, kernelRadius=1, voxelBatch=500)
    extractor.disableAllFeatures()
    for name in ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"):
        extractor.enableFeatureClassByName(name)
    grid = on_grid(mask().astype(np.uint8))
    found = extractor.execute(on_grid(image()), grid, voxelBased=True)
    columns = {}
    for name, values in found.items():
        if not name.startswith("diagnostics_") and name.split("_")[2] not in ("MCC", "JointAverage"):
            whole = sitk.Resample(values, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
            columns[name] = sitk.GetArrayFromImage(whole)[tuple(PLACES.T)]
    lines = [",".join(["z", "y", "x", *columns])]
    for k, place in enumerate(PLACES):
        lines.append(",".join([*map(str, place), *(repr(float(v[k])) for v in columns.values())]))
    (Path(__file__).parent / "pyradiomics_maps.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
