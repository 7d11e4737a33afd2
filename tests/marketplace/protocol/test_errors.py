"""The tree of errors: drawn as it is, one exit code each, one line for the user."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from marketplace.protocol import errors
from marketplace.protocol.errors import MarketError, TransactionReverted

INDENT = 4


def classes(root: type[MarketError] = MarketError) -> Iterator[type[MarketError]]:
    yield root
    for child in root.__subclasses__():
        yield from classes(child)


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Parent and exit code by name, as the module's docstring draws them."""
    assert errors.__doc__ is not None
    tree: dict[str, tuple[str | None, int | None]] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        node = re.match(r"    ([│ ]*)([├└]── )?([A-Z]\w+)(?:\s+exit (\d+))?", line)
        if node is None:
            continue
        depth = (len(node[1]) + len(node[2] or "")) // INDENT
        path[depth:] = [node[3]]
        tree[node[3]] = (path[depth - 1] if depth else None, int(node[4]) if node[4] else None)
    return tree


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {
        error.__name__: (
            None if error is MarketError else error.__bases__[0].__name__,
            None if error is MarketError else error.exit_code,
        )
        for error in classes()
        if error.__module__ == errors.__name__
    }
    assert drawn() == real


def test_no_error_is_defined_elsewhere() -> None:
    assert {error.__module__ for error in classes()} == {errors.__name__}


def test_exit_codes_are_unique_and_leave_0_to_2_alone() -> None:
    codes = [error.exit_code for error in classes() if error is not MarketError]
    assert len(set(codes)) == len(codes)
    assert min(codes) > 2
    assert max(codes) < 126  # shells use the codes from there on


def test_a_subclass_has_the_exit_code_family_of_its_parent() -> None:
    for error in classes():
        parent = error.__bases__[0]
        if issubclass(parent, MarketError) and parent is not MarketError:
            assert error.exit_code // 10 == parent.exit_code // 10, error


@pytest.mark.parametrize("error", list(classes()), ids=lambda error: error.__name__)
def test_each_error_says_what_it_is(error: type[MarketError]) -> None:
    own = error.__dict__.get("__doc__")
    assert own
    assert inspect.cleandoc(own).splitlines()[0].endswith(".")


@pytest.mark.parametrize("error", list(classes()), ids=lambda error: error.__name__)
def test_the_user_sees_cause_and_remedy_on_one_line(error: type[MarketError]) -> None:
    seen = error("the lamp is off", "press the switch")
    assert str(seen) == "the lamp is off; press the switch"
    assert (seen.cause, seen.remedy) == ("the lamp is off", "press the switch")


def test_a_revert_carries_its_reason_and_transaction() -> None:
    error = TransactionReverted("refused", "retry", reason="TooMany(3, 2)", transaction="0x01")
    assert (error.reason, error.transaction) == ("TooMany(3, 2)", "0x01")
    assert TransactionReverted("refused", "retry").transaction is None
