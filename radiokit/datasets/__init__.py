"""Synthetic cohorts with a planted, documented truth."""

from radiokit.datasets._cohort import Cohort, make_cohort
from radiokit.datasets._tables import FeatureTable, make_feature_table
from radiokit.datasets._truth import CohortTruth

__all__ = ["Cohort", "CohortTruth", "FeatureTable", "make_cohort", "make_feature_table"]
