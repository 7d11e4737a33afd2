import pytest

from marketplace.protocol.errors import ConfigurationError
from offchain.experts import expert, kinds, origins


def test_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="logistic"):
        expert("oracle-of-delphi")


def test_descriptions_are_those_of_their_kind() -> None:
    for kind in kinds():
        said = expert(kind).describe()
        assert said.kind == kind
        assert said.summary.endswith(".")
        assert said.inputs in {"any", "table", "image", "text"}
        assert expert(kind).quote(1_000) == said.price.of(1_000) == 0
        assert origins()[kind] == "moemarket"


def test_experts_differ_in_kind() -> None:
    assert set(kinds()) >= {
        "logistic", "random-features", "mlp", "cnn", "boosted-trees", "extra-trees",
        "nearest-neighbours", "additive", "shared-mlp", "hashed-text",
    }  # fmt: skip
