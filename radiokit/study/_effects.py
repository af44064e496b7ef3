"""Each predictor alone and all together, the points of the nomogram, and the tests of proportional hazards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiokit import nomogram as points
from radiokit.models import LogisticModel
from radiokit.nomogram.source import ModelNumbers
from radiokit.study._cohort import Patients
from radiokit.study._endpoint import Endpoint, Modelled
from radiokit.study._missing import present
from radiokit.study._tables import joined
from radiokit.survival import CoxModel, proportional_hazards_test

INFERENCE = ("se", "statistic", "p_value", "ci_low", "ci_high")


def effect_tables(endpoint: Endpoint, data: Patients, level: float) -> dict[str, pd.DataFrame]:
    """Return univariable and multivariable models of all predictors (scores cross-fitted), and the points of each.

    Of a survival outcome also the hazard ratios and the test of proportional hazards of every model.
    """
    final = {m: f for m in endpoint.models if (f := final_of(m, level)) is not None}
    summaries = {m: _counted(f.summary_, m, data) for m, f in final.items()}
    tables = {}
    main = endpoint.main
    if main in final:
        tables["univariable"] = _labelled(univariable(main, final[main], data, level), main)
        tables["multivariable"] = _labelled(summaries[main].drop(index="Intercept", errors="ignore"), main)
        tables |= _points(main)
    if endpoint.survival:
        tables["cox"] = joined((_labelled(t, m) for m, t in summaries.items()), "model", "feature")
        tests = {m: proportional_hazards_test(f, m.stack.design_, _outcome(m)) for m, f in final.items()}
        tables["proportional_hazards"] = joined((_labelled(t, m) for m, t in tests.items()), "model")
    return tables


def univariable(model: Modelled, fitted: Any, data: Patients, level: float) -> pd.DataFrame:
    """Fit each predictor of a model alone, to the training patients in whom it is known: `n` says how many.

    A category is one predictor with a coefficient for each level but the first, against the first. Where those in whom
    it is known are of one value or one outcome, the row has no estimate. The score of a signature has an estimate and
    no inference: its values come from several fits, each on most of the others' patients, and on noise a Wald test of
    them as if they were measured rejects in 15 % of the cohorts at 5 %.
    """
    y = _outcome(model)
    design, terms = model.stack.design_, model.stack.terms_
    parts = []
    for term, columns in zip(terms.terms, terms.slices, strict=True):
        known = _known(str(term.variable), data)
        values, own = design.iloc[:, columns][known], y[known]
        values = values.loc[:, values.nunique() > 1]
        event = own["event"] if own.dtype.names else own
        if values.empty or not event.any() or (event.all() and not own.dtype.names):
            table = pd.DataFrame(
                np.nan, index=pd.Index([str(term.variable)], name="feature"), columns=["coef", "p_value"]
            )
        elif own.dtype.names:
            table = CoxModel(confidence_level=level).fit(values, own).summary_
        else:
            fresh = LogisticModel(firth=bool(fitted.firth), confidence_level=level)
            table = fresh.fit(values, own.astype(int)).summary_.drop(index="Intercept", errors="ignore")
        if str(term.variable) not in data.clinical:
            table[[c for c in INFERENCE if c in table]] = np.nan
        events = int(event.sum())
        parts.append(
            table.assign(variable=str(term.variable), n=len(own), n_events=events, n_missing=int((~known).sum()))
        )
    return pd.concat(parts) if parts else pd.DataFrame()


def _known(variable: str, data: Patients) -> NDArray[np.bool_]:
    """Return which training patients have a value of a clinical column; a score is known of everybody."""
    if variable not in data.clinical:
        return np.ones(int(data.training.sum()), dtype=bool)
    return present(data.X.loc[data.training, variable]).to_numpy()


def _counted(table: pd.DataFrame, model: Modelled, data: Patients) -> pd.DataFrame:
    """Add how many patients a multivariable model has, and of how many a value was imputed."""
    train = model.predictions["training", "train"]
    clinical = [str(t.variable) for t in model.stack.terms_.terms if str(t.variable) in data.clinical]
    complete = np.logical_and.reduce([_known(v, data) for v in clinical]) if clinical else np.ones(train.n, dtype=bool)
    return table.assign(n=train.n, n_events=train.n_events, n_imputed=int((~complete).sum()))


def _outcome(model: Modelled) -> NDArray[Any]:
    return model.predictions["training", "train"].y_true


def final_of(model: Modelled, level: float) -> LogisticModel | CoxModel | None:
    """Return the final model of a model with its inference, or None."""
    return model.stack.final_model(_outcome(model), level)


def _points(model: Modelled) -> dict[str, pd.DataFrame]:
    """Return the points of the model that predicts: its own weights and, for survival, its own baseline hazard.

    A calibration that bends the log-odds cannot be drawn on straight rulers: there is no nomogram then.
    """
    frozen, terms = model.frozen, model.stack.terms_
    if not any(weight for _, weight in frozen.weights) or frozen.calibration is not None:
        return {}
    weights = dict(frozen.weights)
    coef = np.array([weights[name] for name in terms.names])
    source = ModelNumbers(terms, coef, frozen.intercept, model.baseline)
    nomogram = points.Nomogram.from_model(source, times=list(frozen.horizon) or None)
    tables = {"nomogram": nomogram.table, "nomogram_scale": nomogram.scale}
    return {name: joined([table.assign(model=model.name)], "model") for name, table in tables.items()}


def _labelled(table: pd.DataFrame, model: Modelled) -> pd.DataFrame:
    """Return a table with the model first, and a column of features where these were the index."""
    if "feature" not in table.columns:
        table = table.rename_axis("feature").reset_index()
    return joined([table.assign(model=model.name)], "model")
