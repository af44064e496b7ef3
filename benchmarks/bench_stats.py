"""Speed of the statistics beside the usual way in Python, with equality printed.

    python benchmarks/bench_stats.py [--quick] [--records FILE] [--only NAME ...]

A peer that is not installed (the extra `bench`) is left out and said so. Where a peer needs minutes it
runs on a part of the work, which is said in brackets, and its time is scaled up.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from records import Accuracy, Record, installed, parser, report, side_by_side

from radiokit import stats

LARGEST = "largest difference"


def gap(limit: float, part: slice = slice(None)) -> Callable[[object, object], Accuracy | None]:
    """Largest difference of two arrays of results; none where there is no peer."""

    def difference(ours: object, theirs: object) -> Accuracy | None:
        if theirs is None:
            return None
        return Accuracy.difference(LARGEST, np.abs(np.atleast_1d(ours)[part] - np.atleast_1d(theirs)).max(), limit)

    return difference


def scores(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.3
    a = np.round(rng.normal(size=n) + y, 4)
    return y, a, np.round(0.5 * a + rng.normal(size=n), 4)


def textbook_delong(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """z of the paired test from all pairs of positive and negative cases: O(m n) time and memory."""
    placements = []
    for score in (a, b):
        psi = (np.sign(score[y][:, None] - score[~y][None, :]) + 1) / 2
        placements.append((psi.mean(axis=1), psi.mean(axis=0)))
    (va, wa), (vb, wb) = placements
    variance = (va - vb).var(ddof=1) / va.size + (wa - wb).var(ddof=1) / wa.size
    return (va.mean() - vb.mean()) / np.sqrt(variance)


def auc(quick: bool) -> Iterator[Record]:
    from sklearn.metrics import roc_auc_score

    n = 100_000 if quick else 1_000_000
    y, a, _ = scores(n)
    yield side_by_side(
        f"AUC with DeLong interval, {n:,} cases",
        lambda: stats.auc(y, a).auc,
        lambda: roc_auc_score(y, a),
        peer_name="scikit-learn, without interval",
        package="scikit-learn",
        accuracy=gap(1e-12),
    )


def delong(quick: bool) -> Iterator[Record]:
    n = 4_000 if quick else 8_000
    y, a, b = scores(n)
    yield side_by_side(
        f"paired DeLong test, {n:,} cases",
        lambda: stats.delong_test(y, a, b).statistic,
        lambda: textbook_delong(y, a, b),
        peer_name="numpy, all pairs",
        accuracy=gap(1e-9),
    )


def icc(quick: bool) -> Iterator[Record]:
    n_features, part = 2_000, 10 if quick else 50
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(30, 1, n_features))
    cube = truth + rng.normal(size=(30, 3, n_features)) * rng.uniform(0.1, 2, size=n_features)
    subject, rater = (grid.ravel() for grid in np.indices((30, 3)))

    def loop() -> np.ndarray:
        import pingouin

        values = []
        for j in range(part):
            long = pd.DataFrame({"subject": subject, "rater": rater, "value": cube[:, :, j].ravel()})
            table = pingouin.intraclass_corr(long, targets="subject", raters="rater", ratings="value")
            values.append(float(table["ICC"].iloc[1]))
        return np.array(values)

    yield side_by_side(
        f"ICC(2,1) with interval, {n_features:,} features, 30 subjects, 3 raters",
        lambda: stats.icc(cube, form="ICC(2,1)")["icc"].to_numpy(),
        loop if installed("pingouin") else None,
        peer_name="pingouin, a loop",
        package="pingouin",
        accuracy=gap(1e-9, slice(part)),
        part=f"{part} features",
        scale=n_features / part,
    )


def decision(quick: bool) -> Iterator[Record]:
    n = 20_000 if quick else 100_000
    y, a, _ = scores(n)
    p = 1 / (1 + np.exp(-a))
    thresholds = np.arange(1, 100) / 100

    def ours() -> np.ndarray:
        table = stats.decision_curve(y, {"m": p})
        return table.loc[table["model"] == "m", "net_benefit"].to_numpy()

    yield side_by_side(
        f"decision curve, {n:,} cases, 99 thresholds",
        ours,
        lambda: np.array([((p >= t) & y).mean() - ((p >= t) & ~y).mean() * t / (1 - t) for t in thresholds]),
        peer_name="numpy, a loop",
        accuracy=gap(1e-12),
    )


def survival_cases(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    risk = rng.normal(size=n)
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = rng.random(n) < 0.6, np.round(rng.exponential(np.exp(-0.5 * risk)), 3) + 0.001
    return y, np.round(risk, 3)


def cox(quick: bool) -> Iterator[Record]:
    n_features, part = 500 if quick else 2_000, 10 if quick else 20
    y, _ = survival_cases(200)
    X = pd.DataFrame(np.random.default_rng(1).normal(size=(200, n_features))).add_prefix("f")

    def loop() -> np.ndarray:
        from lifelines import CoxPHFitter

        frames = (X[[name]].assign(time=y["time"], event=y["event"]) for name in X.columns[:part])
        options = {"fit_options": {"precision": 1e-10}}
        return np.array([CoxPHFitter().fit(f, "time", "event", **options).params_.iloc[0] for f in frames])

    yield side_by_side(
        f"univariable Cox, {n_features:,} features, 200 cases",
        lambda: stats.cox_univariable(X, y)["coef"].to_numpy(),
        loop if installed("lifelines") else None,
        peer_name="lifelines, a loop",
        package="lifelines",
        accuracy=gap(1e-6, slice(part)),
        part=f"{part} features",
        scale=n_features / part,
    )


def concordance(quick: bool) -> Iterator[Record]:
    n = 5_000 if quick else 20_000
    y, risk = survival_cases(n)

    def peer() -> float:
        from lifelines.utils import concordance_index

        return concordance_index(y["time"], -risk, y["event"])

    yield side_by_side(
        f"C-index with standard error, {n:,} cases",
        lambda: stats.concordance_index(y, risk).estimate,
        peer if installed("lifelines") else None,
        peer_name="lifelines, without",
        package="lifelines",
        accuracy=gap(1e-12),
    )


def maxstat(quick: bool) -> Iterator[Record]:
    from radiokit.engine.maxstat import logrank_scores
    from radiokit.survival import optimal_cutpoint

    n, part, permutations = 300, 5, 1_000
    y, risk = survival_cases(n)
    y["time"] += 1e-6 * np.arange(n)
    low = risk[:, None] <= np.unique(risk)[None, :]
    low = low[:, (low.mean(axis=0) >= 0.1) & (low.mean(axis=0) <= 0.9)]

    def largest(scores: np.ndarray) -> float:
        found = []
        for group in low.T:
            m, sd = group.sum(), scores.std(ddof=1)
            found.append(abs(scores[group].sum() - m * scores.mean()) / (sd * np.sqrt(m * (n - m) / n)))
        return max(found)

    def loop() -> float:
        rng, scores = np.random.default_rng(0), logrank_scores(y["time"], y["event"])
        for _ in range(part):
            largest(rng.permutation(scores))
        return largest(scores)

    options = {"method": "permutation", "n_permutations": permutations, "random_state": 0}
    yield side_by_side(
        f"maximally selected log-rank statistic, {n} cases, {permutations:,} permutations",
        lambda: optimal_cutpoint(y, risk, **options).statistic,
        loop,
        peer_name="numpy, a loop",
        accuracy=gap(1e-9),
        part=f"{part} permutations",
        scale=permutations / (part + 1),
    )


def combat(quick: bool) -> Iterator[Record]:
    from radiokit.harmonization import ComBat

    rng = np.random.default_rng(0)
    n, n_features, n_centers = (200, 500, 4) if quick else (400, 2_000, 5)
    center, age = rng.integers(0, n_centers, n), rng.normal(60, 9, n)
    shift, scale = rng.normal(size=(n_centers, n_features)), rng.uniform(0.5, 2, size=(n_centers, n_features))
    values = rng.normal(size=(n, n_features)) * scale[center] + shift[center] + 0.02 * age[:, None]
    X = pd.DataFrame(values).add_prefix("f").assign(center=center.astype(str), age=age)
    y, model = rng.integers(0, 2, n), ComBat(batch="center", covariates=["age"]).set_output(transform="pandas")

    def peer() -> np.ndarray:
        from neuroCombat import neuroCombat

        covariates = pd.DataFrame({"center": center, "age": age})
        with contextlib.redirect_stdout(io.StringIO()):
            return neuroCombat(values.T, covariates, "center", continuous_cols=["age"])["data"].T

    yield side_by_side(
        f"ComBat, {n_features:,} features, {n} cases, {n_centers} centres",
        lambda: model.fit(X, y).transform(X)[[f"f{j}" for j in range(n_features)]].to_numpy(),
        peer if installed("neuroCombat") else None,
        peer_name="neuroCombat (stops at 1e-4)",
        package="neuroCombat",
        accuracy=gap(1e-3),
    )


def optimism(quick: bool) -> Iterator[Record]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import brier_score_loss, roc_auc_score
    from sklearn.utils import resample

    from radiokit.models import LogisticModel
    from radiokit.validation import optimism_bootstrap

    rng = np.random.default_rng(0)
    n, n_bootstraps, part = 300, 100 if quick else 500, 50
    X = rng.normal(size=(n, 6))
    y = (rng.random(n) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)

    def measure(model: LogisticRegression, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = model.predict_proba(X)[:, 1]
        return np.array([roc_auc_score(y, p), brier_score_loss(y, p)])

    def loop() -> np.ndarray:
        plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        for seed in range(part):
            A, b = resample(X, y, random_state=seed)
            fitted = plain.fit(A, b)
            measure(fitted, A, b) - measure(fitted, X, y)
        return measure(plain.fit(X, y), X, y)

    def ours() -> np.ndarray:
        table = optimism_bootstrap(LogisticModel(), X, y, n_bootstraps=n_bootstraps, random_state=0, n_jobs=1)
        return table.set_index("metric")["apparent"].loc[["auc", "brier"]].to_numpy()

    yield side_by_side(
        f"bootstrap optimism of all indices, {n_bootstraps} resamples, {n} cases",
        ours,
        loop,
        peer_name="scikit-learn, a loop, 2 indices",
        package="scikit-learn",
        accuracy=gap(1e-6),
        part=f"{part} resamples",
        scale=n_bootstraps / part,
    )


TASKS = {f.__name__: f for f in (auc, delong, icc, decision, cox, concordance, maxstat, combat, optimism)}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS), metavar="NAME")
    options = made.parse_args()
    report((row for name in options.only for row in TASKS[name](options.quick)), options.records)


if __name__ == "__main__":
    main()
