"""CPU seconds of every selector on 200 cases and 5,000 correlated features.

    python benchmarks/bench_selection.py [--json FILE] [--features 5000] [--only NAME ...]

Features come in blocks as texture features do, two of them drive the outcome. CPU time counts all threads, so that a
loaded machine does not change it. Where R with glmnet and survival is installed, its own time for the same work is
printed beside (``cv.glmnet`` with the same folds; a loop of ``coxph``), with the largest difference of the results.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import PredefinedSplit

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

CASES = 200
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


def measure(selector: Any, X: pd.DataFrame, y: Any) -> tuple[float, Any]:
    """CPU seconds of one fit, after a first on few features that compiles what is compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clone = type(selector)(**selector.get_params(deep=False))
        clone.fit(X.iloc[:, :20], y)
        start = time.process_time()
        fitted = selector.fit(X, y)
        return time.process_time() - start, fitted


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--features", type=int, default=5000)
    parser.add_argument("--only", nargs="+", help="selectors whose name holds one of these words")
    arguments = parser.parse_args()
    made = make_feature_table(
        CASES, n_features=arguments.features, n_informative=2, block=25, effect=1.5, random_state=0
    )
    repeat = made.X + 0.3 * np.random.default_rng(0).normal(size=made.X.shape)
    rows = []
    for name, (selector, survival) in selectors(repeat).items():
        if arguments.only and not any(word in name for word in arguments.only):
            continue
        seconds, fitted = measure(selector, made.X, made.survival if survival else made.y)
        row = {"selector": name, "cpu_s": seconds, "kept": int(np.sum(fitted.get_support())), "r_cpu_s": np.nan}
        if name in PEERS:
            script, values = PEERS[name]
            theirs = in_r(script, made.X, made.y, made.survival)
            if theirs is not None:
                row |= {"r_cpu_s": theirs[0], "largest_difference": float(np.nanmax(abs(values(fitted) - theirs[1])))}
        rows.append(row)
        print(" ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
