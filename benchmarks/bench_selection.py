"""CPU seconds of every selector on 200 cases and 5,000 correlated features.

    python benchmarks/bench_selection.py [--quick] [--records FILE] [--features 5000] [--only NAME ...]

Features come in blocks as texture features do, two of them drive the outcome. Beside it the same work in scikit-learn
or scipy, where there is the same: the accuracy is then the largest difference of the statistics, elsewhere how many of
the two true features (or of their blocks, which correlate with them) are kept. Where R with glmnet and survival is
installed, `--r` prints its own time (``cv.glmnet``, the same folds; a loop of ``coxph``) and the largest difference.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from records import Accuracy, Record, alone, installed, parser, report, side_by_side
from sklearn.base import clone
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import PredefinedSplit
from sklearn.preprocessing import StandardScaler

from radiokit.datasets import make_feature_table
from radiokit.selection import (
    BorutaSelector,
    CorrelationSelector,
    LassoSelector,
    MRMRSelector,
    RecursiveSelector,
    RepeatabilitySelector,
    StabilitySelector,
    UnivariateSelector,
    VarianceSelector,
)

CASES, BLOCK, PART = 200, 25, 20
QUICK = (
    "correlation, Spearman 0.9", "univariate, logistic", "univariate, Cox", "mRMR, 20 features", "LASSO, 10 folds",
    "stability, 100 LASSOs",
)  # fmt: skip
FOLDS = np.arange(CASES) % 10

R_COX = """
library(survival)
d <- read.csv("data.csv"); y <- Surv(d$time, d$event); x <- as.matrix(d[, -(1:3)])
t <- system.time(z <- sapply(seq_len(ncol(x)), function(j) summary(coxph(y ~ x[, j]))$coefficients[4]))
write.csv(data.frame(z = z), "result.csv"); cat(t[1] + t[2])
"""
R_LASSO = """
library(glmnet)
d <- read.csv("data.csv"); x <- as.matrix(d[, -(1:3)]); folds <- scan("folds.txt", quiet = TRUE)
t <- system.time(m <- cv.glmnet(x, d$y, family = "binomial", foldid = folds))
write.csv(data.frame(z = as.numeric(coef(m, s = "lambda.min"))[-1]), "result.csv"); cat(t[1] + t[2])
"""


def selectors(repeat: pd.DataFrame) -> dict[str, tuple[Any, bool]]:
    """Name, selector, and whether the outcome is a survival one."""
    return {
        "variance": (VarianceSelector(), False),
        "repeatability, ICC(2,1)": (RepeatabilitySelector(repeat), False),
        "correlation, Spearman 0.9": (CorrelationSelector(), False),
        "univariate, t or Mann-Whitney": (UnivariateSelector(), False),
        "univariate, logistic": (UnivariateSelector(test="logistic"), False),
        "univariate, Cox": (UnivariateSelector(test="cox"), True),
        "mRMR, 20 features": (MRMRSelector(n_features=20), False),
        "LASSO, 10 folds": (LassoSelector(cv=PredefinedSplit(FOLDS)), False),
        "LASSO (Cox), 10 folds": (LassoSelector(cv=PredefinedSplit(FOLDS)), True),
        "elastic net 0.5, 10 folds": (LassoSelector(cv=PredefinedSplit(FOLDS), l1_ratio=0.5), False),
        "recursive elimination, 5 folds": (RecursiveSelector(random_state=0), False),
        "recursive elimination (Cox), 5 folds": (RecursiveSelector(random_state=0), True),
        "Boruta, 50 forests of 100": (BorutaSelector(random_state=0), False),
        "stability, 100 LASSOs": (StabilitySelector(random_state=0), False),
    }


def fit(selector: Any, X: pd.DataFrame, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(selector).fit(X, y)


def true_blocks(fitted: Any, coefficients: pd.Series) -> Accuracy:
    """How many blocks with a true feature gave a kept one."""
    blocks = np.arange(len(coefficients)) // BLOCK
    kept, true = blocks[fitted.get_support()], set(blocks[coefficients.to_numpy() != 0])
    return Accuracy("true blocks kept", float(len(true & set(kept))), 1.0, 0.0, better="higher")


def spearman_filter(X: pd.DataFrame, y: Any) -> np.ndarray:
    """Of a pair above 0.9 the one of the larger mean correlation goes; pandas and a loop."""
    rho = X.corr("spearman").abs().to_numpy()
    np.fill_diagonal(rho, 0)
    return rho.max(axis=0)


def lasso_path(X: pd.DataFrame, y: Any) -> np.ndarray:
    """The same folds and a path of 100 penalties, by liblinear."""
    scaled = StandardScaler().fit_transform(X)
    strongest = np.abs(scaled.T @ (np.asarray(y) - np.mean(y))).max() / len(y)
    penalties = 1 / (len(y) * np.geomspace(strongest, strongest * 0.01, 20))
    model = LogisticRegressionCV(
        Cs=penalties, cv=PredefinedSplit(FOLDS), l1_ratios=(1.0,), solver="liblinear", scoring="neg_log_loss",
        tol=1e-4, use_legacy_attributes=False,
    )  # fmt: skip
    return np.ravel(model.fit(scaled, y).coef_)


def logistic_loop(X: pd.DataFrame, y: Any) -> np.ndarray:
    """Wald statistics by statsmodels, one feature after the other."""
    import statsmodels.api as sm

    models = (sm.Logit(np.asarray(y), sm.add_constant(X[[name]].to_numpy())) for name in X.columns[:PART])
    return np.array([m.fit(disp=0, tol=1e-10, method="newton").tvalues[1] for m in models])


def in_r(script: str, X: pd.DataFrame, y: pd.Series, survival: Any) -> tuple[float, np.ndarray] | None:
    """CPU seconds and result of R, or None where it is not installed."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        outcome = {"y": y.to_numpy(), "time": survival["time"], "event": survival["event"].astype(int)}
        table = pd.concat([pd.DataFrame(outcome, index=X.index), X], axis=1)
        table.to_csv(Path(folder, "data.csv"), index=False)
        np.savetxt(Path(folder, "folds.txt"), FOLDS + 1, fmt="%d")
        done = subprocess.run(["Rscript", "-e", script], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"R: {done.stderr.strip().splitlines()[-1:]}")
            return None
        return float(done.stdout.split()[-1]), pd.read_csv(Path(folder, "result.csv"))["z"].to_numpy()


PEERS: dict[str, tuple[str, Callable[[Any], np.ndarray]]] = {
    "univariate, Cox": (R_COX, lambda s: s.scores_["statistic"].to_numpy(dtype=float)),
    "LASSO, 10 folds": (R_LASSO, lambda s: s.scores_["coef"].to_numpy(dtype=float)),
}


def measured(name: str, selector: Any, X: pd.DataFrame, y: Any, coefficients: pd.Series) -> Record:
    """One selector, beside its peer where there is one."""
    task = f"{name}; {X.shape[1]:,} features, {len(X)} cases"
    if name not in IN_PYTHON:
        return alone(task, lambda: fit(selector, X, y), lambda fitted: true_blocks(fitted, coefficients))
    peer_name, package, peer, compare, scale = IN_PYTHON[name]
    return side_by_side(
        task,
        lambda: fit(selector, X, y),
        (lambda: peer(X, y)) if installed(package) else None,
        peer_name=peer_name,
        package=package,
        accuracy=lambda fitted, theirs: compare(fitted, theirs, coefficients),
        part="all" if scale is None else f"{PART} features",
        scale=1.0 if scale is None else X.shape[1] / PART,
    )


def same_statistics(fitted: Any, theirs: np.ndarray | None, _: pd.Series) -> Accuracy | None:
    ours = fitted.scores_["statistic"].to_numpy(dtype=float)[:PART]
    if theirs is None:
        return None
    return Accuracy.difference("largest difference", np.abs(np.abs(ours) - np.abs(theirs)).max(), 1e-6)


def still_true(fitted: Any, _: np.ndarray, coefficients: pd.Series) -> Accuracy:
    return true_blocks(fitted, coefficients)


IN_PYTHON: dict[str, tuple[str, str, Callable[..., Any], Callable[..., Accuracy | None], float | None]] = {
    "correlation, Spearman 0.9": ("pandas, the matrix alone", "pandas", spearman_filter, still_true, None),
    "univariate, logistic": ("statsmodels, a loop", "statsmodels", logistic_loop, same_statistics, 1.0),
    "LASSO, 10 folds": ("scikit-learn, 20 penalties, liblinear", "scikit-learn", lasso_path, still_true, None),
}


def beside_r(made: Any, selectors: dict[str, tuple[Any, bool]]) -> None:
    """Time R's own functions, and compare the results."""
    for name, (script, values) in PEERS.items():
        selector, survival = selectors[name]
        theirs = in_r(script, made.X, made.y, made.survival)
        if theirs is None:
            print(f"{name}: R with its packages is not installed")
            continue
        gap = float(np.nanmax(abs(values(fit(selector, made.X, made.survival if survival else made.y)) - theirs[1])))
        print(f"{name}: R takes {theirs[0]:.3g} s CPU, largest difference {gap:.1e}")


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--features", type=int, help="default: 5,000; 1,000 with --quick")
    made.add_argument("--only", nargs="+", help="selectors whose name holds one of these words")
    made.add_argument("--r", action="store_true", help="beside R, where it is installed")
    options = made.parse_args()
    table = make_feature_table(
        CASES,
        n_features=options.features or (1000 if options.quick else 5000),
        n_informative=2,
        block=BLOCK,
        effect=1.5,
        random_state=0,
    )
    repeat = table.X + 0.3 * np.random.default_rng(0).normal(size=table.X.shape)
    every = selectors(repeat)
    chosen = [n for n in every if not options.only or any(word in n for word in options.only)]
    if options.quick and not options.only:
        chosen = [n for n in chosen if n in QUICK]
    outcome = {True: table.survival, False: table.y}
    report(
        (measured(n, every[n][0], table.X, outcome[every[n][1]], table.coefficients) for n in chosen), options.records
    )
    if options.r:
        beside_r(table, every)


if __name__ == "__main__":
    main()
