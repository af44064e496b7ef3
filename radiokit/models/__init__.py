"""Models of a binary outcome, and of signatures: logistic regression, the radiomics signature, fusion, tables."""

from radiokit.models._default import default_pipeline
from radiokit.models._fusion import FusionClassifier, FusionSurvival
from radiokit.models._logistic import LogisticModel, likelihood_ratio
from radiokit.models._signature import RadiomicsSignature, SurvivalSignature
from radiokit.models._tables import multivariable_table, univariable_table
from radiokit.models._winsorizer import Winsorizer

__all__ = [
    "FusionClassifier",
    "FusionSurvival",
    "LogisticModel",
    "RadiomicsSignature",
    "SurvivalSignature",
    "Winsorizer",
    "default_pipeline",
    "likelihood_ratio",
    "multivariable_table",
    "univariable_table",
]
