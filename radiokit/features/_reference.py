"""The reference package itself, where it is installed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from radiokit.exceptions import ExtractionError
from radiokit.io import Mask, Volume, to_sitk
from radiokit.utils import CaseResult, drop_warnings, import_optional

INSTALL = (
    "pip install 'setuptools<69' wheel numpy versioneer cython && pip install --no-build-isolation pyradiomics==3.0.1"
)


@dataclass(frozen=True)
class ReferencePipeline:
    """Runs pyradiomics on the case.

    Parameters
    ----------
    params : dict
        Content of a parameter file.
    names : tuple of str
        The columns, in order; what pyradiomics leaves out is NaN.
    """

    params: dict[str, Any]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        import_optional("radiomics", needed_for="engine='pyradiomics'", install=INSTALL)

    def measure(self, image: Volume, mask: Mask) -> CaseResult:
        """Return one row."""
        package = import_optional("radiomics.featureextractor", needed_for="engine='pyradiomics'", install=INSTALL)
        logger = logging.getLogger("radiomics")
        level = logger.level
        logger.setLevel(logging.CRITICAL)
        params = {**self.params, "setting": {**self.params["setting"], "label": 1}}
        try:
            with drop_warnings():
                found = package.RadiomicsFeatureExtractor(params).execute(to_sitk(image), to_sitk(mask))
        except ValueError as error:
            raise ExtractionError(f"pyradiomics: {error}") from error
        finally:
            logger.setLevel(level)
        values = {name: float(found[name]) if name in found else np.nan for name in self.names}
        return CaseResult(values, {"n_voxels": int(np.count_nonzero(mask.array))})
