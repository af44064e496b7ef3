"""Feature selection as scikit-learn transformers: they exist only inside a fit, so that no test case is ever asked."""

from radiokit.selection._boruta import BorutaSelector
from radiokit.selection._correlation import CorrelationSelector
from radiokit.selection._lasso import LassoSelector
from radiokit.selection._mrmr import MRMRSelector
from radiokit.selection._recursive import RecursiveSelector
from radiokit.selection._stability import StabilitySelector
from radiokit.selection._univariate import UnivariateSelector
from radiokit.selection._variance import VarianceSelector
from radiokit.selection.repeatability import RepeatabilitySelector
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "BorutaSelector",
    "CorrelationSelector",
    "LassoSelector",
    "MRMRSelector",
    "RecursiveSelector",
    "RepeatabilitySelector",
    "StabilitySelector",
    "UnivariateSelector",
    "VarianceSelector",
]

fill_docstrings(__name__)
