"""Figures that the report of a study does not hold."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from radiokit.plotting import CalibrationDisplay, DecisionCurveDisplay, Display, style
from radiokit.study import StudyResult


def save(drawn: Display, path: Path) -> None:
    drawn.save(path, dpi=150)
    drawn.close()


def by_hospital(result: StudyResult, center: pd.Series, models: list[str], folder: Path) -> None:
    """Draw decision curves of the frozen models, and the calibration of the last, in each external hospital."""
    external = result.predictions[result.predictions["cohort"] == "external"]
    external = external[external["model"].isin(models)].assign(center=external["case_id"].map(center))
    hospitals = dict(tuple(external.groupby("center")))
    for name, height, draw in (("decision_curves", 3.0, _decisions), ("calibration", 3.8, _calibration)):
        with style():
            figure, axes = plt.subplots(1, len(hospitals), figsize=(3.6 * len(hospitals), height), layout="constrained")
        for ax, (hospital, part) in zip(np.atleast_1d(axes), hospitals.items(), strict=True):
            wide = part.pivot(index="case_id", columns="model", values="probability")[models]
            y = part.drop_duplicates("case_id").set_index("case_id")["y_true"].loc[wide.index].astype(int)
            draw(y, wide, ax)
            ax.set_title(f"Hospital {hospital}: {y.sum()} of {len(y)} with the outcome", fontsize=8)
        figure.savefig(folder / "figures" / f"{name}_by_hospital.png", dpi=120)
        plt.close(figure)


def _decisions(y: pd.Series, probabilities: pd.DataFrame, ax: plt.Axes) -> None:
    DecisionCurveDisplay.from_predictions(y, probabilities, thresholds=np.linspace(0.1, 0.8, 36)).plot(ax=ax)


def _calibration(y: pd.Series, probabilities: pd.DataFrame, ax: plt.Axes) -> None:
    CalibrationDisplay.from_predictions(y, probabilities.iloc[:, [-1]], bins=4).plot(ax=ax)
