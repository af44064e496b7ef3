"""Networks on images whose best possible AUC is known; seeds, kills, files, missing sequences, companies."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score

pytest.importorskip("torch", reason="the extra deep is not installed")
pytest.importorskip("monai", reason="the extra deep is not installed")

from planted_images import NOISE, SIZE, classifier, ideal_auc, images, template

from radiokit.deep import (
    Augmentation,
    Crop,
    DeepClassifier,
    DeepSurvival,
    Network,
    Training,
    attribution_map,
)
from radiokit.exceptions import DataWarning, FileError, InputError, OutcomeError, ParameterError
from radiokit.stats import concordance_index, kaplan_meier
from radiokit.utils import as_survival_target

STRENGTH = 3.0


@pytest.fixture(scope="module")
def fitted() -> DeepClassifier:
    X, y = images(240, STRENGTH, seed=0)
    return classifier().fit(X, y)


def test_between_a_floor_and_the_ideal_observer(fitted) -> None:
    X, y = images(600, STRENGTH, seed=1)
    found, ideal = roc_auc_score(y, fitted.decision_function(X)), ideal_auc(STRENGTH)
    error = np.sqrt(ideal * (1 - ideal) / 240)
    assert 0.88 < found < ideal + 3 * error


def test_probabilities_are_of_the_training_prevalence(fitted) -> None:
    """The loss is balanced; the log-odds are put back."""
    X, y = images(400, STRENGTH, seed=2)
    p = fitted.predict_proba(X)[:, 1]
    assert p.mean() == pytest.approx(y.mean(), abs=0.08)
    assert fitted._learnt.network.offset == pytest.approx(np.log(0.6 / 0.4), abs=1e-9)
    assert (fitted.predict(X) == (p > 0.5)).all()


def test_permuted_labels_give_one_half() -> None:
    X, y = images(80, STRENGTH, seed=3)
    rng = np.random.default_rng(0)
    Xt, yt = images(200, STRENGTH, seed=4)
    scores = [
        roc_auc_score(
            yt,
            classifier(2, training={"patience": None})
            .set_params(random_state=k)
            .fit(X, rng.permutation(y))
            .decision_function(Xt),
        )
        for k in range(4)
    ]
    assert abs(np.mean(scores) - 0.5) < 0.17


def test_one_seed_gives_one_network(fitted) -> None:
    X, y = images(48, STRENGTH, seed=5)
    first, second, other = (classifier(2).set_params(random_state=s).fit(X, y) for s in (7, 7, 8))
    assert first._learnt.network.weights == second._learnt.network.weights
    assert first._learnt.network.weights != other._learnt.network.weights
    assert (first.history_.to_numpy() == second.history_.to_numpy()).all()
    import torch

    torch.manual_seed(3)
    before = torch.rand(1)
    torch.manual_seed(3)
    classifier(1).fit(X, y)
    assert torch.rand(1) == before, "fit disturbs the user's generator"


def test_a_case_is_scored_alike_in_any_company(fitted) -> None:
    X, _ = images(12, STRENGTH, seed=6)
    whole = fitted.decision_function(X)
    alone = np.concatenate([fitted.decision_function(X[i : i + 1]) for i in range(12)])
    assert (whole == alone).all()
    assert (fitted.decision_function(X[::-1]) == whole[::-1]).all()


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from planted_images import classifier, images
X, y = images(48, 3.0, seed=5)
model = classifier(6, training={{"checkpoint": sys.argv[1]}}).fit(X, y)
"""


def test_killed_and_resumed_is_the_uninterrupted_run(tmp_path: Path) -> None:
    X, y = images(48, STRENGTH, seed=5)
    whole = classifier(6).fit(X, y)
    script = KILLED.format(tests=str(Path(__file__).parents[1]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=environment)
    while not list(tmp_path.glob("*.pt")):
        assert child.poll() is None, "the child ended before its first checkpoint"
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    (kept,) = tmp_path.glob("*.pt")
    import torch

    reached = torch.load(kept, weights_only=True)["progress"]["epoch"]
    assert 1 <= reached <= 6
    resumed = classifier(6, training={"checkpoint": tmp_path}).fit(X, y)
    assert resumed._learnt.network.weights == whole._learnt.network.weights
    assert (resumed.history_.to_numpy() == whole.history_.to_numpy()).all()
    kept.write_bytes(kept.read_bytes()[:1000])
    with pytest.raises(FileError, match="damaged"):
        classifier(6, training={"checkpoint": tmp_path}).fit(X, y)


def test_half_the_epochs_then_all_is_not_another_schedule(tmp_path: Path) -> None:
    """Another number of epochs is another schedule: its checkpoint has another name."""
    X, y = images(32, STRENGTH, seed=5)
    for epochs in (1, 2):
        classifier(epochs, training={"checkpoint": tmp_path}).fit(X, y)
    assert len(list(tmp_path.glob("*.pt"))) == 2


def test_survives_pickle_clone_and_its_own_file(fitted, tmp_path: Path) -> None:
    X, _ = images(5, STRENGTH, seed=6)
    expected = fitted.predict_proba(X)
    assert (pickle.loads(pickle.dumps(fitted)).predict_proba(X) == expected).all()
    copy = clone(fitted)
    assert not copy.__sklearn_is_fitted__() and repr(copy) == repr(fitted)
    fitted.save(tmp_path / "model.json")
    assert (DeepClassifier.load(tmp_path / "model.json").predict_proba(X) == expected).all()
    with pytest.raises(FileError, match="required: a DeepSurvival"):
        DeepSurvival.load(tmp_path / "model.json")


def test_a_tampered_file_is_refused(fitted, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    fitted.save(path)
    document = json.loads(path.read_text())
    weights = document["content"]["network"]["weights"]
    document["content"]["network"]["weights"] = ("B" if weights[100] == "A" else "A").join(
        [weights[:100], weights[101:]]
    )
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match="was changed after it was written"):
        DeepClassifier.load(path)
    with pytest.raises(FileError, match="weights of the network were changed"):
        DeepClassifier.from_dict(document["content"])
    path.write_bytes(pickle.dumps(os.getcwd))
    with pytest.raises(FileError, match="no deep model"):
        DeepClassifier.load(path)
    broken = fitted.to_dict()
    broken["network"]["plan"]["channels"] = 2
    with pytest.raises(FileError, match="do not fit the network"):
        DeepClassifier.from_dict(broken).predict(images(2, 1.0, seed=0)[0])


def test_attribution_lies_where_the_signal_was_planted(fitted) -> None:
    """More than its share of the map is inside, and more than in the mirror images of the region."""
    X, y = images(60, STRENGTH, seed=8)
    inside = template()[0] > template().max() * np.exp(-2)
    for method, least in (("gradcam", 1.4), ("hirescam", 1.7), ("occlusion", 1.7)):
        maps = [attribution_map(fitted, x, method=method).array for x in X[y == 1][:16]]
        assert maps[0].shape == (1, SIZE, SIZE)
        heat = np.maximum(np.mean(maps, axis=0), 0)[0]
        assert heat[inside].sum() / heat.sum() > least * inside.mean(), method
        for mirrored in (inside[::-1], inside[:, ::-1], inside[::-1, ::-1]):
            assert heat[inside].sum() > 1.1 * heat[mirrored].sum(), method
    assert not fitted._learnt.network.module("cpu").trunk.layer("layer1")._forward_hooks
    pickle.dumps(fitted)


def test_attribution_is_in_units_of_the_score(fitted) -> None:
    """The last layer is averaged and weighed linearly: its map is what each cell adds to the score."""
    X, _ = images(1, STRENGTH, seed=9)
    network = fitted._learnt.network.module("cpu")
    import torch

    image = network.standardise(torch.from_numpy(X), torch.ones(1, 1))
    features = network.trunk.trunk.feature_map(image[:, :, 0], "layer4").detach().numpy()[0]
    weights = network.head.weight.detach().numpy()[0]
    by_hand = np.maximum((features * weights[:, None, None]).sum(axis=0) / features[0].size, 0)
    heat = attribution_map(fitted, X[0], layer="layer4").array[0]
    assert heat.max() == pytest.approx(by_hand.max(), rel=1e-5)
    assert np.unique(heat.round(6)).size >= np.unique(by_hand.round(6)).size
    with pytest.raises(ParameterError, match="layer='x'"):
        attribution_map(fitted, X[0], layer="x")
    with pytest.raises(InputError, match="2 cases"):
        attribution_map(fitted, pd.DataFrame({"patch": list(np.repeat(X, 2, axis=0))}))


def test_bad_patches_are_refused(fitted) -> None:
    X, y = images(20, STRENGTH, seed=0)
    X[3, 0, 0, 2, 2] = np.nan
    with pytest.raises(InputError, match="case 3: the patch holds NaN"):
        fitted.predict(X)
    with pytest.raises(InputError, match=r"have shape \(1, 1, 16, 15\)"):
        fitted.predict(X[..., :-1])
    with pytest.raises(InputError, match=r"X has shape \(20, 3\)"):
        classifier(1).fit(np.zeros((20, 3)), y)
    with pytest.raises(InputError, match="y has 19 values"):
        classifier(1).fit(X, y[:-1])
    with pytest.raises(OutcomeError, match="one class only"):
        classifier(1).fit(X, np.zeros(20))
    with pytest.raises(InputError, match="diverged"):
        classifier(2, training={"learning_rate": 1e30}).fit(np.nan_to_num(X), y)


def test_a_missing_sequence_goes_by_the_declared_rule() -> None:
    X, y = images(60, STRENGTH, seed=0, channels=2)
    X[5, 1] = np.nan
    with pytest.raises(InputError, match=r"case 5 lacks channel 1 \(1 of 60"):
        classifier(1).fit(X, y)
    X[::3, 1] = np.nan
    model = classifier(1, crop=Crop(missing="zero")).fit(X, y)
    assert model._learnt.network.plan.flags == 2
    other = np.nan_to_num(X, nan=0.0)
    assert (model.decision_function(X)[::3] != model.decision_function(other)[::3]).all(), "the flag is not seen"
    X[4] = np.nan
    with pytest.raises(InputError, match="case 4 has no image at all"):
        model.predict(X)


def clinical_cases(n: int, seed: int, strength: float = 2.0) -> tuple[pd.DataFrame, np.ndarray]:
    """A table with patches and a covariate of the same strength, independent given the outcome."""
    X, y = images(n, strength, seed=seed)
    rng = np.random.default_rng(seed + 100)
    table = pd.DataFrame({"patch": list(X), "cea": rng.normal(size=n) + strength * y, "sex": rng.choice(["f", "m"], n)})
    table.loc[0, "cea"] = np.nan
    return table, y


def test_late_fusion_weighs_scores_that_the_network_has_not_seen() -> None:
    """Image and covariate are equally strong: in-sample scores would get nearly all the weight."""
    table, y = clinical_cases(200, seed=0)
    model = classifier(7, clinical=["cea", "sex"], cv=2).fit(table, y)
    test, truth = clinical_cases(300, seed=1)
    deep = model._learnt.network.score(model._prepared(test)[0], model.training)
    both, image = roc_auc_score(truth, model.decision_function(test)), roc_auc_score(truth, deep)
    alone = roc_auc_score(truth, test["cea"].fillna(0))
    ideal = ideal_auc(np.sqrt(2) * 2.0)
    assert max(image, alone) + 0.01 < both < ideal + 0.03
    assert model.coef_.index.tolist() == ["deep", "cea", "sex=m"]
    honest = roc_auc_score(y, model.cross_fitted_)
    seen = roc_auc_score(y, model._learnt.network.score(model._prepared(table)[0], model.training))
    assert honest < seen
    assert model.coef_["cea"] > 1.0 and model.coef_["deep"] > 0.1
    again = DeepClassifier.from_dict(json.loads(json.dumps(model.to_dict())))
    assert (again.predict_proba(test[:9]) == model.predict_proba(test[:9])).all()


@pytest.mark.parametrize("fusion", ["concat", "film"])
def test_fusion_inside_the_network(fusion: str) -> None:
    table, y = clinical_cases(120, seed=0)
    model = classifier(5, clinical=["cea"], fusion=fusion).fit(table, y)
    test, truth = clinical_cases(150, seed=1)
    shuffled = test.assign(cea=test["cea"].sample(frac=1, random_state=0).to_numpy())
    found, without = (roc_auc_score(truth, model.decision_function(t)) for t in (test, shuffled))
    assert found > 0.75 and found > without
    again = DeepClassifier.from_dict(json.loads(json.dumps(model.to_dict())))
    assert (again.predict_proba(test[:9]) == model.predict_proba(test[:9])).all()


def survival_cases(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    X, y = images(n, STRENGTH, seed=seed)
    rng = np.random.default_rng(seed + 50)
    age = rng.normal(size=n)
    lp = 1.5 * (y - 0.4) + 0.7 * age
    time_ = np.ceil(rng.exponential(10 * np.exp(-lp)))  # whole months: ties
    censored = rng.uniform(5, 40, size=n)
    return (
        pd.DataFrame({"patch": list(X), "age": age}),
        as_survival_target(time_ <= censored, np.minimum(time_, censored)),
        lp,
    )


def test_survival_orders_times_and_predicts_them() -> None:
    table, y, _ = survival_cases(160, seed=0)
    base = classifier(6)
    model = DeepSurvival(base.backbone, clinical=["age"], cv=2, training=base.training, random_state=0).fit(table, y)
    test, truth, ideal = survival_cases(200, seed=1)
    risk = model.predict(test)
    found, best = concordance_index(truth, risk).estimate, concordance_index(truth, ideal).estimate
    assert 0.63 < found < best + 0.02
    curves = model.predict_survival(test, [0, 6, 12, 1000])
    assert curves.shape == (200, 4) and np.isnan(curves[:, 3]).all() and (curves[:, 0] == 1).all()
    order = np.argsort(risk)
    assert (np.diff(curves[order, 1]) <= 0).all()
    observed = kaplan_meier(truth).query("time <= 6")["survival"].iloc[-1]
    assert curves[:, 1].mean() == pytest.approx(observed, abs=0.1)
    again = DeepSurvival.from_dict(json.loads(json.dumps(model.to_dict())))
    assert (again.predict_survival(test[:9], [6]) == curves[:9, 1:2]).all()
    with pytest.raises(OutcomeError, match="none of 160 cases has an event"):
        model.fit(table, as_survival_target(np.zeros(160), y["time"]))


def test_inside_scikit_learn_nested_cv_and_fusion(tmp_path: Path) -> None:
    from radiokit.models import FusionClassifier
    from radiokit.validation import nested_cv

    X, y = images(60, STRENGTH, seed=0)
    small = classifier(1, training={"patience": None})
    assert len(cross_val_score(small, X, y, cv=2, scoring="roc_auc")) == 2
    table = pd.DataFrame({"patch": list(X), "age": np.arange(60.0) % 7})
    assert nested_cv(small, table[["patch"]], y, outer=2, random_state=0, cache=tmp_path).predictions.n == 60
    fusion = FusionClassifier({"deep": (small, ["patch"])}, clinical=["age"], cv=2, random_state=0).fit(table, y)
    assert fusion.final_columns_ == ["deep", "age"] and fusion.predict_proba(table).shape == (60, 2)


def test_patients_are_kept_whole_when_training_is_stopped() -> None:
    X, y = images(40, STRENGTH, seed=0)
    table = pd.DataFrame({"patch": list(np.repeat(X, 2, axis=0)), "patient": np.repeat(np.arange(40), 2)})
    seen = {}
    from radiokit.deep import _cohort

    original = _cohort.stopping_split

    def spy(loss, rows, groups, *args, **kwargs):
        seen["groups"] = groups
        return original(loss, rows, groups, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_cohort, "stopping_split", spy)
        classifier(1, training={"groups": "patient"}).fit(table, np.repeat(y, 2))
    assert len(np.unique(seen["groups"])) == 40
    with pytest.raises(InputError, match="no column 'nobody'"):
        classifier(1, training={"groups": "nobody"}).fit(table, np.repeat(y, 2))


def test_few_cases_train_without_early_stopping_and_say_so() -> None:
    X, _ = images(5, STRENGTH, seed=0)
    with pytest.warns(DataWarning, match="none can be spared"):
        model = classifier(2).fit(X, np.arange(5) == 0)
    assert len(model.history_) == 2 and model.predict(X[:1]).shape == (1,)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (Network("resnet_small"), (17, 12, 13)),
        (Network("resnet_small", norm="group", stride=1), (8, 8, 8)),
        (Network("resnet_small", dimension="2.5D"), (3, 16, 16)),
        (Network("densenet121", dimension="2D"), (1, 32, 32)),
        (Network("resnet10", dimension="2D"), (1, 16, 16)),
    ],
)
def test_every_network_trains_on_a_batch_too_many(network: Network, shape: tuple[int, int, int]) -> None:
    """9 cases in batches of 4: none is left alone with batch normalisation; all augmentations at once."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 2, *shape)).astype(np.float32)
    training = Training(epochs=1, batch_size=4, patience=None, augmentation=Augmentation())
    model = DeepClassifier(network, training=training, random_state=0).fit(X, np.arange(9) % 2)
    assert np.isfinite(model.predict_proba(X)).all() and np.isfinite(model.history_["loss"]).all()
    assert attribution_map(model, X[0]).shape == shape
    assert attribution_map(model, X[0], method="occlusion").shape == shape


def test_augmentation_moves_masks_and_leaves_their_values() -> None:
    import torch

    from radiokit.deep._augment import augment
    from radiokit.deep._inputs import Patches

    X = torch.zeros(3, 2, 8, 12, 16)
    X[:, :, 2:5, 3:7, 4:10] = 1.0
    about = Patches((3.0, 1.0, 1.0), (True, False))
    seeds = [(0, 0, k) for k in range(3)]
    still = augment(X, seeds, Augmentation(flips="", rotation=0, scale=0, shift=0, gain=0, noise=0), about)
    assert torch.allclose(still, X, atol=1e-5)
    moved = augment(X, seeds, Augmentation(), about)
    assert moved[:, 1].min() >= 0 and moved[:, 1].max() <= 1 + 1e-6
    assert not torch.allclose(moved[0, 1], moved[1, 1])
    assert torch.equal(moved[1:2], augment(X[1:2], seeds[1:2], Augmentation(), about)), "a sample depends on its batch"
    flipped = augment(X, seeds, Augmentation(flips="z", rotation=0, scale=0, shift=0, gain=0, noise=0), about)
    assert all(
        torch.allclose(f, x, atol=1e-5) or torch.allclose(f, x.flip(1), atol=1e-5)
        for f, x in zip(flipped, X, strict=True)
    )


def test_settings_say_what_is_wrong() -> None:
    for kwargs in ({"epochs": 0}, {"batch_size": 1}, {"validation": 1.0}, {"class_weight": "x"}, {"ties": "exact"}):
        with pytest.raises(ParameterError, match=next(iter(kwargs))):
            Training(**kwargs)
    with pytest.raises(ParameterError, match="missing"):
        Crop(missing="mean")
    with pytest.raises(ParameterError, match="fusion"):
        classifier(1, fusion="early").fit(*images(8, 1.0, seed=0))
    with pytest.raises(ParameterError, match="backbone='vgg'"):
        DeepClassifier("vgg").fit(*images(8, 1.0, seed=0))
    assert NOISE.noise == 0.5


def test_attribution_of_a_case_lies_on_its_image() -> None:
    """A bright ball off the centre of the crop, on an anisotropic grid, turned over in its file."""
    from radiokit.io import Mask, Volume

    rng = np.random.default_rng(0)
    z, y, x = np.indices((12, 30, 30))
    ball = ((3 * (z - 4)) ** 2 + (y - 10) ** 2 + (x - 19) ** 2) < 36
    region = np.zeros((12, 30, 30), dtype=bool)
    region[1:11, 3:27, 3:27] = True
    truth = np.arange(48) % 2
    turned = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
    grid = {"spacing": (3.0, 1.0, 1.0), "origin": (5.0, 100.0, -7.0), "direction": turned}
    table = pd.DataFrame(
        {
            "image": [Volume(rng.normal(size=ball.shape) + 4 * ball * event, **grid) for event in truth],
            "mask": [Mask(region, **grid) for _ in truth],
        }
    )
    crop = Crop(size=(12, 12, 12), spacing=(3.0, 2.5, 2.5))
    training = Training(epochs=4, batch_size=8, learning_rate=3e-3, patience=None, augmentation=None)
    model = DeepClassifier(Network("resnet_small", stride=1), crop=crop, training=training, random_state=0)
    model.fit(table, truth)
    heat = np.mean([attribution_map(model, table.iloc[[i]], method="occlusion").array for i in (1, 3, 5)], axis=0)
    found = attribution_map(model, table.iloc[1], method="gradcam")
    assert found.shape == (12, 30, 30) and found.spacing == (3.0, 1.0, 1.0) and found.direction == turned
    heat = np.maximum(heat, 0)
    assert heat[ball].mean() > 3 * heat.mean()
    assert heat[ball].mean() > 2 * heat[:, ::-1][ball].mean(), "the map is turned over"
    assert heat[ball].mean() > 2 * heat[:, :, ::-1][ball].mean(), "the map is turned over"
