"""The statistics as pure functions: ROC, calibration, decision curves, agreement, survival curves."""

from radiokit.stats._delong import AUC, DeLongTest, auc, compare_aucs, delong_test, delong_test_unpaired
from radiokit.stats._multiplicity import adjust_pvalues
from radiokit.stats._partial_auc import partial_auc, sensitivity_at_specificity, specificity_at_sensitivity
from radiokit.stats._proportions import proportion_ci
from radiokit.stats._results import Test
from radiokit.stats._roc import roc_curve
from radiokit.stats._thresholds import Threshold, optimal_threshold, threshold_metrics

__all__ = [
    "AUC",
    "DeLongTest",
    "Test",
    "Threshold",
    "adjust_pvalues",
    "auc",
    "compare_aucs",
    "delong_test",
    "delong_test_unpaired",
    "optimal_threshold",
    "partial_auc",
    "proportion_ci",
    "roc_curve",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "threshold_metrics",
]
