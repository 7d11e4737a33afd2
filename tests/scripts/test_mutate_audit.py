"""A place that is switched off finds nothing, and is known to have found something before."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from marketplace.audit.report import Finding


class Wrapped:
    """A source as the tests would see it, and its places."""

    def __init__(self, script: ModuleType, source: str) -> None:
        self.places = script.Places()
        tree = ast.parse(source)
        script.Wrapping(self.places, script.AUDIT / "checks" / "example.py").visit(tree)
        code = compile(ast.fix_missing_locations(tree), "example.py", "exec")
        self.names = run(code, __places__=self.places)


def run(source: Any, **names: Any) -> dict[str, Any]:
    names["Finding"] = Finding
    exec(source, names)  # noqa: S102  # the sources are written here
    return names


@pytest.mark.parametrize(
    ("source", "kind", "right", "wrong"),
    [
        ("def look(x):\n    if x > 1:\n        return 'fault'", "if", 1, 2),
        ("def look(x):\n    return 'fault' if x > 1 else None", "if", 1, 2),
        ("def look(x):\n    return ['fault' for y in [x] if y > 1]", "if", 1, 2),
        ("def look(x):\n    return x == 1 or x == 2", "or", 3, 1),
        ("def look(x):\n    return bool(x) and x < 3", "and", 1, 3),
        ("def look(x):\n    return x != 1", "compare", 1, 2),
        ("def look(x):\n    return x <= 1", "compare", 0, 1),
        ("def look(x):\n    faults = []\n    faults += [x] * x\n    return faults", "taken", 0, 1),
        (
            "def look(x):\n    return list(each(x))\ndef each(x):\n    yield from [x] * x",
            "taken",
            0,
            1,
        ),
        (
            (
                "def look(x, faults=()):\n    faults = [*faults]\n    if x:\n"
                "        faults.append(x)\n    return faults"
            ),
            "noted",
            0,
            1,
        ),
    ],
)
def test_each_kind_of_place_can_be_switched_off(
    mutate_audit: ModuleType, source: str, kind: str, right: Any, wrong: Any
) -> None:
    wrapped, plain = Wrapped(mutate_audit, source), run(source)
    look, places = wrapped.names["look"], wrapped.places
    for value in (right, wrong):
        assert look(value) == plain["look"](value)
    places.found.clear()
    look(right)
    unneeded = set(places.found)
    look(wrong)
    needed = [
        p for p in set(places.found) - unneeded if mutate_audit.kind_of(places.names[p]) == kind
    ]
    assert needed
    for place in needed:
        places.off = place
        assert look(wrong) != plain["look"](wrong)
        places.off = None


def test_a_check_that_is_switched_off_says_that_all_passed(mutate_audit: ModuleType) -> None:
    wrapped = Wrapped(mutate_audit, "def check_it(x):\n    return Finding(x, 'said')")
    look, places = wrapped.names["check_it"], wrapped.places
    assert look("passed").verdict == "passed"
    assert not places.found
    assert look("failed").verdict == "failed"
    (place,) = places.found
    assert places.names[place] == "checks/example.py check_it: check"
    places.off = place
    assert look("failed").verdict == "passed"


CATCHING = """
def look(x):
    try:
        return {1: 1 // x}[1 // x]
    except (ZeroDivisionError, KeyError) as error:
        raise ValueError("fault") from error
"""


def test_a_type_that_is_switched_off_is_not_caught(mutate_audit: ModuleType) -> None:
    wrapped = Wrapped(mutate_audit, CATCHING)
    look, places = wrapped.names["look"], wrapped.places
    assert look(1) == 1
    assert not places.found
    for x, missed in ((0, ZeroDivisionError), (2, KeyError)):
        places.found.clear()
        with pytest.raises(ValueError, match="fault"):
            look(x)
        (place,) = (p for p in places.found if mutate_audit.kind_of(places.names[p]) == "except")
        assert places.names[place] == f"checks/example.py look: except {missed.__name__}"
        places.off = place
        with pytest.raises(missed):
            look(x)
        places.off = None


def test_a_type_that_another_one_stands_for_finds_nothing(mutate_audit: ModuleType) -> None:
    source = CATCHING.replace("KeyError", "ArithmeticError")
    wrapped = Wrapped(mutate_audit, source)
    with pytest.raises(ValueError, match="fault"):
        wrapped.names["look"](0)
    found = {mutate_audit.kind_of(wrapped.places.names[place]) for place in wrapped.places.found}
    assert found == {"raise"}


def test_what_is_switched_off_is_not_raised(mutate_audit: ModuleType) -> None:
    wrapped = Wrapped(mutate_audit, CATCHING)
    (place,) = (n for n, name in enumerate(wrapped.places.names) if ": raise " in name)
    wrapped.places.off = place
    assert wrapped.names["look"](0) is None
    assert wrapped.places.found[place] == 1


def test_a_condition_that_only_raises_is_one_place(mutate_audit: ModuleType) -> None:
    source = "def look(x):\n    if x:\n        raise ValueError(x and 'fault')"
    names = Wrapped(mutate_audit, source).places.names
    kinds = sorted(mutate_audit.kind_of(name) for name in names)
    assert kinds == ["and", "and", "if"]


def test_what_is_known_of_places_that_are_left_alone_is_kept(
    mutate_audit: ModuleType, tmp_path: Path
) -> None:
    places, out = mutate_audit.Places(), tmp_path / "audit.json"
    path = mutate_audit.AUDIT / "rpc.py"
    tree = ast.parse("def look(x):\n    if x:\n        return 1\n    return x and 2")
    mutate_audit.Wrapping(places, path).visit(tree)
    missed = {"by": "test", "of": "0"}
    alone = {
        "caught": {"trie.py look: if x": missed},
        "survived": {"trie.py look: and x": ["test"], "rpc.py look: and x": ["test"]},
        "unreached": ["rpc.py look: except x", "rpc.py look: if y"],
        "explained": {"trie.py look: or x": "so it is", "rpc.py look: or x": "so it was"},
    }
    run = mutate_audit.Run(places, ["if", "and", "or"], ["rpc.py"], out, alone)
    run.tries = {"rpc.py look: if x": ["test"]}
    outcome = run.outcome()
    assert outcome["caught"] == alone["caught"]
    assert outcome["survived"] == {"trie.py look: and x": ["test"], "rpc.py look: if x": ["test"]}
    assert outcome["unreached"] == [
        "rpc.py look: except x",
        "rpc.py look: and x",
        "rpc.py look: and 2",
    ]
    assert outcome["explained"] == {"trie.py look: or x": "so it is"}


def test_what_missed_a_place_before_is_tried_first(
    mutate_audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, name = mutate_audit.Places(), "rpc.py look: if x"
    place = places.add(name, 1, "digest")
    known = {"caught": {name: {"by": "test_it[2]", "of": "digest"}}}
    run = mutate_audit.Run(places, ["if"], ["rpc.py"], tmp_path / "audit.json", known)

    def passes(item: Any, following: Any, off: Any) -> bool:
        places.condition(place, value=True)
        return False

    monkeypatch.setattr(run, "_fails", passes)
    run.forget()
    items = [SimpleNamespace(nodeid=f"test_it[{number}]") for number in range(4)]
    (tests,) = run._finders(items).values()
    assert tests[0] is items[2]


def test_a_result_stands_while_its_source_and_its_test_do(
    mutate_audit: ModuleType, tmp_path: Path
) -> None:
    places = mutate_audit.Places()
    place = places.add("rpc.py look: if x", 1, "digest")
    run = mutate_audit.Run(places, ["if"], ["rpc.py"], tmp_path / "audit.json", {})
    result = {"by": "test_one.py::test_it[1]", "of": "digest"}
    name, tests, whole = places.names[place], {result["by"]}, {"test_one.py"}
    assert run._stands(name, result, tests, whole)
    assert run._stands(name, result, {"test_one.py::test_it[2]"}, {"test_other.py"})
    assert not run._stands(name, result, {"test_one.py::test_it[2]"}, whole)
    assert not run._stands(name, {**result, "of": "another"}, tests, whole)
    assert not run._stands("rpc.py look: if y", result, tests, whole)


def test_what_is_explained_is_a_place(mutate_audit: ModuleType) -> None:
    places = mutate_audit.places_in(mutate_audit.MUTATED)
    assert set(mutate_audit.EXPLAINED) <= set(places.names)
    assert len(set(places.names)) == len(places.names)


def test_a_place_that_compares_arrays_is_known_by_its_function(
    mutate_audit: ModuleType, tmp_path: Path
) -> None:
    places = mutate_audit.Places()
    for name in ("rpc.py look: compare x == y", "trie.py look: compare x == y"):
        places.arrays.add(places.add(name, 1, "digest"))
    known = {"arrays": {"rpc.py look: compare z < y": "0", "trie.py look: compare x == y": "0"}}
    run = mutate_audit.Run(places, ["compare"], ["rpc.py"], tmp_path / "audit.json", known)
    expected = {"rpc.py look: compare x == y": "digest", "trie.py look: compare x == y": "0"}
    assert run.outcome()["arrays"] == expected


HERE = f"{Path(__file__).relative_to(Path(__file__).parents[2])}::"
NAME = "rpc.py look: if x"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, "due"),
        ({"caught": {NAME: {"by": f"{HERE}test_a_place_counts[1]", "of": "digest"}}}, "caught"),
        ({"caught": {NAME: {"by": f"{HERE}test_a_place_counts", "of": "another"}}}, "due"),
        ({"caught": {NAME: {"by": f"{HERE}test_a_place_count", "of": "digest"}}}, "due"),
        ({"caught": {NAME: {"by": f"no{HERE}test_a_place_counts", "of": "digest"}}}, "due"),
        ({"arrays": {NAME: "digest"}}, "arrays"),
        ({"arrays": {NAME: "another"}}, "due"),
        ({"survived": {NAME: ["a test"]}}, "survived"),
        ({"unreached": [NAME]}, "unreached"),
        ({"survived": {"rpc.py look: if y": ["a test"]}}, "due"),
    ],
)
def test_a_place_counts(mutate_audit: ModuleType, known: dict[str, Any], expected: str) -> None:
    places = mutate_audit.Places()
    places.add(NAME, 1, "digest")
    assert mutate_audit.state(places, known) == {expected: 1}


def test_what_is_explained_counts_so_once_it_survived(mutate_audit: ModuleType) -> None:
    places, name = mutate_audit.Places(), next(iter(mutate_audit.EXPLAINED))
    places.add(name, 1, "digest")
    assert mutate_audit.state(places, {"survived": {name: ["a test"]}}) == {"explained": 1}


def test_the_state_of_the_project_is_told(
    mutate_audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = json.loads(mutate_audit.OUT.read_text())
    places = mutate_audit.places_in(mutate_audit.MUTATED)
    counts = mutate_audit.state(places, known)
    parts = {name: len(part) for name, part in known.items() if name != "counts"}
    assert known["counts"] == parts
    assert counts["caught"] <= parts["caught"]
    assert not counts["survived"] + counts["unreached"]
    monkeypatch.setattr("sys.argv", ["mutate_audit.py", "--state"])
    mutate_audit.main()
    assert capsys.readouterr().out == (
        f"audit: {len(places.names)} places, {counts['caught']} caught,"
        f" {len(mutate_audit.EXPLAINED)} explained, {counts['arrays']} arrays, 0 survived,"
        f" 0 unreached, {counts['due']} due\n"
    )
