"""The planted truth: patients drawn from a known logistic and a known Weibull model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import mannwhitneyu, norm

# Log-odds of the outcome and log hazard ratio of relapse for one standard deviation of each latent variable.
COEFFICIENTS = pd.DataFrame(
    {
        "variable": ["heterogeneity", "irregularity", "age", "cea", "log_volume", "sex", "stage"],
        "unit": ["1 SD", "1 SD", "10 years", "1 SD of log", "1 SD", "male", "one stage"],
        "log_odds": [1.8, 1.2, 1.0, 1.0, 0.0, 0.0, 0.0],
        "log_hazard": [0.9, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0],
    }
).set_index("variable")
DRIVERS = ("heterogeneity", "irregularity", "age", "cea")
PREVALENCE = 0.4
WEIBULL_SHAPE = 1.3
CEA_SD = 0.6  # of log CEA
MEDIAN_MONTHS = 30.0  # of a patient with average latents

# What the latents do to features of the original image; the sign is that of the correlation with the latent.
FEATURES = pd.DataFrame(
    [
        ("heterogeneity", "original_glcm_Contrast", 1),
        ("heterogeneity", "original_glcm_DifferenceEntropy", 1),
        ("heterogeneity", "original_glcm_Idm", -1),
        ("heterogeneity", "original_glcm_Correlation", -1),
        ("heterogeneity", "original_glrlm_ShortRunEmphasis", 1),
        ("heterogeneity", "original_gldm_SmallDependenceEmphasis", 1),
        ("irregularity", "original_shape_Sphericity", -1),
        ("log_volume", "original_shape_MeshVolume", 1),
        ("log_volume", "original_shape_VoxelVolume", 1),
    ],
    columns=["latent", "feature", "direction"],
)


@dataclass(frozen=True, eq=False, repr=False)
class CohortTruth:
    """What is known of a synthetic cohort and never of a real one.

    Parameters
    ----------
    cases : DataFrame
        Index ``case_id``; columns ``patient_id``, ``center``, the latent variables ``heterogeneity``, ``irregularity``
        and ``log_volume`` (standard normal), the texture's correlation length ``length_mm``, the complete ``age`` and
        ``cea``, and ``linear_predictor`` (log-odds), ``probability`` (of the outcome), ``log_hazard`` (log relative
        hazard of relapse).
    coefficients : DataFrame
        Index ``variable``; columns ``unit``, ``log_odds`` and ``log_hazard``: the planted models, zero for distractors.
    intercept : float
        Of the logistic model.
    features : DataFrame
        ``latent, feature, direction``: which radiomics features the latents move, and which way.
    planted_auc : float
        AUC of the true probability in an endless population: no honest model does better but by chance.
    auc : DataFrame
        Index ``center`` (and ``all``); ``auc`` of the true probability in this very sample, ``n`` and ``n_events``
        count patients.
    scanners : DataFrame
        Index ``center``; ``gain``, ``offset`` (HU), ``noise`` (SD, HU), ``slice_thickness`` (mm).

    Examples
    --------
    >>> import tempfile
    >>> from radiokit.datasets import make_cohort
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     truth = make_cohort(4, centers=2, folder=folder, random_state=0).truth
    >>> round(truth.planted_auc, 2)
    0.9
    """

    cases: pd.DataFrame
    coefficients: pd.DataFrame
    intercept: float
    features: pd.DataFrame
    planted_auc: float
    auc: pd.DataFrame
    scanners: pd.DataFrame

    def __repr__(self) -> str:
        return f"CohortTruth({len(self.cases)} cases, planted_auc={self.planted_auc:.3f})"


def draw_patients(n: int, centers: list[str], effect: float, rng: np.random.Generator) -> pd.DataFrame:
    """Draw latent variables, clinical values and outcomes of `n` patients, dealt evenly to the centres."""
    latent = rng.standard_normal((n, len(DRIVERS) + 1))
    patients = pd.DataFrame(latent, columns=[*DRIVERS, "log_volume"])
    patients.insert(0, "patient_id", [f"P{i:0{len(str(n))}d}" for i in range(1, n + 1)])
    patients.insert(1, "center", np.array(centers)[rng.permutation(np.arange(n) % len(centers))])
    coefficients = scaled_coefficients(effect).loc[list(DRIVERS)]
    drivers = patients[list(DRIVERS)].to_numpy()
    patients["linear_predictor"] = intercept(effect) + drivers @ coefficients["log_odds"].to_numpy()
    patients["probability"] = expit(patients["linear_predictor"])
    patients["log_hazard"] = drivers @ coefficients["log_hazard"].to_numpy()
    patients["outcome"] = (rng.random(n) < patients["probability"]).astype(int)
    patients["event"], patients["time"] = _follow_up(patients["log_hazard"].to_numpy(), rng)
    patients["age"] = np.round(62 + 10 * patients["age"]).clip(18, 95)
    patients["cea"] = np.exp(np.log(4.0) + CEA_SD * patients["cea"]).round(1).clip(0.1)
    patients["sex"] = np.where(rng.random(n) < 0.55, "male", "female")
    patients["stage"] = rng.choice(["I", "II", "III"], size=n, p=[0.3, 0.4, 0.3])
    return patients


def _follow_up(log_hazard: NDArray[np.float64], rng: np.random.Generator) -> tuple[NDArray[np.int_], NDArray]:
    """Weibull relapse times, S(t) = exp(-exp(lp) (t/scale)^k), censored uniformly between 18 and 60 months."""
    scale = MEDIAN_MONTHS / np.log(2) ** (1 / WEIBULL_SHAPE)
    relapse = scale * (rng.exponential(size=log_hazard.size) / np.exp(log_hazard)) ** (1 / WEIBULL_SHAPE)
    censored = rng.uniform(18.0, 60.0, size=log_hazard.size)
    return (relapse <= censored).astype(int), np.maximum(np.minimum(relapse, censored).round(1), 0.1)


def hide(patients: pd.DataFrame, columns: tuple[str, ...], share: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return the patients with `share` of the values of each column missing, completely at random."""
    hidden = patients.copy()
    for column in columns:
        hidden[column] = hidden[column].mask(rng.random(len(hidden)) < share)
    return hidden


def scaled_coefficients(effect: float) -> pd.DataFrame:
    """Return the planted coefficients, multiplied by `effect`."""
    return COEFFICIENTS.assign(
        log_odds=effect * COEFFICIENTS["log_odds"], log_hazard=effect * COEFFICIENTS["log_hazard"]
    )


def predictor_sd(effect: float) -> float:
    """Return the standard deviation of the true linear predictor in the population."""
    return float(effect * np.sqrt((COEFFICIENTS["log_odds"] ** 2).sum()))


def intercept(effect: float) -> float:
    """Intercept at which `PREVALENCE` of the population have the outcome."""
    nodes, weights = _normal_grid(predictor_sd(effect))
    return float(brentq(lambda b: weights @ expit(b + nodes) - PREVALENCE, -10, 10))


def planted_auc(effect: float) -> float:
    """AUC of the true probability in the population: P(lp of a positive > lp of a negative), by quadrature."""
    if effect == 0:
        return 0.5
    nodes, weights = _normal_grid(predictor_sd(effect))
    positive = weights * expit(intercept(effect) + nodes)
    negative = weights - positive
    below = np.cumsum(negative) - negative / 2
    return float(positive @ below / (positive.sum() * negative.sum()))


def _normal_grid(sd: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    quantiles = (np.arange(4_000) + 0.5) / 4_000
    return sd * norm.ppf(quantiles), np.full(quantiles.size, 1 / quantiles.size)


def sample_auc(patients: pd.DataFrame) -> pd.DataFrame:
    """AUC of the true probability in the sample, per centre and over all."""
    parts = {"all": patients, **dict(tuple(patients.groupby("center", sort=True)))}
    rows = []
    for center, part in parts.items():
        positive = part["outcome"] == 1
        n, n_events = len(part), int(positive.sum())
        auc = np.nan
        if 0 < n_events < n:
            wins = mannwhitneyu(part.loc[positive, "probability"], part.loc[~positive, "probability"]).statistic
            auc = wins / (n_events * (n - n_events))
        rows.append((center, auc, n, n_events))
    return pd.DataFrame(rows, columns=["center", "auc", "n", "n_events"]).set_index("center")
