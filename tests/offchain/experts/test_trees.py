import lightgbm
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from marketplace.protocol.errors import UnreadableModel
from offchain.experts.boosting import from_lightgbm
from offchain.experts.forest import from_sklearn
from offchain.experts.trees import Trees, float32_not_above

SETTINGS = {"verbosity": -1, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 5}


def test_copied_forest_predicts_what_scikit_learn_predicts(table) -> None:
    forest = ExtraTreesClassifier(n_estimators=10, random_state=0)
    forest.fit(table.features[:400], table.labels[:400])
    copied = from_sklearn(forest, 10).predict_proba(table.features[400:])
    np.testing.assert_allclose(copied, forest.predict_proba(table.features[400:]), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_copied_booster_predicts_what_lightgbm_predicts(table, classes) -> None:
    known = table.labels < classes
    rows, labels = table.features[known] + np.float32(0.1), table.labels[known]
    objective = {"objective": "multiclass", "num_class": 4} if classes > 2 else {}
    objective = objective or {"objective": "binary"}
    booster = lightgbm.train(SETTINGS | objective, lightgbm.Dataset(rows, labels), 12)
    raw = np.asarray(booster.predict(rows, raw_score=True))
    copied = from_lightgbm(booster).total(rows)
    np.testing.assert_allclose(copied if classes > 2 else copied[:, 1], raw, atol=1e-5)


def test_rows_on_a_threshold_go_the_way_they_went_in_training(table) -> None:
    forest = ExtraTreesClassifier(n_estimators=3, random_state=1)
    forest.fit(table.features[:50], table.labels[:50])
    edges = np.unique(np.concatenate([tree.tree_.threshold for tree in forest.estimators_]))
    rows = np.repeat(edges.astype(np.float32)[:, None], 64, axis=1)
    np.testing.assert_allclose(
        from_sklearn(forest, 10).predict_proba(rows), forest.predict_proba(rows), atol=1e-6
    )


def test_thresholds_are_rounded_down() -> None:
    values = np.array([0.1, -0.1, 1 / 3, 2.0, 0.0])
    rounded = float32_not_above(values)
    assert (rounded <= values).all()
    assert (np.nextafter(rounded, np.float32(np.inf)).astype(np.float64) > values).all()


def test_a_circle_of_nodes_ends() -> None:
    arrays = {
        "roots": np.array([0], np.int32),
        "left": np.array([1, 0], np.int32),
        "right": np.array([1, 0], np.int32),
        "column": np.zeros(2, np.int32),
        "threshold": np.zeros(2, np.float32),
        "value": np.zeros((2, 2), np.float32),
    }
    trees = Trees.read(arrays, columns=1)
    assert trees.total(np.zeros((3, 1), np.float32)).shape == (3, 2)


@pytest.mark.parametrize(
    ("name", "value"), [("roots", 2), ("left", -1), ("right", 2), ("column", 1)]
)
def test_a_pointer_out_of_the_table_is_refused(name, value) -> None:
    arrays = {key: np.zeros(2, np.int32) for key in ("roots", "left", "right", "column")}
    arrays |= {"threshold": np.zeros(2, np.float32), "value": np.zeros((2, 2), np.float32)}
    arrays[name] = np.array([0, value], np.int32)
    with pytest.raises(UnreadableModel, match=name):
        Trees.read(arrays, columns=1)
