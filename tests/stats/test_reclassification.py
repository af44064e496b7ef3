"""NRI and IDI against Hmisc and nricens, counting by hand, and bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radiokit.exceptions import InputError, OutcomeError
from radiokit.stats import integrated_discrimination, net_reclassification, reclassification_table
from radiokit.utils import as_survival_target


@pytest.fixture(scope="module")
def oracle(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "oracles/values/shared_02_reclass.json").read_text())["results"]


@pytest.fixture(scope="module")
def data(shared: Path) -> pd.DataFrame:
    return pd.read_csv(shared / "oracles/data/shared_reclass.csv", float_precision="round_trip")


@pytest.fixture(scope="module")
def survival(shared: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = pd.read_csv(shared / "oracles/data/shared_reclass_surv.csv", float_precision="round_trip")
    return as_survival_target(data["event"], data["time"]), data["p_old"].to_numpy(), data["p_new"].to_numpy()


def test_parts_are_improveprobs(oracle: dict[str, Any], data: pd.DataFrame) -> None:
    want = oracle["improveProb"]["value"]
    result = net_reclassification(data["y"], data["p_old"], data["p_new"])
    assert (result.se_events, result.se_nonevents) == pytest.approx((want["se.nri.ev"], want["se.nri.ne"]), rel=1e-10)
    assert (result.up_events, result.up_nonevents) == pytest.approx((want["pup.ev"], want["pup.ne"]), rel=1e-12)
    gain = integrated_discrimination(data["y"], data["p_old"], data["p_new"])
    got = (gain.gain_events, gain.gain_nonevents)
    assert got == pytest.approx((want["improveSens"], want["improveSpec"]), rel=1e-10)


@pytest.mark.parametrize(("key", "cutoffs"), [("surv.nricens.cat.km", [0.2, 0.5]), ("surv.nricens.diff0.km", None)])
def test_survival_parts_are_nricens(oracle: dict[str, Any], survival: Any, key: str, cutoffs: Any) -> None:
    want = oracle[key]["value"]["columns"]["Estimate"]
    r = net_reclassification(*survival, cutoffs=cutoffs, time=365, n_bootstraps=0)
    got = [r.nri, r.nri_events, r.nri_nonevents, r.up_events, r.down_events, r.down_nonevents, r.up_nonevents]
    np.testing.assert_allclose(got, want, rtol=1e-9)
    assert math.isnan(r.se)


def test_survival_error_is_a_repeatable_bootstrap(survival: Any) -> None:
    y, old, new = survival
    one, two = (net_reclassification(y, old, new, time=365, n_bootstraps=200, random_state=seed).se for seed in (0, 0))
    assert one == two
    uncensored = as_survival_target(np.ones(y.size), y["time"])
    boot = net_reclassification(uncensored, old, new, time=365, n_bootstraps=500, random_state=1)
    closed = net_reclassification(y["time"] <= 365, old, new)
    assert boot.nri == pytest.approx(closed.nri, rel=1e-9)
    assert boot.se == pytest.approx(closed.se, rel=0.15)


def test_table_counts_the_moves_of_the_nri(data: pd.DataFrame) -> None:
    y, old, new = (data[c].to_numpy() for c in ("y", "p_old", "p_new"))
    table = reclassification_table(y, old, new, cutoffs=[0.2, 0.5])
    assert table["n"].sum() == y.size
    assert table["n_events"].sum() == y.sum()
    levels = list(dict.fromkeys(table["old"]))
    up = table["new"].map(levels.index) > table["old"].map(levels.index)
    result = net_reclassification(y, old, new, cutoffs=[0.2, 0.5])
    assert table.loc[up, "n_events"].sum() / y.sum() == pytest.approx(result.up_events)
    edge = reclassification_table([1, 1], [0.2, 0.5], [0.2, 0.5], cutoffs=[0.2, 0.5])
    assert edge.loc[edge["n"] > 0, "old"].tolist() == ["[0.2, 0.5)", "[0.5, 1]"]


def test_exchange_of_models_turns_the_sign(data: pd.DataFrame) -> None:
    there = net_reclassification(data["y"], data["p_old"], data["p_new"])
    back = net_reclassification(data["y"], data["p_new"], data["p_old"])
    assert (back.nri, back.se) == pytest.approx((-there.nri, there.se))
    gain = integrated_discrimination(data["y"], data["p_new"], data["p_old"])
    assert gain.idi == pytest.approx(-integrated_discrimination(data["y"], data["p_old"], data["p_new"]).idi)


def test_nothing_moved_has_no_test() -> None:
    y, p = [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.8]
    result = net_reclassification(y, p, p)
    assert (result.nri, result.se) == (0, 0)
    assert math.isnan(result.statistic)  # as Hmisc::improveProb
    assert math.isnan(integrated_discrimination(y, p, p).p_value)


def test_bad_input() -> None:
    y, p = [0, 1, 1], [0.1, 0.5, 0.9]
    for cutoffs in ([0.5, 0.2], [0.0], [], [[0.5]]):
        with pytest.raises(InputError, match="cutoffs"):
            net_reclassification(y, p, p, cutoffs=cutoffs)
    with pytest.raises(InputError, match="time="):
        net_reclassification(y, p, p, time=3)
    with pytest.raises(InputError, match="time="):
        net_reclassification(as_survival_target(y, [1, 2, 3]), p, p)
    with pytest.raises(InputError, match="new has 1 values outside"):
        net_reclassification(y, p, [0.1, 0.2, 2])
    with pytest.raises(OutcomeError, match="one class"):
        integrated_discrimination([1, 1, 1], p, p)
