"""What every kind of expert must do, whatever it is."""

import numpy as np
import pytest

from marketplace.protocol.errors import UnreadableModel
from offchain.data import Dataset
from offchain.experts import expert, kinds, load_fitted
from offchain.packing import pack, unpack
from offchain.training.predictions import predict

CLASSES = 10
CASES = [
    *(("table", kind) for kind in kinds((64,))),
    *(("image", kind) for kind in kinds((16, 16))),
    ("text", "hashed-text"),
]


@pytest.fixture
def rows(request, table, images, texts) -> Dataset:
    return {"table": table, "image": images, "text": texts}[request.param]


def _ones(rows: int) -> np.ndarray:
    return np.ones(rows, np.float32)


def _fit(kind, data, rows=slice(0, 300), weights=None, seed=1, effort=1):
    labels = data.labels[rows]
    weights = _ones(len(labels)) if weights is None else weights
    return expert(kind).fit(data.features[rows], labels, weights, CLASSES, seed, effort)


@pytest.fixture(scope="session")
def trained() -> dict:
    """Models that several tests look at, trained once."""
    return {}


@pytest.fixture
def fitted(rows, kind, trained):
    """A model of 300 rows, the same for all tests of a kind."""
    key = rows.features.shape, kind
    if key not in trained:
        trained[key] = _fit(kind, rows)
    return trained[key]


def test_both_kinds_of_rows_have_at_least_six_experts() -> None:
    assert len(kinds((29,))) >= 6
    assert len(kinds((28, 28))) >= 6
    assert "cnn" not in kinds((29,))
    assert "hashed-text" not in kinds((29,))
    assert "hashed-text" in kinds((29,), text=True)
    assert len(kinds()) >= 10


@pytest.mark.parametrize(("rows", "kind"), CASES, indirect=["rows"])
class TestEveryExpert:
    def test_learns_and_answers_with_probabilities(self, rows, kind) -> None:
        answers = _fit(kind, rows, slice(0, 800)).predict_proba(rows.features[800:])
        assert answers.dtype == np.float32
        assert answers.shape == (len(rows) - 800, CLASSES)
        assert (answers >= 0).all()
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-4)
        assert (answers.argmax(axis=1) == rows.labels[800:]).mean() > 0.8

    def test_loaded_model_is_the_saved_one(self, rows, kind, fitted) -> None:
        loaded = load_fitted(kind, fitted.to_bytes())
        before, after = (model.predict_proba(rows.features[300:500]) for model in (fitted, loaded))
        np.testing.assert_array_equal(before, after)
        assert loaded.to_bytes() == fitted.to_bytes()
        assert loaded.kind == kind

    def test_same_seed_gives_the_same_bytes(self, rows, kind, fitted) -> None:
        assert _fit(kind, rows).to_bytes() == fitted.to_bytes()

    @pytest.mark.parametrize("count", [1, 2, 7])
    def test_few_rows_do_not_break_it(self, rows, kind, count) -> None:
        fitted = _fit(kind, rows, slice(0, count))
        answers = load_fitted(kind, fitted.to_bytes()).predict_proba(rows.features[:50])
        assert np.isfinite(answers).all()
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-4)

    def test_one_class_is_all_it_predicts(self, rows, kind) -> None:
        only = np.flatnonzero(rows.labels == 3)[:40]
        answers = _fit(kind, rows, only).predict_proba(rows.features[:20])
        np.testing.assert_array_equal(answers.argmax(axis=1), 3)

    def test_rows_without_weight_count_for_nothing(self, rows, kind) -> None:
        weights = _ones(300)
        weights[200:] = 0
        masked = _fit(kind, rows, weights=weights).predict_proba(rows.features[300:400])
        alone = _fit(kind, rows, slice(0, 200)).predict_proba(rows.features[300:400])
        np.testing.assert_allclose(masked, alone, atol=1e-6)

    def test_weights_move_predictions(self, rows, kind, fitted) -> None:
        heavy = np.where(rows.labels[:300] == 4, 50, 1).astype(np.float32)
        plain, pulled = (
            model.predict_proba(rows.features[300:])[:, 4].mean()
            for model in (fitted, _fit(kind, rows, weights=heavy))
        )
        assert pulled > plain

    def test_no_rows_have_no_answers(self, rows, fitted) -> None:
        assert fitted.predict_proba(rows.features[:0]).shape == (0, CLASSES)

    def test_more_effort_is_accepted_and_saved(self, rows, kind) -> None:
        fitted = _fit(kind, rows, slice(0, 100), effort=2)
        loaded = load_fitted(kind, fitted.to_bytes())
        np.testing.assert_array_equal(
            loaded.predict_proba(rows.features[:9]), fitted.predict_proba(rows.features[:9])
        )

    @pytest.mark.parametrize("data", [b"", b"model", b"\x00" * 40])
    def test_other_bytes_are_refused(self, rows, kind, data) -> None:
        with pytest.raises(UnreadableModel):
            load_fitted(kind, data)

    def test_missing_arrays_and_odd_headers_are_refused(self, rows, kind, fitted) -> None:
        header, arrays = unpack(fitted.to_bytes())
        for name in arrays:
            fewer = {key: value for key, value in arrays.items() if key != name}
            with pytest.raises(UnreadableModel):
                load_fitted(kind, pack(header, fewer))
        for key in header.keys() - {"kind"}:
            for odd in (-5, "x", None):
                with pytest.raises(UnreadableModel):
                    load_fitted(kind, pack(header | {key: odd}, arrays))

    @pytest.mark.parametrize("change", ["longer", "shorter", "negative", "double", "nan"])
    def test_altered_arrays_are_refused_or_still_answer(self, rows, kind, fitted, change) -> None:
        header, arrays = unpack(fitted.to_bytes())
        for name, array in arrays.items():
            flat = array.reshape(-1)
            altered = {
                "longer": np.concatenate([flat, flat]),
                "shorter": flat[: len(flat) // 2],
                "negative": (-array.astype(np.float64) - 1).astype(array.dtype),
                "double": array.astype(np.float64),
                "nan": np.full_like(array, np.nan) if array.dtype.kind == "f" else array[:0],
            }[change]
            try:
                other = load_fitted(kind, pack(header, arrays | {name: altered}))
                predict(other, rows.features[:20], CLASSES)
            except UnreadableModel:
                continue

    def test_rows_of_another_shape_are_refused(self, rows, fitted) -> None:
        with pytest.raises(UnreadableModel):
            fitted.predict_proba(np.zeros((3, *np.add(rows.features.shape[1:], 2)), np.float32))
