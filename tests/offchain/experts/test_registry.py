from dataclasses import dataclass

import pytest

from marketplace.protocol.errors import ConfigurationError
from offchain.experts import Description, expert, kinds, register, registry
from offchain.experts.boosting import BoostedTrees


@dataclass(frozen=True)
class Outsider(BoostedTrees):
    def describe(self) -> Description:
        return Description("outsider", "Somebody else's trees.", "table")


def test_an_outsider_joins_by_registering(monkeypatch) -> None:
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    register(Outsider())
    assert expert("outsider").describe().kind == "outsider"
    assert "outsider" in kinds((5,))
    assert "outsider" not in kinds((9, 9))
    with pytest.raises(ConfigurationError, match="taken"):
        register(Outsider())


def test_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="logistic"):
        expert("oracle-of-delphi")


def test_descriptions_are_those_of_their_kind() -> None:
    for kind in kinds():
        said = expert(kind).describe()
        assert said.kind == kind
        assert said.summary.endswith(".")
        assert said.inputs in {"any", "table", "image"}
