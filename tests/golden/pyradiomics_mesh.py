"""Write pyradiomics_mesh.csv: area and volume of the mesh of all 255 regions within 2 x 2 x 2 voxels.

Run where pyradiomics 3.0.1 is installed: ``python pyradiomics_mesh.py``. Bit k of `code` says that corner k is inside,
in the order of `CORNERS`; voxels are 2.0 x 1.0 x 0.7 mm (z, y, x).
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

SPACING = (2.0, 1.0, 0.7)
CORNERS = [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)]


def main() -> None:
    """Write the table."""
    from radiomics import cShape

    with Path(__file__).with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["code", "area", "volume"])
        for code in range(1, 256):
            mask = np.zeros((4, 4, 4), dtype=np.int8)
            for k, (z, y, x) in enumerate(CORNERS):
                mask[z + 1, y + 1, x + 1] = code >> k & 1
            area, volume, _ = cShape.calculate_coefficients(mask, np.array(SPACING))
            table.writerow([code, repr(float(area)), repr(float(volume))])


if __name__ == "__main__":
    main()
