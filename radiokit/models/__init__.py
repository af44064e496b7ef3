"""Models of an outcome, and of signatures: logistic regression, the radiomics signature, trees, fusion, tables."""

from radiokit.models._anova import anova, shrinkage
from radiokit.models._boosting import BoostedClassifier, BoostedSurvival
from radiokit.models._default import default_pipeline
from radiokit.models._fusion import FusionClassifier, FusionSurvival
from radiokit.models._imputer import MedianImputer
from radiokit.models._likelihood_ratio import likelihood_ratio
from radiokit.models._logistic import LogisticModel
from radiokit.models._signature import RadiomicsSignature, SurvivalSignature
from radiokit.models._tables import multivariable_table, univariable_table
from radiokit.models._winsorizer import Winsorizer
from radiokit.models.calibration import CalibratedModel
from radiokit.models.kinds import signature_pipeline
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "BoostedClassifier",
    "BoostedSurvival",
    "CalibratedModel",
    "FusionClassifier",
    "FusionSurvival",
    "LogisticModel",
    "MedianImputer",
    "RadiomicsSignature",
    "SurvivalSignature",
    "Winsorizer",
    "anova",
    "default_pipeline",
    "likelihood_ratio",
    "multivariable_table",
    "shrinkage",
    "signature_pipeline",
    "univariable_table",
]

fill_docstrings(__name__)
