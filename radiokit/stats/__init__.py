"""The statistics as pure functions: ROC, calibration, decision curves, agreement, survival curves."""

from radiokit.engine.results import Test
from radiokit.stats._agreement import BlandAltman, ConcordanceCorrelation, bland_altman, concordance_correlation
from radiokit.stats._auc import AUC, auc
from radiokit.stats._brier import BrierDecomposition, brier_decomposition, brier_score, scaled_brier_score
from radiokit.stats._calibration import Calibration, CalibrationInTheLarge, calibration, calibration_in_the_large
from radiokit.stats._calibration_survival import survival_calibration_table
from radiokit.stats._calibration_table import calibration_curve, calibration_table
from radiokit.stats._coefficient_table import coefficient_table
from radiokit.stats._competing import cumulative_incidence, gray_test
from radiokit.stats._concordance import Concordance, ConcordanceTest, compare_concordance, concordance_index
from radiokit.stats._contingency import chi_squared_test, fisher_exact_test
from radiokit.stats._cox_univariable import cox_univariable
from radiokit.stats._decision import decision_curve
from radiokit.stats._decision_bootstrap import decision_curve_band, decision_curve_difference
from radiokit.stats._delong import DeLongTest, compare_aucs, delong_test, delong_test_unpaired
from radiokit.stats._hosmer_lemeshow import hosmer_lemeshow
from radiokit.stats._icc import icc
from radiokit.stats._kaplan_meier import kaplan_meier, median_survival
from radiokit.stats._kappa import FleissKappa, Kappa, cohen_kappa, fleiss_kappa
from radiokit.stats._logrank import logrank_test, pairwise_logrank
from radiokit.stats._model_table_format import format_model_table
from radiokit.stats._multiclass_auc import MulticlassAUC, multiclass_auc
from radiokit.stats._multiplicity import adjust_pvalues
from radiokit.stats._noninferiority import NonInferiority, auc_noninferiority
from radiokit.stats._paired_calls import PairedCalls, mcnemar_test, predictive_value_test
from radiokit.stats._partial_auc import partial_auc, sensitivity_at_specificity, specificity_at_sensitivity
from radiokit.stats._pool import Pooled, pool
from radiokit.stats._precision_sizes import (
    LogrankSize,
    PrecisionSize,
    logrank_power,
    logrank_sample_size,
    sample_size_auc,
    sample_size_icc,
    sample_size_kappa,
)
from radiokit.stats._proportions import proportion_ci
from radiokit.stats._reclassification import (
    IDI,
    NRI,
    integrated_discrimination,
    net_reclassification,
    reclassification_table,
)
from radiokit.stats._rmst import RMSTDifference, rmst, rmst_difference
from radiokit.stats._roc import roc_curve
from radiokit.stats._sample_size import SampleSize, sample_size_binary, sample_size_survival
from radiokit.stats._survival_brier import brier_curve, integrated_brier
from radiokit.stats._table_one import table_one
from radiokit.stats._table_one_format import format_table_one
from radiokit.stats._thresholds import Threshold, optimal_threshold, threshold_metrics
from radiokit.stats._time_auc import compare_time_auc, time_auc
from radiokit.stats._vif import vif
from radiokit.utils import write_table
from radiokit.utils.docs import fill_docstrings

__all__ = [  # noqa: RUF022 (by subject, as the pages of the documentation list them)
    # Discrimination
    "AUC", "auc", "roc_curve", "partial_auc", "sensitivity_at_specificity", "specificity_at_sensitivity",
    "DeLongTest", "delong_test", "delong_test_unpaired", "compare_aucs", "NonInferiority", "auc_noninferiority",
    "MulticlassAUC", "multiclass_auc", "Threshold", "optimal_threshold", "threshold_metrics", "proportion_ci",
    "PairedCalls", "mcnemar_test", "predictive_value_test",
    # Calibration and accuracy
    "Calibration", "calibration", "CalibrationInTheLarge", "calibration_in_the_large", "calibration_table",
    "calibration_curve", "survival_calibration_table", "hosmer_lemeshow", "brier_score", "scaled_brier_score",
    "BrierDecomposition", "brier_decomposition", "brier_curve", "integrated_brier",
    # Clinical use
    "decision_curve", "decision_curve_band", "decision_curve_difference", "NRI", "net_reclassification", "IDI",
    "integrated_discrimination", "reclassification_table",
    # Survival
    "kaplan_meier", "median_survival", "logrank_test", "pairwise_logrank", "cumulative_incidence", "gray_test", "rmst",
    "RMSTDifference", "rmst_difference", "Concordance", "concordance_index", "ConcordanceTest", "compare_concordance",
    "time_auc", "compare_time_auc", "cox_univariable",
    # Agreement
    "icc", "BlandAltman", "bland_altman", "ConcordanceCorrelation", "concordance_correlation", "Kappa", "cohen_kappa",
    "FleissKappa", "fleiss_kappa",
    # Tests and pooling
    "Test", "chi_squared_test", "fisher_exact_test", "adjust_pvalues", "vif", "Pooled", "pool",
    # Sample size
    "SampleSize", "sample_size_binary", "sample_size_survival", "LogrankSize", "logrank_sample_size", "logrank_power",
    "PrecisionSize", "sample_size_auc", "sample_size_icc", "sample_size_kappa",
    # Tables
    "table_one", "format_table_one", "coefficient_table", "format_model_table", "write_table",
]  # fmt: skip

fill_docstrings(__name__)
