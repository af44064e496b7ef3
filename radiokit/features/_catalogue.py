"""Every feature with its IBSI id, formula, unit and source, from one table: `catalogue.csv` beside this file."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd


def catalogue() -> pd.DataFrame:
    """List every feature that radiokit knows.

    Returns
    -------
    DataFrame
        One row for each feature: `feature` and `family` (the column of a result in the IBSI standard is
        ``<filter>_<family>_<feature>``), `ibsi_id` (code of the IBSI reference manual; missing where IBSI has no such
        feature, and two rows where one code stands for 10 % and 90 %), `pyradiomics_name` (``<class>_<Feature>`` in the
        pyradiomics standard; missing where pyradiomics has none), `formula`, `unit`, `reference`.

    Notes
    -----
    Symbols: x intensity, g or i grey level, j neighbouring level, run length, zone size, distance or dependence, n_ij
    counts, N their sum, p = n / N, V volume, A area. Formulas are IBSI's; pyradiomics differs in kurtosis (3 is not
    subtracted), in the mesh (not closed where voxels touch at an edge), in bin edges, and in counting voxels without
    neighbours in NGTDM.

    References
    ----------
    Zwanenburg et al. 2020, doi 10.1148/radiol.2020191145; manual: arXiv 1612.07003.

    Examples
    --------
    >>> table = catalogue().set_index(["family", "feature"])
    >>> table.loc[("glcm", "contrast"), "ibsi_id"], table.loc[("glcm", "contrast"), "pyradiomics_name"]
    ('ACUI', 'glcm_Contrast')
    """
    with files("radiokit.features").joinpath("catalogue.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype=str, keep_default_na=False, na_values=[""])
