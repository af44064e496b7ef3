"""Feature selection as scikit-learn transformers: they exist only inside a fit, so that no test case is ever asked."""

from radiokit.selection._correlation import CorrelationSelector
from radiokit.selection._lasso import LassoSelector
from radiokit.selection._univariate import UnivariateSelector
from radiokit.selection._variance import VarianceSelector

__all__ = ["CorrelationSelector", "LassoSelector", "UnivariateSelector", "VarianceSelector"]
