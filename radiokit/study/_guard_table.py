"""The usual mistakes, each with what was looked at in this run: nothing is called checked that was not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from radiokit import stats
from radiokit.study._cohort import Roles
from radiokit.study._endpoint import Data, Endpoint, Modelled
from radiokit.study._options import Options
from radiokit.study._over_repeats import by_patient
from radiokit.study._pipelines import describe
from radiokit.study._repeatability import TrainingRepeats, repeatability_guard
from radiokit.study._sources import Source
from radiokit.study.deep import is_deep

CHECKED, VIOLATED = "checked", "violated"
NOT_POSSIBLE, NOT_NEEDED, SAID = "not possible", "does not apply", "said aloud"
Line = tuple[str, str, str]


def guard_table(
    endpoints: list[Endpoint],
    data: Data,
    roles: Roles,
    sources: Mapping[str, Source],
    repeats: Mapping[str, TrainingRepeats],
    options: Options,
    tables: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Return a row a mistake: what this run shows of it, and the status.

    ``checked``: looked at in the data of this run and found in order; ``violated``: found not to be; ``does not
    apply``; ``not possible``: this study has not what it takes; ``said aloud``: a limit that the tables mark.
    """
    models = [m for e in endpoints for m in e.models]
    rows = [
        _folds(models, data),
        _steps(models),
        repeatability_guard(sources, repeats, data.X.index[data.training]),
        _cohorts(data, roles),
        _one_row(data, options),
        _cross_fitted(models),
        _cutoffs(endpoints, options),
        _delong(tables),
        _frozen(models, data),
        (
            "the outcome among the predictors",
            f"{data.X.shape[1]} columns were compared with it in any spelling",
            CHECKED,
        ),
        _external(data),
        _baselines(data),
        *_operating_points(tables),
        _confounder(tables, "volume", data.volume is not None, "no volume is known"),
        _confounder(tables, "center", _several_centers(data), "one centre in training, or none named"),
        _settings(sources),
        *_lost(tables),
    ]
    if not (data.cohort != "training").any():
        rows.append(("no patients held out", f"cross-validation by patient, {options.repeats} times", SAID))
    return pd.DataFrame(rows, columns=["guard", "how", "status"])


def _verdict(right: bool) -> str:
    return CHECKED if right else VIOLATED


def _folds(models: list[Modelled], data: Data) -> Line:
    """Look whether each training patient was predicted once a repeat, and never beside a copy in another fold."""
    fits, right = 0, True
    everyone = set(data.X.index[data.training])
    for model in models:
        p = model.cv.predictions
        place = pd.DataFrame({"repeat": p.repeat, "fold": p.fold, "group": p.groups, "id": p.ids})
        fits += len(place[["repeat", "fold"]].drop_duplicates())
        right &= not place.duplicated(["repeat", "id"]).any() and set(p.ids) == everyone
        right &= bool((place.groupby(["repeat", "group"])["fold"].nunique() == 1).all())
    how = f"{fits} fits of whole pipelines in cross-validation; none had a patient that it predicted among its own"
    return "selection before the split", how, _verdict(right)


def _steps(models: list[Modelled]) -> Line:
    guard = "imputation or scaling before the split"
    facts = {
        name: describe(estimator)
        for m in models
        for name, (estimator, _) in dict(m.stack.signatures or {}).items()
        if not is_deep(estimator)
    }
    said = []
    for name, fact in facts.items():
        does = [f"imputes by {fact.imputes}"] if fact.imputes else []
        does += ["standardises"] if fact.scales else []
        said += [f"{name}: {' and '.join(does)}"] if does else []
    clinical = sum(len(m.frozen.clinical) for m in models if m.kind == "clinical")
    said += [f"{clinical} clinical columns: imputed"] if clinical else []
    if not said:
        return guard, "no step imputes or scales", NOT_NEEDED
    return guard, f"inside the pipeline, learnt anew in each fold ({'; '.join(said)})", CHECKED


def _cohorts(data: Data, roles: Roles) -> Line:
    shared = int((data.cohort.groupby(data.group).nunique() > 1).sum())
    by = f"column {roles.groups!r}" if roles.groups else "case ids, for no `groups` were named"
    how = f"{data.group.nunique()} patients (by {by}), {shared} of them in two cohorts"
    return "a patient in training and test", how, _verdict(shared == 0)


def _one_row(data: Data, options: Options) -> Line:
    how = f"{len(data.X)} rows of {data.group.nunique()} patients; rule for several lesions: {options.aggregate}"
    copies = len(data.X) - data.group.nunique()
    if copies:
        how += f"; {copies} rows are copies of others and stay with them"
    return "several lesions counted as patients", how, _verdict(data.X.index.is_unique)


def _cross_fitted(models: list[Modelled]) -> Line:
    """Look whether the scores that the final weights were learnt from differ from those of the refitted signatures."""
    guard = "score fitted and fused on the same patients"
    combined = [m for m in models if m.kind == "combined" and m.stack.design_.shape[1]]
    names = sorted({s.name for m in combined for s in m.frozen.scores if s.name in m.stack.design_})
    if not names:
        return guard, "no model combines scores", NOT_NEEDED
    return guard, f"the scores {', '.join(names)} were cross-fitted before the final model saw them", CHECKED


def _cutoffs(endpoints: list[Endpoint], options: Options) -> Line:
    """Learn each operating point again from out-of-fold scores of training patients, and compare."""
    same = []
    for model in (m for e in endpoints for m in e.models):
        p = by_patient(model.cv.predictions)
        if p.survival:
            same.append(float(np.median(p.risk)) == model.frozen.cut)
        else:
            again = stats.optimal_threshold(p.y_true, p.probability, criterion=options.threshold).value
            same.append(float(np.clip(again, 0.0, 1.0)) == model.frozen.threshold)
    how = f"{sum(same)} of {len(same)} thresholds and cut-offs are those of the out-of-fold scores of training, frozen"
    return "threshold or cut-off chosen on test patients", how, _verdict(all(same))


def _delong(tables: Mapping[str, pd.DataFrame]) -> Line:
    guard = "pooled folds or training scores in DeLong's test"
    tests = [tables[name] for name in ("delong", "concordance_comparison") if name in tables and len(tables[name])]
    if not tests:
        return guard, "no models are compared", NOT_NEEDED
    table = pd.concat(tests, ignore_index=True)
    wrong = (table["source"] == "out-of-fold") & (table["method"] == "delong")
    counts = table["method"].value_counts()
    how = "; ".join(f"{number} comparisons by {method}" for method, number in counts.items())
    return guard, how, _verdict(not wrong.any() and "train" not in set(table["source"]))


def _frozen(models: list[Modelled], data: Data) -> Line:
    """Predict held-out patients with the frozen numbers again; networks, which take minutes, are left out."""
    guard = "calibration or decision curves of a refitted model"
    count, right = 0, True
    for model in models:
        if any(is_deep(estimator) for estimator, _ in dict(model.stack.signatures or {}).values()):
            continue
        for (cohort, source), p in model.predictions.items():
            if source not in ("test", "external"):
                continue
            again = model.frozen.predict(data.X[(data.cohort == cohort).to_numpy()])
            count += p.n
            right &= bool((again["risk" if p.survival else "probability"].to_numpy() == p.score).all())
    if not count:
        return guard, "no patients were held out", NOT_NEEDED
    return (
        guard,
        f"{count} predictions of held-out patients equal those of the frozen files to the bit",
        _verdict(right),
    )


def _external(data: Data) -> Line:
    guard = "a random split called external"
    external = data.cohort == "external"
    if not external.any() or data.center is None:
        return guard, "the word is not used: no centre was held out", NOT_NEEDED
    plain = data.center.astype(str).str.strip().str.casefold()
    shared = set(plain[external]) & set(plain[data.training])
    how = f"{plain[external].nunique()} external centres, {len(shared)} of them with patients in training"
    return guard, how, _verdict(not shared)


def _baselines(data: Data) -> Line:
    volume = "volume alone" if data.volume is not None else "no volume known"
    how = f"{'clinical alone' if data.clinical else 'no clinical columns named'}; {volume}; prevalence"
    known = bool(data.clinical) or data.volume is not None
    return "no clinical or volume baseline", how, CHECKED if known else NOT_POSSIBLE


def _operating_points(tables: Mapping[str, pd.DataFrame]) -> Iterator[Line]:
    performance = tables["performance"]
    rows = performance[(performance["metric"] == "sensitivity") & (performance["source"] == "out-of-fold")]
    if len(rows):
        marked = int(rows["method"].str.contains("optimistic").sum())
        yield "operating point on out-of-fold scores", f"{marked} of {len(rows)} marked optimistic in performance", SAID


def _several_centers(data: Data) -> bool:
    return data.center is not None and data.center[data.training].nunique() > 1


def _confounder(tables: Mapping[str, pd.DataFrame], what: str, known: bool, why_not: str) -> Line:
    column, words = {
        "volume": ("volume_correlation", ("features that are the volume in disguise", "correlation with the volume")),
        "center": ("center_p_value", ("features that are the scanner in disguise", "difference between centres")),
    }[what]
    guard, measure = words
    if not known:
        return guard, why_not, NOT_POSSIBLE
    selected = tables.get("selected", pd.DataFrame())
    features = int(selected[column].notna().sum()) if column in selected else 0
    scores = tables.get("confounding", pd.DataFrame())
    models = int(scores[column].notna().sum()) if column in scores else 0
    if not features + models:
        return guard, f"no {measure} could be computed", NOT_POSSIBLE
    return (
        guard,
        f"{measure} of {features} features and {models} models, in the tables selected and confounding",
        CHECKED,
    )


def _settings(sources: Mapping[str, Source]) -> Line:
    guard = "settings not reported"
    if not sources:
        return guard, "nothing was measured in images", NOT_NEEDED
    known = [name for name, s in sources.items() if s.from_images or s.deep is not None]
    how = f"settings of {len(known)} of {len(sources)} signatures stand in the frozen files"
    if len(known) < len(sources):
        return guard, f"{how}; the others are tables that were computed elsewhere", NOT_POSSIBLE
    return guard, how, CHECKED


def _lost(tables: Mapping[str, pd.DataFrame]) -> Iterator[Line]:
    """Add up the flow: who came in is in a cohort, or stands there with a reason."""
    flow = tables.get("flow", pd.DataFrame())
    if flow.empty:
        return
    cases = flow.set_index("step")["n_patients"]
    came = int(cases.iloc[0])
    kept = int(cases[cases.index.isin(["training", "test", "external"])].sum())
    named = int(flow.loc[flow["step"] == "excluded", "n_patients"].sum())
    # A patient of several cases may lose some of them and stay.
    how = f"{came} patients came in, {kept} are in a cohort, {named} are listed with a reason in the table flow"
    yield "cases lost silently", how, _verdict(kept <= came <= kept + named)
