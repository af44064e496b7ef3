"""Intraclass correlation, all six forms, for thousands of features at once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import fdtrc, fdtri

from radiokit.engine.inputs import ICC_FORMS, TINY, FloatArray, as_floats, check_choice, check_level
from radiokit.exceptions import InputError


def icc(ratings: ArrayLike | Mapping[str, pd.DataFrame], *, form: str, confidence_level: float = 0.95) -> pd.DataFrame:
    r"""Intraclass correlation coefficient with F test and confidence interval, one row per feature.

    Parameters
    ----------
    ratings : array-like of shape (subjects, raters) or (subjects, raters, features), or dict of rater -> DataFrame
        Repeated measurements. Frames have subjects as index and features as columns, the same in every frame (the
        order may differ). Subjects with a missing value are left out, feature by feature.
    form : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"}
        Model (1 one-way random, 2 two-way random with absolute agreement, 3 two-way mixed with consistency) and whether
        one measurement or the mean of all k will be used. There is no default: the forms answer different questions.
    {confidence_level}

    Returns
    -------
    DataFrame
        ``feature, form, icc, ci_low, ci_high, f_statistic, df1, df2, p_value, n_subjects, n_raters``. Features of an
        array are numbered from 0. NaN where a feature does not vary, or fewer than two subjects are complete.

    Raises
    ------
    InputError
        If there are fewer than two raters or subjects, shapes or labels of frames differ, or `form` is unknown.

    Notes
    -----
    From the mean squares of subjects (R), raters (C), error (E) and within subjects (W), n subjects and k raters:
    :math:`\mathrm{ICC}(1,1) = \frac{R-W}{R+(k-1)W}`, :math:`\mathrm{ICC}(2,1) = \frac{R-E}{R+(k-1)E+k(C-E)/n}`,
    :math:`\mathrm{ICC}(3,1) = \frac{R-E}{R+(k-1)E}`; for the mean of k: :math:`(R-W)/R`,
    :math:`\frac{R-E}{R+(C-E)/n}`, :math:`(R-E)/R` (Shrout & Fleiss, doi:10.1037/0033-2909.86.2.420; intervals of
    ICC(2) with Satterthwaite degrees of freedom, doi:10.1037/1082-989X.1.1.30). Estimates may be negative. F, df, p and
    CI as R's ``psych::ICC(lmer=FALSE)``; ``irr::icc`` uses other degrees of freedom for the p-value of ICC(2,1) and
    for the interval of ICC(2,k).

    *How to read it.* For the repeatability of radiomic features report ICC(2,1) (other scanners or readers stand for
    the ones tested) or ICC(3,1) (only the ones tested matter, a constant offset between them does not count), with the
    interval: the lower limit should exceed the bound required. Common labels (doi:10.1016/j.jcm.2016.02.012): below 0.5
    poor, 0.75 good, 0.9 excellent. The ICC depends on how much the patients differ: in a homogeneous cohort the same
    measurement error gives a lower ICC.

    Examples
    --------
    >>> ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> icc(ratings, form="ICC(2,1)")[["icc", "ci_low", "ci_high"]].round(3).values.tolist()
    [[0.29, 0.019, 0.761]]
    """
    check_choice(form, ICC_FORMS, name="form")
    alpha = 1 - check_level(confidence_level)
    cube, names = _cube(ratings)
    n, k, _ = cube.shape
    if n < 2 or k < 2:
        raise InputError(f"ratings has {n} subjects and {k} raters; required: two or more of each.")
    incomplete = np.isnan(cube).any(axis=(0, 1))
    table = pd.DataFrame(np.nan, index=range(len(names)), columns=_COLUMNS)
    jobs = [(cube[:, :, ~incomplete], np.flatnonzero(~incomplete))] if not incomplete.all() else []
    for j in np.flatnonzero(incomplete):
        values = cube[:, :, j]
        jobs.append((values[~np.isnan(values).any(axis=1)][:, :, None], np.array([j])))
    for part, where in jobs:
        table.loc[where, "n_subjects"] = part.shape[0]
        if part.shape[0] > 1:
            for key, values in _icc(form, _mean_squares(part), alpha).items():
                table.loc[where, key] = values
    table.insert(0, "feature", names)
    table.insert(1, "form", form)
    return table.astype({"n_subjects": int}).assign(n_raters=k)


_COLUMNS = ["icc", "ci_low", "ci_high", "f_statistic", "df1", "df2", "p_value", "n_subjects"]


@dataclass(frozen=True)
class _MeanSquares:
    """Mean squares of subjects, raters, error and within subjects, each of shape (features,)."""

    subjects: FloatArray
    raters: FloatArray
    error: FloatArray
    within: FloatArray
    n: int
    k: int


def _cube(ratings: ArrayLike | Mapping[str, pd.DataFrame]) -> tuple[FloatArray, list[Hashable]]:
    """Ratings as (subjects, raters, features), and the names of the features."""
    if not isinstance(ratings, Mapping):
        values = as_floats(ratings, name="ratings")
        if values.ndim == 2:
            values = values[:, :, None]
        if values.ndim != 3:
            raise InputError(
                f"ratings has {values.ndim} dimensions; required: (subjects, raters) or (subjects, raters, features)."
            )
        return _finite(values), list(range(values.shape[2]))
    frames = {str(rater): frame for rater, frame in ratings.items()}
    if not frames or not all(isinstance(frame, pd.DataFrame) for frame in frames.values()):
        raise InputError("ratings is a dict without DataFrames; required: rater -> DataFrame of subjects x features.")
    first_name, first = next(iter(frames.items()))
    for labels in (first.index, first.columns):
        if labels.has_duplicates:
            raise InputError(
                f"The frame of rater {first_name!r} repeats labels; required: unique subjects and features."
            )
    aligned = []
    for rater, frame in frames.items():
        for axis, kind in ((0, "subjects"), (1, "features")):
            have, want = frame.axes[axis], first.axes[axis]
            if len(have) != len(want) or not have.isin(want).all():
                odd = list(have.symmetric_difference(want)[:5])
                raise InputError(f"Raters {first_name!r} and {rater!r} do not have the same {kind}; differing: {odd}.")
        aligned.append(frame.loc[first.index, first.columns].pipe(as_floats, name=f"ratings of {rater!r}"))
    return _finite(np.stack(aligned, axis=1)), list(first.columns)


def _finite(cube: FloatArray) -> FloatArray:
    if np.isinf(cube).any():
        raise InputError("ratings holds infinite values; required: numbers, or NaN where a measurement is missing.")
    if (np.abs(cube) > 1 / TINY).any():
        raise InputError(f"ratings holds values beyond {1 / TINY:g}, whose squares are no numbers; give another unit.")
    return cube


def _mean_squares(cube: FloatArray) -> _MeanSquares:
    n, k, _ = cube.shape
    # Relative to the first rating, a feature that does not vary gives zeros and not rounding errors.
    x = cube - cube[0, 0]
    grand, subject, rater = x.mean(axis=(0, 1)), x.mean(axis=1), x.mean(axis=0)
    noise = (1e-14 * np.abs(x).max(axis=(0, 1))) ** 2

    def mean_square(total: FloatArray, df: int) -> FloatArray:
        value = total / df
        return np.where(value <= noise, 0.0, value)

    return _MeanSquares(
        subjects=mean_square(k * ((subject - grand) ** 2).sum(axis=0), n - 1),
        raters=mean_square(n * ((rater - grand) ** 2).sum(axis=0), k - 1),
        error=mean_square(((x - subject[:, None] - rater[None] + grand) ** 2).sum(axis=(0, 1)), (n - 1) * (k - 1)),
        within=mean_square(((x - subject[:, None]) ** 2).sum(axis=(0, 1)), n * (k - 1)),
        n=n,
        k=k,
    )


def _divide(a: ArrayLike, b: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(a, dtype=float) / b


def _icc(form: str, ms: _MeanSquares, alpha: float) -> dict[str, FloatArray]:
    """Compute one form: estimate, limits, and the F test of the subjects' mean square over that of the noise."""
    measurements = 1 if form.endswith("k)") else ms.k
    if form.startswith("ICC(1"):
        return _of_ratio(ms.subjects, ms.within, ms.n - 1, ms.n * (ms.k - 1), measurements, alpha)
    consistency = _of_ratio(ms.subjects, ms.error, ms.n - 1, (ms.n - 1) * (ms.k - 1), measurements, alpha)
    if form.startswith("ICC(3"):
        return consistency
    agreement = _agreement(ms, alpha)
    return consistency | (_agreement_of_mean(ms, agreement) if form.endswith("k)") else agreement)


def _of_ratio(signal: FloatArray, noise: FloatArray, df1: int, df2: int, m: int, alpha: float) -> dict[str, FloatArray]:
    """ICC that follows from a ratio F of mean squares, ``(F - 1) / (F + m - 1)``, with its F test.

    m is the number of raters for one measurement, and 1 for the mean of them all.
    """
    f = _divide(signal, noise)
    low, high = f / fdtri(df1, df2, 1 - alpha / 2), f * fdtri(df2, df1, 1 - alpha / 2)
    return {
        "icc": _divide(signal - noise, signal + (m - 1) * noise),
        "ci_low": np.where(np.isposinf(low), 1.0, _divide(low - 1, low + m - 1)),
        "ci_high": np.where(np.isposinf(high), 1.0, _divide(high - 1, high + m - 1)),
        "f_statistic": f,
        "df1": np.full(f.shape, df1),
        "df2": np.full(f.shape, df2),
        "p_value": np.where(np.isfinite(f), fdtrc(df1, df2, f), np.nan),
    }


def _agreement(ms: _MeanSquares, alpha: float) -> dict[str, FloatArray]:
    n, k = ms.n, ms.k
    spread = ms.subjects + (k - 1) * ms.error + k * (ms.raters - ms.error) / n
    estimate = _divide(ms.subjects - ms.error, spread)
    # Satterthwaite degrees of freedom, multiplied through by the error's mean square so that it may be 0.
    a, b = k * estimate * ms.raters, (n * (1 + (k - 1) * estimate) - k * estimate) * ms.error
    df = _divide((k - 1) * (n - 1) * (a + b) ** 2, (n - 1) * a**2 + b**2)
    upper, lower = fdtri(n - 1, df, 1 - alpha / 2), fdtri(df, n - 1, 1 - alpha / 2)
    rest = k * ms.raters + (k * n - k - n) * ms.error
    low = _divide(n * (ms.subjects - upper * ms.error), upper * rest + n * ms.subjects)
    high = _divide(n * (lower * ms.subjects - ms.error), rest + n * lower * ms.subjects)
    perfect = (ms.error == 0) & (ms.raters == 0) & (ms.subjects > 0)
    low, high = np.where(perfect, 1.0, low), np.where(perfect, 1.0, high)
    return {"icc": estimate, "ci_low": low, "ci_high": high}


def _agreement_of_mean(ms: _MeanSquares, single: dict[str, FloatArray]) -> dict[str, FloatArray]:
    estimate = _divide(ms.subjects - ms.error, ms.subjects + (ms.raters - ms.error) / ms.n)
    limits = {key: _divide(single[key] * ms.k, 1 + single[key] * (ms.k - 1)) for key in ("ci_low", "ci_high")}
    return {"icc": estimate, **limits}
