"""Parameter descriptions that many public functions share, written once.

In a docstring, a line that holds only names in braces stands for the entries of these names::

Parameters
----------
    {y_true} {probability}
    {groups}
        Patients are resampled, with all their rows.
    {confidence_level}

Indented lines below a name are added to its description. The last line of each package's ``__init__.py`` is
``fill_docstrings(__name__)``, which puts the entries in place. Add an entry here once four docstrings need it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any

SHARED = {
    # what a model or a statistic is given
    "X": """
        X : DataFrame or array-like of shape (n, p)
            Features: one row for each case, one column for each feature, without missing values.
        """,
    "X_gaps": """
        X : DataFrame or array-like of shape (n, p)
            Features: one row for each case, one column for each feature. Values may be missing where the estimator
            fills them.
        """,
    "X_new": """
        X : DataFrame or array-like of shape (n, p)
            New cases, with the columns given to `fit`.
        """,
    "X_unused": """
        X : DataFrame, optional
            Not used; scikit-learn passes it.
        """,
    "y": """
        y : array-like of shape (n,), or survival outcome
            Binary outcome; or a structured array or DataFrame with `event` and `time`.
        """,
    "y_binary": """
        y : array-like of shape (n,)
            Two classes; the larger one (or the last in the alphabet) is the positive class.
        """,
    "y_survival": """
        y : structured array or DataFrame with `event` and `time`
            The survival outcome: `event` is True where the event was observed, `time` is the time of the event or of
            censoring.
        """,
    "y_unused": """
        y : object, optional
            Not used; scikit-learn passes it.
        """,
    "input_features": """
        input_features : object, optional
            Not used; scikit-learn passes it.
        """,
    "y_true": """
        y_true : array-like of shape (n,)
            Outcome, 0/1 or boolean.
        """,
    "y_true_any": """
        y_true : array-like of shape (n,)
            Outcome, 0/1 or boolean; one class only is allowed.
        """,
    "score": """
        score : array-like of shape (n,)
            Continuous score; higher means more likely positive.
        """,
    "probability": """
        probability : array-like of shape (n,)
            Predicted probability of the positive class, in [0, 1].
        """,
    "risk": """
        risk : array-like of shape (n,)
            Risk score; higher means an earlier event is expected. The direction is never flipped.
        """,
    "two_risks": """
        risk_a, risk_b : array-like of shape (n,)
            The two risk scores; higher means an earlier event is expected.
        """,
    "old_new": """
        old, new : array-like of shape (n,)
            Predicted risks of the two models, in [0, 1].
        """,
    "decision_inputs": """
        y_true : array-like of shape (n,), or a table with `time`
            Binary outcome; or a survival target (``event``, ``time``); or a table or structured array with ``cause``
            (0 censored, 1 the event, higher numbers competing events) and ``time``.
        probabilities : DataFrame or dict of name -> array-like of shape (n,)
            Predicted risk of each model, in [0, 1]. A binary test is a model with 0 and 1.
        """,
    "decision_options": """
        thresholds : array-like, optional
            Threshold probabilities in [0, 1), used as given; default 0.01, 0.02, ..., 0.99.
        prevalence : float, optional
            Prevalence in the population, for a case-control sample.
        time : float, optional
            Horizon of the risk, required for a survival outcome, in the unit of the follow-up.
        harm : dict of name -> float, optional
            Harm of obtaining a model's prediction, in units of net benefit, subtracted at every threshold.
        """,
    "times": """
        times : array-like of shape (m,)
            Times, in the unit of the outcome.
        """,
    "groups": """
        groups : array-like of shape (n,), optional
            Patient of each row, where a patient has several (lesions, scans).
        """,
    "case_groups": """
        groups : array-like of shape (n,), optional
            Group of each case. The groups of a Categorical keep their order, others are sorted.
        """,
    "sample_weight": """
        sample_weight : array-like of shape (n,), optional
            Positive case weights.
        """,
    "cases": """
        cases : DataFrame or path
            Case table, read by `radiokit.io.read_cases`: one row for each case, with columns ``image`` and ``mask``
            and, where masks hold several labels, ``label``; the index, or a column ``case_id``, is the case id.
        """,
    # how it is computed
    "confidence_level": """
        confidence_level : float
            Confidence level of the intervals, between 0 and 1.
        """,
    "random_state": """
        random_state : int, RandomState, Generator or None
            Seed. With an int the result is the same on every run.
        """,
    "tau_of_pairs": """
        tau : float, optional
            Only events at times up to `tau` open a pair.
        """,
    "width": """
        width : float
            Width of the whole interval, from its lower to its upper limit.
        """,
    "n_bootstraps": """
        n_bootstraps : int
            Number of bootstrap samples.
        """,
    "cv": """
        cv : int or scikit-learn splitter
            Folds; an int is stratified by the outcome (for survival, by the event) and shuffled.
        """,
    "penalty_rule": """
        rule : {"min", "1se"}
            The penalty of the smallest deviance of cases left out, or the largest penalty within one standard error of
            it: fewer features, a little less accurate.
        lambdas : array-like, optional
            Penalties on glmnet's scale. Without them: glmnet's path.
        """,
    "n_lambdas": """
        n_lambdas : int
            Length of glmnet's path, 2 or more.
        """,
    "l1_ratio": """
        l1_ratio : float in [0, 1]
            Share of the LASSO in the penalty (glmnet's alpha): 1 is the LASSO, which leaves features out; 0 is ridge,
            which keeps all; between them is the elastic net, which keeps correlated features together.
        """,
    "n_jobs": """
        n_jobs : int or None
            Number of parallel workers, as in joblib: None is 1 (unless a ``joblib.parallel_config`` says otherwise),
            -1 is one for each core. It never changes the result.
        """,
    "progress": """
        progress : bool
            Show a progress bar on standard error.
        """,
    "cache": """
        cache : path, optional
            Folder for finished work: a run that was stopped continues where it was, and a second run computes only what
            changed.
        """,
    "limits": """
        limits : Limits, optional
            Seconds and memory for each case. A case that takes more fails alone.
        """,
    "on_error": """
        on_error : {"raise", "nan"}
            ``"raise"`` stops at the first case that fails. ``"nan"`` keeps the case with missing values and its reason.
        """,
    # images
    "image": """
        image : Volume
            The image; it is not changed.
        """,
    "mask": """
        mask : Mask
            The region, on the grid of the image; it is not changed.
        """,
    "any_image": """
        image : path, Volume, SimpleITK.Image or ndarray
            The image; arrays are (z, y, x), or (y, x) for one slice.
        """,
    "any_mask": """
        mask : path, Mask, SimpleITK.Image or ndarray
            The region, or a label map, on the grid of the image.
        """,
    "label": """
        label : int, optional
            Label of the region in a label map. Without it the mask must hold one label only.
        """,
    "spacing": """
        spacing : tuple of 3 float
            Distance between voxel centres in mm, (z, y, x).
        """,
    "array_spacing": """
        spacing : sequence of float, optional
            For arrays: distance between voxel centres in mm, in the order of the axes.
        """,
    "filter_dimension": """
        dimension : {"3D", "2D"}
            In space, or within each axial slice: take ``"2D"`` where slices are much thicker than pixels.
        """,
    "boundary": """
        boundary : {"mirror", "nearest", "periodic", "zero"}
            How the image is continued beyond its border.
        """,
    "rotation_invariant": """
        rotation_invariant : bool
            Combine the responses of all rotations of the grid by right angles, so that the orientation of the patient
            does not matter.
        """,
    "pooling": """
        pooling : {"max", "mean", "min"}
            How the responses are combined, voxel by voxel.
        """,
    # figures and files
    "ax": """
        ax : Axes, optional
            Where to draw; a new figure if absent.
        """,
    "undrawn": """
        Returns
        -------
        Display
            Not yet drawn: call ``plot``.
        """,
    "drawn": """
        Returns
        -------
        Display
            Itself, with ``ax_`` and ``figure_``.
        """,
    "time_unit": """
        time_unit : str
            Unit of the times (``"months"``), for the label of the axis.
        """,
    "colors": """
        colors : dict, optional
            Colour of each model, to keep it the same across figures.
        """,
    "path": """
        path : path
            File to write. It is written whole or not at all.
        """,
    # what an estimator has learnt
    "features_in_": """
        n_features_in_, feature_names_in_
            Number and names of the columns seen in `fit`, as in scikit-learn.
        """,
    "classes_": """
        classes_ : ndarray of shape (2,)
            The negative and the positive class.
        """,
    "support_": """
        support_ : ndarray of bool, shape (n_features,)
            True for the features that are kept.
        """,
    "lambda_": """
        lambda_ : float
            The chosen penalty.
        """,
    "penalty_path_": """
        path_ : DataFrame
            One row for each penalty, from the largest: ``lambda, cv_mean, cv_se, n_features, deviance_ratio, chosen``.
            `cv_mean` is the deviance of cases left out: twice the log-loss, or for survival that of the partial
            likelihood for an event.
        coef_path_ : ndarray of shape (n_lambdas, n_features)
            Coefficients along the path.
        """,
    "returns_itself": """
        Returns
        -------
        Self
            This estimator, fitted.
        """,
    # what a result holds
    "n": """
        n : int
            Number of cases.
        """,
    "se": """
        se : float
            Standard error of the estimate.
        """,
    "ci": """
        ci_low, ci_high : float
            Confidence limits.
        """,
    "p_value": """
        p_value : float
            Two-sided p-value; NaN where there is nothing to test.
        """,
    "z_test": """
        statistic, p_value : float
            z and its two-sided p-value; NaN where there is nothing to test.
        """,
    "comparison": """
        se : float
            Standard error of the difference.
        ci_low, ci_high : float
            Confidence limits of the difference.
        statistic : float
            ``difference / se``; 0 where both are 0, NaN where a difference has no spread to be judged by.
        p_value : float
            Two-sided unless another alternative was chosen; NaN where there is no statistic.
        """,
    # when it fails
    "bad_fit": """
        InputError
            If values are missing, lengths differ, or a parameter is of another type or out of range.
        """,
    "one_class": """
        OutcomeError
            If the outcome has one class only, missing values, or more than two values.
        """,
    "outcome_values": """
        OutcomeError
            If the outcome has missing values or more than two values.
        """,
    "bad_times": """
        OutcomeError
            If times are negative or missing, or events are not 0/1.
        """,
    "bad_scores": """
        InputError
            If scores are missing, infinite, or of another length than the outcome.
        """,
    "bad_probabilities": """
        InputError
            If probabilities are missing, outside [0, 1], or of another length than the outcome.
        """,
    "bad_groups": """
        InputError
            If there is one group only or a group is missing.
        """,
    "out_of_range": """
        InputError
            If an argument is out of range.
        """,
}

_NAMES_ONLY = re.compile(r"^([ \t]*)((?:\{\w+\} ?)+)$", re.MULTILINE)


def fill_docstrings(package: str) -> None:
    """Put the shared entries into the docstrings of a package's public names, and into those of their methods.

    Parameters
    ----------
    package : str
        Name of an imported module with ``__all__``.

    Raises
    ------
    ValueError
        If a docstring asks for an entry that does not exist.
    """
    module = sys.modules[package]
    for name in module.__all__:
        for documented in _documented(vars(module).get(name)):
            # python -OO keeps no docstrings
            if documented.__doc__:
                documented.__doc__ = fill(documented.__doc__, f"{package}.{name}")


def fill(docstring: str, owner: str = "docstring") -> str:
    """Replace each line of names in braces by the entries of these names, at the same indentation."""

    def entries(line: re.Match[str]) -> str:
        indent, names = line[1], re.findall(r"\w+", line[2])
        unknown = [name for name in names if name not in SHARED]
        if unknown:
            raise ValueError(f"{owner}: radiokit/utils/docs.py has no shared parameter description {unknown[0]!r}")
        lines = [text for name in names for text in inspect.cleandoc(SHARED[name]).splitlines()]
        return "\n".join(f"{indent}{text}" for text in lines)

    return _NAMES_ONLY.sub(entries, docstring)


def _documented(thing: object) -> Iterator[Any]:
    """Yield what carries a docstring that may be filled: a function; a class with its own and inherited methods."""
    if inspect.isfunction(thing):
        yield thing
    elif inspect.isclass(thing):
        for cls in thing.__mro__:
            if cls.__module__.startswith("radiokit."):
                yield cls
                yield from (_function(member) for member in vars(cls).values() if _is_method(member))


def _is_method(member: object) -> bool:
    return isinstance(member, staticmethod | classmethod | property) or inspect.isfunction(member)


def _function(member: Any) -> Any:
    return member.__func__ if isinstance(member, staticmethod | classmethod) else member
