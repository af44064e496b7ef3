"""The default pipeline as numbers: the frozen score is the pipeline's, tails and gaps included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiokit.models import default_pipeline
from radiokit.study._frozen import Frozen
from radiokit.study._frozen_file import FrozenSignature, load_signature
from radiokit.study._linear import score_of


def test_the_frozen_score_is_the_score_of_the_pipeline(tmp_path) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_t(2, size=(80, 12)), columns=[f"f{j}" for j in range(12)]).assign(flat=1.0)
    X.iloc[::9, 1] = np.nan
    y = (X["f0"] + rng.normal(size=80) > 0).astype(int)
    model = default_pipeline(random_state=0).fit(X, y)
    score = score_of("radiomics", model, X)
    frozen = Frozen("radiomics", "logistic", 0.0, (("radiomics", 1.0),), (score,))
    FrozenSignature(frozen).save(tmp_path / "radiomics.rk")
    far = X * 50
    got = load_signature(tmp_path / "radiomics.rk").predict(far)["probability"]
    np.testing.assert_allclose(got, model.predict_proba(far)[:, 1], atol=1e-12)
    assert len(score.features) == 12
