"""How good a model is: nested cross-validation, optimism bootstrap, new cases, external centres."""

from radiokit.utils.docs import fill_docstrings
from radiokit.validation._cross_validation import leave_one_center_out, nested_cv
from radiokit.validation._evaluate import evaluate
from radiokit.validation._predictions import Predictions
from radiokit.validation._result import CrossValidation
from radiokit.validation._validate import validate
from radiokit.validation.calibration_curve import calibration_curve_corrected
from radiokit.validation.evaluation import compare_models, net_benefit, performance
from radiokit.validation.optimism import optimism_bootstrap
from radiokit.validation.within_folds import logrank_within_folds, time_auc_within_folds

__all__ = [
    "CrossValidation",
    "Predictions",
    "calibration_curve_corrected",
    "compare_models",
    "evaluate",
    "leave_one_center_out",
    "logrank_within_folds",
    "nested_cv",
    "net_benefit",
    "optimism_bootstrap",
    "performance",
    "time_auc_within_folds",
    "validate",
]

fill_docstrings(__name__)
