"""Survival models as estimators: Cox, competing risks, risk groups, cut-points, the test of proportional hazards."""

from radiokit.survival import competing_risks
from radiokit.survival._cox import CoxModel
from radiokit.survival._cox_elastic_net import CoxElasticNet
from radiokit.survival._cutpoint import Cutpoint, optimal_cutpoint
from radiokit.survival._proportional_hazards import proportional_hazards_test, schoenfeld_residuals
from radiokit.survival._risk_groups import RiskStratifier
from radiokit.utils import as_survival_target as as_target
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "CoxElasticNet",
    "CoxModel",
    "Cutpoint",
    "RiskStratifier",
    "as_target",
    "competing_risks",
    "optimal_cutpoint",
    "proportional_hazards_test",
    "schoenfeld_residuals",
]

fill_docstrings(__name__)
