"""Faults found in use, each with what is right: grids, threads, searches, files, odd weights, borders."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold

torch = pytest.importorskip("torch", reason="the extra deep is not installed")
pytest.importorskip("monai", reason="the extra deep is not installed")

from planted_images import FLAT, classifier, images  # noqa: E402

from radiokit.deep import (  # noqa: E402
    Crop,
    DeepClassifier,
    DeepFeatureExtractor,
    DeepSurvival,
    Network,
    Training,
    Weights,
    build_network,
    patch,
)
from radiokit.deep.reader import Reader  # noqa: E402
from radiokit.exceptions import ExtractionError, FileError, GeometryError, InputError, OutcomeError  # noqa: E402
from radiokit.io import Mask, Volume  # noqa: E402
from radiokit.stats import concordance_index  # noqa: E402
from radiokit.utils import as_survival_target  # noqa: E402

QUICK = Training(epochs=1, patience=None, augmentation=None)


def pairs(n: int = 4, depth: float = 3.0) -> pd.DataFrame:
    """Images of 5 mm slices with masks whose header says `depth`."""
    rng = np.random.default_rng(0)
    region = np.zeros((12, 24, 24), dtype=bool)
    region[5:8, 12:18, 12:18] = True
    rows = [
        {"image": Volume(rng.normal(size=region.shape), (5.0, 1, 1)), "mask": Mask(region, (depth, 1.0, 1.0))}
        for _ in range(n)
    ]
    return pd.DataFrame(rows, index=[f"P{k}" for k in range(n)])


@pytest.mark.parametrize("kind", ["classifier", "survival", "extractor", "prediction"])
def test_a_mask_on_another_grid_is_refused_by_all(kind: str) -> None:
    crop = Crop(size=(3, 8, 8), spacing=(5.0, 1.0, 1.0))
    model = DeepClassifier(Network("resnet_small", stride=1), crop=crop, training=QUICK, random_state=0)
    with pytest.raises(GeometryError, match=r"(?i)case P0: image and mask do not share one grid"):
        if kind == "classifier":
            model.fit(pairs(), [0, 1, 0, 1])
        elif kind == "survival":
            DeepSurvival(model.backbone, crop=crop, training=QUICK).fit(
                pairs(), as_survival_target([True] * 4, [1.0, 2, 3, 4])
            )
        elif kind == "extractor":
            net = build_network("resnet_small").net
            DeepFeatureExtractor(backbone="resnet_small", patch_size=(8, 8, 8), weights=net).extract(pairs())
        else:
            model.fit(pairs(depth=5.0), [0, 1, 0, 1]).predict(pairs())


def test_a_mask_that_serves_two_sequences_lies_on_the_grid_of_one() -> None:
    table = pairs(depth=5.0).rename(columns={"image": "image_ct"})
    table["image_mr"] = [Volume(np.zeros((20, 10, 10)), (3.0, 3.0, 3.0)) for _ in range(4)]
    crop = Crop(size=(3, 8, 8), spacing=(5.0, 1.0, 1.0))
    assert Reader.learn(table, crop, "3D", None).store(table).batch().shape == (4, 2, 3, 8, 8)
    table["mask"] = pairs()["mask"]
    with pytest.raises(GeometryError, match="case P0"):
        Reader.learn(table, crop, "3D", None).store(table)


def test_threads_change_neither_weights_nor_the_state_of_torch() -> None:
    X, y = images(24, 2.0, seed=0)
    shallow = np.random.default_rng(0).normal(size=(8, 1, 6, 12, 12)).astype(np.float32)

    def fit(seed: int, into: dict[int, bytes]) -> None:
        model = classifier(2).set_params(random_state=seed, backbone=Network("resnet_small") if seed > 2 else FLAT)
        model.fit(*((shallow, [0, 1] * 4) if seed > 2 else (X, y)))
        into[seed] = model._learnt.network.weights

    alone: dict[int, bytes] = {}
    beside: dict[int, bytes] = {}
    for seed in range(4):
        fit(seed, alone)
    torch.manual_seed(7)
    before = torch.get_rng_state(), torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    threads = [threading.Thread(target=fit, args=(seed, beside)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert beside == alone
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()) == before[1:]
    assert torch.backends.mkldnn.enabled


def test_the_callers_mode_and_default_type_do_not_count() -> None:
    X, y = images(16, 2.0, seed=0)
    plain = classifier(2).fit(X, y)
    with torch.no_grad():
        first = classifier(2).fit(X, y)
    with torch.inference_mode():
        second = classifier(2).fit(X, y)
    torch.set_default_dtype(torch.float64)
    try:
        third = classifier(2).fit(X, y)
        assert (third.predict_proba(X) == plain.predict_proba(X)).all()
        extractor = DeepFeatureExtractor(
            backbone="resnet_small", dimension="2.5D", patch_size=(1, 16, 16), weights=None
        )
        table = pairs(1, depth=5.0)
        with pytest.warns(match="random"):
            doubled = extractor.extract(table).features
    finally:
        torch.set_default_dtype(torch.float32)
    with pytest.warns(match="random"):
        assert (doubled == extractor.extract(table).features).all(axis=None)
    weights = {model._learnt.network.weights for model in (plain, first, second, third)}
    assert len(weights) == 1


def test_a_search_varies_the_settings() -> None:
    X, y = images(24, 2.0, seed=0)
    shared = Training(epochs=1, patience=None)
    model = DeepClassifier(FLAT, training=shared, random_state=0)
    model.set_params(
        training__epochs=2, training__augmentation__noise=0.3, backbone__norm="group", crop__missing="zero"
    )
    assert (model.training.epochs, model.training.augmentation.noise, model.backbone.norm) == (2, 0.3, "group")
    assert shared.epochs == 1, "an estimator beside it has the same settings"
    assert model.get_params()["training__augmentation__noise"] == 0.3 and clone(model).training == model.training
    assert DeepClassifier("resnet10").set_params(backbone__stride=1).backbone == Network("resnet10", stride=1)
    for wrong in ("epochs", "training__epoch", "cv__n"):
        with pytest.raises(InputError):
            DeepClassifier().set_params(**{wrong: 1})
    search = GridSearchCV(model, {"training__epochs": [1, 2]}, cv=2).fit(X, y)
    assert search.best_params_["training__epochs"] in (1, 2)


def test_before_fit_and_without_what_is_needed() -> None:
    X, y = images(12, 2.0, seed=0)
    y_time = as_survival_target(y > 0, np.arange(12) + 1.0)
    for call in (
        lambda: DeepClassifier(FLAT).predict(X),
        lambda: DeepClassifier(FLAT).predict_proba(X),
        lambda: DeepSurvival(FLAT).predict_survival(X, [1.0]),
        lambda: DeepSurvival(FLAT).score(X, y_time),
        lambda: DeepClassifier(FLAT).save("nowhere.json"),
    ):
        with pytest.raises(NotFittedError):
            call()
    table = pd.DataFrame({"patch": list(X), "age": np.arange(12.0)})
    model = DeepClassifier(FLAT, clinical=["age"], cv=2, training=QUICK, random_state=0)
    with pytest.raises(InputError, match="no clinical column 'age'"):
        model.fit(table[["patch"]], y)
    model.fit(table, y)
    with pytest.raises(InputError, match="no clinical column 'age'"):
        model.predict(table[["patch"]])
    with pytest.raises(InputError, match="no cases"):
        model.predict(table.iloc[:0])
    survival = DeepSurvival(FLAT, training=QUICK, random_state=0).fit(X, y_time)
    assert survival.score(X, y_time) == concordance_index(y_time, survival.predict(X)).estimate
    assert model.score(table, y) == (model.predict(table) == y).mean()
    with pytest.raises(InputError, match="order"):
        model.score(table, pd.Series(y)[::-1])


@pytest.mark.parametrize("name", ["deep", "deep score", "score"])
def test_a_clinical_column_has_any_name(name: str) -> None:
    X, y = images(24, 2.0, seed=0)
    table = pd.DataFrame({"patch": list(X), name: np.random.default_rng(0).normal(size=24)})
    model = DeepClassifier(FLAT, clinical=[name], cv=2, training=QUICK, random_state=0).fit(table, y)
    assert name in model.coef_.index and model.coef_.size == 2 and model.coef_.index.is_unique
    renamed = DeepClassifier(FLAT, clinical=["age"], cv=2, training=QUICK, random_state=0)
    renamed.fit(table.rename(columns={name: "age"}), y)
    assert (renamed.predict_proba(table.rename(columns={name: "age"})) == model.predict_proba(table)).all()


def test_a_part_of_one_class_is_an_error_that_says_how_to_mend_it() -> None:
    X, _ = images(24, 2.0, seed=0)
    y = (np.arange(24) < 8).astype(int)
    table = pd.DataFrame({"patch": list(X), "age": np.arange(24.0)})
    model = DeepClassifier(FLAT, clinical=["age"], cv=KFold(3), training=QUICK, random_state=0)
    with pytest.raises(OutcomeError, match=r"without fold 0 is left with 16 cases of one class.*cv=5"):
        model.fit(table, y)
    target = as_survival_target(y > 0, np.arange(24) + 1.0)
    with pytest.raises(OutcomeError, match=r"without fold 0 is left with 16 cases without an event"):
        DeepSurvival(FLAT, clinical=["age"], cv=KFold(3), training=QUICK, random_state=0).fit(table, target)


def test_patients_without_a_name_are_refused() -> None:
    X, y = images(12, 2.0, seed=0)
    table = pd.DataFrame({"patch": list(X), "site": ["a", None, "  "] + ["b"] * 9}, index=[f"P{k}" for k in range(12)])
    with pytest.raises(InputError, match=r"no patient for 2 of 12 rows \(P1, P2\)"):
        classifier(1, training={"groups": "site"}).fit(table, y)
    with pytest.raises(InputError, match="no patient for 1 of 12"):
        classifier(1).fit(X, y, groups=[None, *range(11)])


def test_a_file_holds_all_parameters_and_how_training_went(tmp_path: Path) -> None:
    X, y = images(24, 2.0, seed=0)
    table = pd.DataFrame({"patch": list(X), "age": np.arange(24.0)})
    for cv in (3, KFold(2, shuffle=True, random_state=4)):
        model = DeepClassifier(FLAT, clinical=["age"], cv=cv, training=QUICK, random_state=11).fit(table, y)
        model.save(tmp_path / "model.json")
        again = DeepClassifier.load(tmp_path / "model.json")
        assert repr(again.get_params()) == repr(model.get_params())
        pd.testing.assert_frame_equal(again.history_, model.history_)
        assert (again.cross_fitted_ == model.cross_fitted_).all()
        json.dumps(model.to_dict(), allow_nan=False)
    assert "record" not in model._to_predict(), "another centre has no use for the scores of training cases"
    halves = [np.arange(12), np.arange(12, 24)]
    parts = DeepClassifier(FLAT, clinical=["age"], cv=[halves, halves[::-1]], training=QUICK, random_state=11)
    assert DeepClassifier.from_dict(parts.fit(table, y).to_dict()).get_params()["random_state"] == 11


def test_a_score_that_is_no_number_is_an_error() -> None:
    X, y = images(12, 2.0, seed=0)
    model = classifier(1, training={"patience": None}).fit(X, y)
    wild = X[:2].copy()
    wild[1] = 3e38
    with pytest.raises(ExtractionError, match=r"1 of 2 cases no score .* the first is 1"):
        model.predict(wild)


def test_a_stopping_loss_that_is_never_a_number_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from radiokit.deep._train import Trainer

    X, y = images(24, 2.0, seed=0)
    monkeypatch.setattr(Trainer, "_stopping_loss", lambda self: float("nan"))
    with pytest.raises(InputError, match=r"never a number in 2 epochs.*Lower learning_rate"):
        classifier(2).fit(X, y)


def test_prediction_goes_in_batches_with_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    from radiokit.deep._scorer import Scorer

    X, y = images(20, 2.0, seed=0)
    model = classifier(1, training={"patience": None, "batch_size": 8}).fit(X, y)
    sizes = []
    original = Scorer.features
    monkeypatch.setattr(Scorer, "features", lambda self, x, p: sizes.append(len(x)) or original(self, x, p))
    whole = model.decision_function(X)
    assert sizes == [8, 8, 4]
    assert (np.concatenate([model.decision_function(X[i : i + 1]) for i in range(20)]) == whole).all()
    assert (model.set_params(training__batch_size=3).decision_function(X) == whole).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v.to_sparse(), "not stored as plain numbers"),
        (lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8), "not stored as plain numbers"),
        (lambda v: v.to("meta"), "not stored as plain numbers"),
        (lambda v: v.to(torch.int32), "another kind than the network"),
        (lambda v: v.to(torch.complex64), "another kind than the network"),
        (lambda v: v * np.nan, "NaN or infinite"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*")
def test_weights_that_are_no_plain_numbers_are_refused(change, says: str) -> None:
    net = build_network("resnet_small", dimension="2D").net
    state = net.state_dict()
    state["layer1.0.conv1.weight"] = change(state["layer1.0.conv1.weight"])

    class Holder:
        def state_dict(self):
            return state

    with pytest.raises(FileError, match=says):
        Weights(Holder()).load_into(net)


def test_impossible_variances_and_bare_tensors_are_refused(tmp_path: Path) -> None:
    net = build_network("resnet_small", dimension="2D").net
    torch.save(torch.ones(3), tmp_path / "bare.pt")
    with pytest.raises(FileError, match="an object of type Tensor"):
        Weights(tmp_path / "bare.pt").load_into(net)
    state = {k: v.clone() for k, v in net.state_dict().items()}
    state["bn1.running_var"][0] = -1.0
    torch.save(state, tmp_path / "negative.pt")
    with pytest.raises(FileError, match="negative variances"):
        Weights(tmp_path / "negative.pt").load_into(net)


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    import os

    X, y = images(12, 2.0, seed=0)
    left = tmp_path / ".draft-0123"
    left.mkdir()
    os.utime(left, (0, 0))
    classifier(1, training={"checkpoint": tmp_path, "patience": None}).fit(X, y)
    assert [p.suffix for p in tmp_path.iterdir()] == [".pt"]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_image_stored_turned_over_gives_the_same_crop_at_its_border(axis: int) -> None:
    """Half a voxel beyond the first and beyond the last voxel the image ends."""
    values = np.random.default_rng(0).normal(size=(10, 10, 10))
    region = np.zeros((10, 10, 10), dtype=bool)
    region[[(slice(0, 2)), 4, 4][axis], [4, slice(0, 2), 4][axis], [4, 4, slice(0, 2)][axis]] = True
    cosines = np.eye(3)
    cosines[axis, axis] = -1
    origin = np.zeros(3)
    origin[axis] = 9.0
    turned = {"spacing": (1.0, 1.0, 1.0), "origin": tuple(origin), "direction": tuple(cosines.ravel())}
    for size in (3, 4, 6):
        settings = {"size": (size, size, size), "spacing": (0.5, 0.5, 0.5), "window": (-3, 3)}
        for flip in (False, True):  # the region at the first voxels, then at the last
            v, m = (np.flip(a, axis) if flip else a for a in (values, region))
            straight = patch(Volume(v), Mask(m), **settings)
            stored = patch(Volume(np.flip(v, axis), **turned), Mask(np.flip(m, axis), **turned), **settings)
            np.testing.assert_allclose(stored, straight, atol=1e-6)
