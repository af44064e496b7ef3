"""Displays in scikit-learn's style; the only place that imports matplotlib."""

from radiokit.plotting._agreement import BlandAltmanDisplay
from radiokit.plotting._attributions import AttributionDisplay
from radiokit.plotting._calibration import CalibrationDisplay
from radiokit.plotting._coefficients import CoefficientDisplay
from radiokit.plotting._correlation import CorrelationDisplay
from radiokit.plotting._cumulative_incidence import CumulativeIncidenceDisplay
from radiokit.plotting._cutpoint import CutpointDisplay
from radiokit.plotting._decision import DecisionCurveDisplay
from radiokit.plotting._display import Display
from radiokit.plotting._feature_map import FeatureMapDisplay
from radiokit.plotting._flow import FlowDisplay, FunnelDisplay
from radiokit.plotting._forest import ForestDisplay
from radiokit.plotting._kaplan_meier import KaplanMeierDisplay
from radiokit.plotting._lasso import LassoPathDisplay
from radiokit.plotting._nomogram import NomogramDisplay
from radiokit.plotting._roc import RocDisplay
from radiokit.plotting._score import ScoreDisplay
from radiokit.plotting._style import style
from radiokit.plotting._subgroups import SubgroupDisplay
from radiokit.plotting._time_auc import TimeAucDisplay
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "AttributionDisplay",
    "BlandAltmanDisplay",
    "CalibrationDisplay",
    "CoefficientDisplay",
    "CorrelationDisplay",
    "CumulativeIncidenceDisplay",
    "CutpointDisplay",
    "DecisionCurveDisplay",
    "Display",
    "FeatureMapDisplay",
    "FlowDisplay",
    "ForestDisplay",
    "FunnelDisplay",
    "KaplanMeierDisplay",
    "LassoPathDisplay",
    "NomogramDisplay",
    "RocDisplay",
    "ScoreDisplay",
    "SubgroupDisplay",
    "TimeAucDisplay",
    "style",
]

fill_docstrings(__name__)
