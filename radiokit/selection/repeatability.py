"""Keep features that come out the same when the tumour is segmented (or scanned) again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from radiokit.engine.inputs import check_level
from radiokit.exceptions import InputError, ParameterError
from radiokit.selection._base import Selector
from radiokit.stats import icc
from radiokit.utils import as_table, feature_values
from radiokit.utils.estimators import GapsAllowed, Outcome
from radiokit.utils.parameters import check_parameters
from radiokit.utils.table import row_ids

MIN_SUBJECTS = 3


class RepeatabilitySelector(GapsAllowed, Selector):
    r"""Keep features whose intraclass correlation over repeated measurements reaches a threshold.

    Parameters
    ----------
    repeat : DataFrame, sequence of DataFrame, or dict of DataFrame
        The features of some cases measured again (a second reader, a second scan): the case id as index or in a column
        ``case_id``, the columns of X. Each table is one more rater; X itself is the first.
    form : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"}
        As `radiokit.stats.icc`.
    threshold : float
        The least ICC.
    use : {"ci_low", "estimate"}
        Whether the lower confidence limit or the estimate has to reach it.
    {confidence_level}

    Attributes
    ----------
    scores_ : DataFrame
        Index ``feature``: ``icc, ci_low, ci_high, n_subjects``.
    case_ids_ : Index
        The training cases with a repeat, which is all that was used.
    {support_} {features_in_}

    Notes
    -----
    Only repeats of cases that are in the X of `fit` are used, matched by the index: in a cross-validation the repeats
    of test patients stay out by themselves. So `repeat` may hold the whole repeat study. The ICC is that of Shrout and
    Fleiss (doi:10.1037/0033-2909.86.2.420).

    *How to read it.* ICC(2,1) with the lower limit above 0.75 is the custom. The limit is strict with few repeats, and
    that is right: ten repeats cannot show that a feature is repeatable. A repeatable feature need not be informative.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(30, 2)), index=[f"P{i}" for i in range(30)], columns=["steady", "shaky"])
    >>> again = X + rng.normal(size=(30, 2)) * [0.1, 1.0]
    >>> RepeatabilitySelector(again).fit(X).get_feature_names_out().tolist()
    ['steady']
    """

    _needs_outcome = False

    def __init__(
        self,
        repeat: Any,
        *,
        form: str = "ICC(2,1)",
        threshold: float = 0.75,
        use: Literal["ci_low", "estimate"] = "ci_low",
        confidence_level: float = 0.95,
    ) -> None:
        self.repeat = repeat
        self.form = form
        self.threshold = threshold
        self.use = use
        self.confidence_level = confidence_level

    def fit(self, X: pd.DataFrame, y: Outcome | None = None) -> Self:
        """Learn which features are repeatable.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Features of the training cases, the case id as index.
        {y_unused}

        {returns_itself}

        Raises
        ------
        InputError
            If X is no DataFrame, ids repeat, features are absent from a repeat, or fewer than 3 training cases have
            one.
        ParameterError
            If no feature reaches the threshold.
        """
        check_parameters(self)
        check_level(self.confidence_level)
        if not isinstance(X, pd.DataFrame):
            raise InputError(f"X is a {type(X).__name__}; required: a DataFrame whose index holds the case ids.")
        feature_values(self, X, ensure_all_finite="allow-nan")
        # A bootstrap draws cases several times; each counts once.
        named = X.set_axis(row_ids(X, "X"), axis="index")
        tables = [named[~named.index.duplicated()], *_tables(self.repeat)]
        shared = tables[0].index
        for table in tables:
            if table.index.has_duplicates:
                twice = table.index[table.index.duplicated()][0]
                raise InputError(f"repeat holds the case {twice!r} twice; required: each once.")
            absent = [str(c) for c in X.columns if c not in table.columns]
            if absent:
                raise InputError(f"repeat lacks {len(absent)} features of X: {', '.join(absent[:5])}.")
            shared = shared.intersection(table.index, sort=False)
        if len(shared) < MIN_SUBJECTS:
            raise InputError(
                f"{len(shared)} training cases have a repeat; required: {MIN_SUBJECTS} or more. Is the index of both "
                "the case id?"
            )
        ratings = {f"rater {k}": table.loc[shared, list(X.columns)].astype(float) for k, table in enumerate(tables)}
        table = icc(ratings, form=self.form, confidence_level=self.confidence_level).set_index("feature")
        self.case_ids_ = shared
        self.scores_ = table[["icc", "ci_low", "ci_high", "n_subjects"]]
        value = self.scores_["icc" if self.use == "estimate" else "ci_low"].to_numpy()
        self.support_ = np.nan_to_num(value, nan=-np.inf) >= self.threshold
        if not self.support_.any():
            best = np.max(value[np.isfinite(value)], initial=-np.inf)
            raise ParameterError(
                f"No feature reaches {self.form} >= {self.threshold:g} by its {self.use} over {len(shared)} cases "
                f"(best {best:.3f}); lower the threshold, or measure more cases twice."
            )
        return self


def _tables(repeat: Any) -> list[pd.DataFrame]:
    if isinstance(repeat, pd.DataFrame):
        tables = [repeat]
    elif isinstance(repeat, Mapping):
        tables = list(repeat.values())
    else:
        tables = list(repeat) if isinstance(repeat, Sequence) else []
    if not tables or not all(isinstance(t, pd.DataFrame) for t in tables):
        raise InputError(f"repeat is a {type(repeat).__name__}; required: a DataFrame, or several.")
    return [_with_ids(table) for table in tables]


def _with_ids(table: pd.DataFrame) -> pd.DataFrame:
    """Return a repeat with its case ids as index; a table that was already checked, as that of a study, stays."""
    entered = table.index.name == "case_id" and table.index.inferred_type == "string"
    return table if entered else as_table(table, "repeat", keep=table.columns, repeated=True).frame
