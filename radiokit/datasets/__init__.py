"""Synthetic cohorts with a planted, documented truth, and public data read from a local copy."""

from radiokit.datasets._cohort import Cohort, make_cohort
from radiokit.datasets._public import PublicTable, fetch_feature_table, fetch_sarcoma
from radiokit.datasets._tables import FeatureTable, make_feature_table
from radiokit.datasets._truth import CohortTruth
from radiokit.utils.docs import fill_docstrings

__all__ = [
    "Cohort",
    "CohortTruth",
    "FeatureTable",
    "PublicTable",
    "fetch_feature_table",
    "fetch_sarcoma",
    "make_cohort",
    "make_feature_table",
]

fill_docstrings(__name__)
