"""Weaken the audit in every place where it objects, and see that a test fails each time.

    python scripts/mutate_audit.py [--kinds if check except] [--files rpc.py chain.py] [--fresh]
    python scripts/mutate_audit.py --state

What was missed by a test once is not tried again while its function stays as it is and the test is
there, unless ``--fresh`` is given: results are kept in ``docs/mutations/audit.json`` after each
test, so a run that was broken off goes on, on another machine, too.

The sources are not edited. When the tests import them, each place where something may be found
(below) is wrapped, so that it can be switched off while the tests run. A place matters to a test
only if it found something there; so each test runs once with all places on, and again, quick tests
first, with one place off that found something in it, until a test fails. A place that no test
misses has survived, which is a failure unless `EXPLAINED` says why.

What is switched off:

- a check (``check_…``, a pattern, the state proofs): it says that all passed;
- the condition of an ``if``, of a conditional expression, or of a comprehension: it is false;
- a part of an ``and``, or of an ``or``: it is left out;
- a comparison: ``!=`` is false, ``==`` is true, and ``<`` and ``<=`` are the other one;
- a fault that is noted, or faults that are taken over from elsewhere: they are forgotten;
- a type of exception in an ``except``: it is not caught there;
- a ``raise``: nothing is raised. One that is all that an ``if`` does is that ``if``.
"""

# ruff: noqa: D102  # most methods are named by ast, importlib and pytest

from __future__ import annotations

import argparse
import ast
import builtins
import copy
import functools
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import operator
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).parents[1]
AUDIT = ROOT / "marketplace" / "audit"
TESTS = "tests/marketplace/audit"
OUT = ROOT / "docs" / "mutations" / "audit.json"

MUTATED = [path for path in sorted(AUDIT.rglob("*.py")) if path.stem != "__init__"]  # tables

FILES = [str(path.relative_to(AUDIT)) for path in MUTATED]

SLOW = ("test_one_altered_byte_in_any", "test_no_bit_of", "test_no_events_of", "anvil")
"""Parts of names of tests that take long, and are left out: they look at what others look at."""

RARE = 12
"""A place that finds something in so few tests at most is what other places are there to guard."""

MOST_TRIES = 20
"""So many tests in which a place found something may miss its fault, before it has survived."""

PATIENCE_S = 60
"""After so much processor time a test in which a place is off hangs, which is a fault found."""

KINDS = ("check", "noted", "taken", "if", "and", "or", "compare", "except", "raise")

_NO_GATE = "without an acceptance there are no supplies, so too few rows and no gate"
_FOR_TYPES = "whoever asks has looked before; it is there for the types"
_QUICK = "a quick way to what the general one gives, too"
_SAME_HASH = "its bytes were held against the CID before, which holds the same hash"
_DECODED = "eth_abi refuses before what it couldn't read, and gives what the struct takes"
_BOUND = "it bounds memory: what is said by then fails the check"

EXPLAINED: dict[str, str] = {
    "abi.py Interface.called: except OverflowError": _DECODED,
    "abi.py Interface.called: except ProtocolError": _DECODED,
    "archive.py Archive._document: if hashlib.sha256(data).digest() != digest": _SAME_HASH,
    "archive.py Archive._document: compare hashlib.sha256(data).digest() != digest": _SAME_HASH,
    "evidence.py _decode_routing: except TypeError": (
        "no bytes are known of which safetensors says so; a stranger's may not end the audit"
    ),
    "funds.py _take_block: and coin.receiver is not None": _FOR_TYPES,
    "holdings.py _named_by: and isinstance(document, dict)": (
        "JSON that begins with a brace is an object"
    ),
    "trade.py Trade.deal: if self.acceptance is None": _NO_GATE,
    "replay.py _take_gate: and trade.deal is not None": _NO_GATE,
    "dues.py unjudged_shares: or trade.acceptance is None": _NO_GATE,
    "checks/contributions.py check_allocation: or trade.acceptance is None": _NO_GATE,
    "checks/disputes.py _signed_ruling: or NOTHING": _FOR_TYPES,
    "encoding.py encode: if length < _LONG": _QUICK,
    "decoding.py _list.read: if scalar is not None": _QUICK,
    "decoding.py _members.read: if scalar is not None": _QUICK,
    "invariants.py Watch._say: and len(self._said) < 10000": _BOUND,
    "invariants.py Watch._say: compare len(self._said) < 10000": _BOUND,
    "patterns/dealing.py _circles: compare one < other": "equal ones are told a branch before",
    "checks/books.py check_tenders: if contract is None": _FOR_TYPES,
    "checks/books.py check_payouts: if contract is None": _FOR_TYPES,
    "checks/books.py check_balances: compare held < booked": "equal ones are left out before",
    "transactions.py _sealed: compare v >= _PROTECTED": "35 is of chain 0, and there is none",
    "checks/disputes.py _challenge_faults: if shared": (
        "contracts that let a committee and a panel share a member are not these: the rotation"
        " refuses, and a log that was altered gives another digest than the request's"
    ),
}
"""Why a place survives by right, by its name."""


class Places:
    """Every place that can be switched off, and which one is.

    Attributes
    ----------
    off
        The place that is off now; None for none.
    found
        How often each place found something since this was last emptied.
    arrays
        Places that compare arrays, element by element: they can't be weakened so.
    names
        By number: file, function, kind and source, which stay when lines move.
    lines
        By number: where to look.
    digests
        By number: of the function around it, by which a result is known to be of this source.
    """

    def __init__(self) -> None:
        self.off: int | None = None
        self.found: Counter[int] = Counter()
        self.arrays: set[int] = set()
        self.names: list[str] = []
        self.lines: list[int] = []
        self.digests: list[str] = []

    def add(self, name: str, line: int, digest: str) -> int:
        again = sum(known.partition(" #")[0] == name for known in self.names)
        self.names.append(f"{name} #{again + 1}" if again else name)
        self.lines.append(line)
        self.digests.append(digest)
        return len(self.names) - 1

    # The functions below are what the wrapped sources call, each with the number of its place.

    def condition(self, place: int, value: Any) -> Any:
        if value:
            self.found[place] += 1
            return False if place == self.off else value
        return value

    def operand(self, place: int, value: Any, neutral: bool) -> Any:
        if bool(value) is not neutral:
            self.found[place] += 1
            return neutral if place == self.off else value
        return value

    def compared(self, place: int, one: Any, kind: str, other: Any) -> Any:
        value, weakened = _COMPARISONS[kind](one, other), _WEAKENED[kind](one, other)
        if not isinstance(value, bool):
            self.arrays.add(place)
            return value
        if value != weakened:
            self.found[place] += 1
            return weakened if place == self.off else value
        return value

    def taken(self, place: int, values: Any) -> Any:
        if not isinstance(values, list | tuple | set):
            return self._each(place, values)
        if values:
            self.found[place] += 1
            return type(values)() if place == self.off else values
        return values

    def _each(self, place: int, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self.found[place] += 1
            if place != self.off:
                yield value

    def noted(self, place: int, subject: Any, note: Callable[[], Any]) -> None:
        kept = getattr(subject, "disorder", subject)
        if place == self.off:
            self.found[place] += 1
            return
        before = len(kept) if isinstance(kept, list) else -1
        note()
        if not isinstance(kept, list) or len(kept) > before:
            self.found[place] += 1

    def handled(self, *types: tuple[int, type[BaseException]]) -> tuple[type[BaseException], ...]:
        """Return which types are caught now, as an ``except`` asks while one is on its way."""
        raised = sys.exc_info()[1]
        matching = [place for place, kind in types if isinstance(raised, kind)]
        if len(matching) == 1:  # without it, no other would catch this one
            self.found[matching[0]] += 1
        return tuple(kind for place, kind in types if place != self.off)

    def raising(self, place: int) -> bool:
        self.found[place] += 1
        return place != self.off

    def checking(self, place: int) -> Callable[..., Any]:
        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def check(*arguments: Any) -> Any:
                finding = function(*arguments)
                if finding is None or finding.verdict == "passed":
                    return finding
                self.found[place] += 1
                return finding._replace(verdict="passed") if place == self.off else finding

            return check

        return decorate


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
}
_WEAKENED: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": lambda one, other: True,
    "NotEq": lambda one, other: False,
    "Lt": operator.le,
    "LtE": operator.lt,
    "Gt": operator.ge,
    "GtE": operator.gt,
}


class Wrapping(ast.NodeTransformer):
    """Wraps the places of one file."""

    def __init__(self, places: Places, path: Path) -> None:
        self._places, self._path = places, path
        self._scope: list[str] = []
        self._digests = [""]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        is_check = node.name.startswith("check_") or (
            node.name in _CHECKS and node.args.args and "patterns" in self._path.parts
        )
        self._scope.append(node.name)
        self._digests.append(hashlib.sha256(ast.dump(node).encode()).hexdigest()[:16])
        if is_check or self._scope == ["StateProofs", "finding"]:
            place = self._place(node, "check")
            self.generic_visit(node)
            node.decorator_list.append(self._call("checking", place))
        else:
            self.generic_visit(node)
        self._scope.pop()
        self._digests.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self._scope.append(node.name)
        self.generic_visit(node)
        self._scope.pop()
        return node

    def visit_If(self, node: ast.If) -> Any:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node
        place = self._place(node.test, "if")
        if not node.orelse and len(node.body) == 1 and isinstance(node.body[0], ast.Raise):
            node.test = self.visit(node.test)
            self.generic_visit(node.body[0])
        else:
            self.generic_visit(node)
        node.test = self._call("condition", place, node.test)
        return node

    def visit_Raise(self, node: ast.Raise) -> Any:
        source = "" if node.exc is None else ast.unparse(node.exc)
        place = self._place(node, "raise", source)
        self.generic_visit(node)
        return ast.If(self._call("raising", place), [node], [])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        if node.type is None:
            return self.generic_visit(node)
        types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        numbered = [
            ast.Tuple([ast.Constant(self._place(each, "except")), each], ast.Load())
            for each in types
        ]
        self.generic_visit(node)
        node.type = self._call("handled", None, *numbered)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        place = self._place(node.test, "if")
        self.generic_visit(node)
        node.test = self._call("condition", place, node.test)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        places = [self._place(test, "if") for test in node.ifs]
        self.generic_visit(node)
        node.ifs = [
            self._call("condition", place, test)
            for place, test in zip(places, node.ifs, strict=True)
        ]
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        neutral = isinstance(node.op, ast.And)
        kind = "and" if neutral else "or"
        places = [None if _is_nothing(part) else self._place(part, kind) for part in node.values]
        self.generic_visit(node)
        node.values = [
            part if place is None else self._call("operand", place, part, ast.Constant(neutral))
            for place, part in zip(places, node.values, strict=True)
        ]
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        kind = type(node.ops[0]).__name__
        if len(node.ops) > 1 or kind not in _COMPARISONS:
            return self.generic_visit(node)
        place = self._place(node, "compare")
        self.generic_visit(node)
        return self._call("compared", place, node.left, ast.Constant(kind), node.comparators[0])

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        target = ast.unparse(node.target)
        if not isinstance(node.op, ast.Add) or "faults" not in target:
            return self.generic_visit(node)
        place = self._place(node, "taken")
        self.generic_visit(node)
        node.value = self._call("taken", place, node.value)
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> Any:
        place = self._place(node, "taken")
        self.generic_visit(node)
        node.value = self._call("taken", place, node.value)
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        call = node.value
        if not isinstance(call, ast.Call) or not _is_note(call):
            return self.generic_visit(node)
        place = self._place(node, "noted")
        self.generic_visit(node)
        noted = isinstance(call.func, ast.Name) and call.args
        subject = copy.deepcopy(call.args[0]) if noted else ast.Constant(None)
        nothing = ast.arguments([], [], None, [], [], None, [])
        node.value = self._call("noted", place, subject, ast.Lambda(nothing, call))
        return node

    def _place(self, node: ast.AST, kind: str, source: str | None = None) -> int:
        line = getattr(node, "lineno", 0)
        if source is None:
            source = "" if kind == "check" else ast.unparse(node)
        where = f"{self._path.relative_to(AUDIT)} {'.'.join(self._scope)}"
        name = " ".join(f"{where}: {kind} {source}".split())
        return self._places.add(name, line, self._digests[-1])

    def _call(self, method: str, place: int | None, *arguments: ast.expr) -> ast.Call:
        owner = ast.Attribute(ast.Name("__places__", ast.Load()), method, ast.Load())
        number = [] if place is None else [ast.Constant(place)]
        return ast.Call(owner, [*number, *arguments], [])


def _is_nothing(part: ast.expr) -> bool:
    """Tell whether an operand is a constant that never finds anything, as in ``found or {}``."""
    if isinstance(part, ast.Dict | ast.List | ast.Tuple):
        return not ast.unparse(part).strip("{}[]()")
    return isinstance(part, ast.Constant) and not part.value


def _is_note(call: ast.Call) -> bool:
    """Tell whether a call notes a fault."""
    said = ast.unparse(call.func)
    if said.endswith(".append"):
        return any(word in said for word in _LISTS_OF_FAULTS)
    return said in _NOTES


_CHECKS = ("judges", "self_dealing", "farming", "moving_bids", "funders")
_NOTES = ("note", "self._say", "self._stray", "needs", "needs_open", "_needs_earlier_attempt")
_LISTS_OF_FAULTS = ("faults", "strays", "overdrafts", "disorder", "shortages")


def _module_of(path: Path) -> str:
    return "marketplace.audit." + ".".join(path.relative_to(AUDIT).with_suffix("").parts)


class WrappingFinder(importlib.abc.MetaPathFinder):
    """Finds the files to mutate, and compiles them with their places wrapped."""

    def __init__(self, places: Places, paths: Iterable[Path]) -> None:
        self._places = places
        self._paths = {_module_of(path): path for path in paths}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        found = self._paths.get(name)
        if found is None:
            return None
        loader = WrappingLoader(name, str(found), self._places)
        return importlib.util.spec_from_file_location(name, found, loader=loader)


class WrappingLoader(importlib.machinery.SourceFileLoader):
    """Loads one file anew, whatever was compiled of it before."""

    def __init__(self, name: str, path: str, places: Places) -> None:
        super().__init__(name, path)
        self._places = places

    def get_code(self, fullname: str) -> Any:
        path = Path(self.path)
        tree = Wrapping(self._places, path).visit(ast.parse(path.read_text()))
        return compile(ast.fix_missing_locations(tree), str(path), "exec")


class Run:
    """Runs each test as it is, and again for each place that found something in it.

    Attributes
    ----------
    caught
        By place, which test misses it, and the digest of the function that it is in.
    tries
        By place, the tests that it was off in.
    broken
        Tests that fail with all places on: nothing can be told from them.

    Parameters
    ----------
    kinds, files
        Of the places that are switched off; what is known of others is kept as it is.
    known
        An earlier outcome; empty for none.
    """

    def __init__(
        self, places: Places, kinds: list[str], files: list[str], out: Path, known: dict[str, Any]
    ) -> None:
        self._places, self._kinds, self._files, self._out = places, kinds, files, out
        self._known = known
        self.caught: dict[str, dict[str, str]] = dict(known.get("caught", {}))
        self.tries: dict[str, list[str]] = {}
        self.broken: list[str] = []

    def forget(self) -> None:
        """Forget what was caught before, where it is tried again."""
        self.caught = {n: result for n, result in self.caught.items() if self._is_left_alone(n)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not any(name in item.nodeid for name in SLOW)]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        finders = self._finders(session.items)
        tests = {item.nodeid for item in session.items}
        parts = {argument for argument in session.config.args if "::" in argument}
        whole = {*map(_file_of_test, tests)} - {*map(_file_of_test, parts)}
        self.caught = {
            name: result
            for name, result in self.caught.items()
            if self._is_left_alone(name) or self._stands(name, result, tests, whole)
        }
        for _ in range(MOST_TRIES):
            due = self._due(session.items, finders)
            for position, (item, names) in enumerate(due):
                following = due[position + 1][0] if position + 1 < len(due) else None
                beside, place = _beside(item, session.items) or following, self._places.names.index
                # What stays for other tests is set up with all places on, or it is wrong for them.
                self._fails(item, beside, None)
                missed = [name for name in names if self._fails(item, beside, place(name))]
                if self._fails(item, following, None):
                    self.broken.append(item.nodeid)  # not fit to run twice
                else:
                    self.caught |= {name: self._result(name, item) for name in missed}
                self._write()
        return True

    def _finders(self, items: list[pytest.Item]) -> dict[str, list[pytest.Item]]:
        """Run each test with all places on; return by place who found something, and how soon.

        First comes the test that missed a place before. Then come tests in which it found something
        more or less often than in most, for there it may matter; then those in which rare places
        of its function, or of its file, found something, for a condition that always holds guards
        what is seldom found; then quick ones.
        """
        found: dict[str, list[tuple[int, float, int]]] = {}
        for number, item in enumerate(items):
            self._places.found.clear()
            began = time.process_time()
            following = items[number + 1] if number + 1 < len(items) else None
            if self._fails(item, following, None):
                self.broken.append(item.nodeid)
                continue
            seconds = time.process_time() - began
            for place, count in self._places.found.items():
                if not self._is_left_alone(name := self._places.names[place]):
                    found.setdefault(name, []).append((count, seconds, number))
        rare: Counter[tuple[str, int]] = Counter()  # by function or file, and test
        for name, counted in found.items():
            if len(counted) <= RARE:
                rare.update((part, number) for _, _, number in counted for part in _around(name))
        finders = {}
        for name, counted in found.items():
            ((usual, _),) = Counter(count for count, _, _ in counted).most_common(1)
            before = self._known.get("caught", {}).get(name, {}).get("by")
            ranked = sorted(
                (
                    items[number].nodeid != before,
                    count == usual,
                    *(-rare[part, number] for part in _around(name)),
                    *(seconds, number),
                )
                for count, seconds, number in counted
            )
            finders[name] = [items[each[-1]] for each in ranked]
        self.tries = {name: [] for name in finders}
        self._write()
        return finders

    def _due(
        self, items: list[pytest.Item], finders: dict[str, list[pytest.Item]]
    ) -> list[tuple[pytest.Item, list[str]]]:
        """Choose for each place that nothing missed yet a next test; return places by test."""
        chosen: dict[str, list[str]] = {}
        for name, tests in finders.items():
            left = [test.nodeid for test in tests if test.nodeid not in self.tries[name]]
            if left and name not in self.caught:
                self.tries[name].append(left[0])
                chosen.setdefault(left[0], []).append(name)
        return [(item, chosen[item.nodeid]) for item in items if item.nodeid in chosen]

    def _stands(self, name: str, result: dict[str, str], tests: set[str], whole: set[str]) -> bool:
        """Tell whether a result is of this source, and of a test that its file still has.

        Files that are `whole` have no other tests than these.
        """
        is_gone = result["by"] not in tests and _file_of_test(result["by"]) in whole
        return name in self._places.names and result["of"] == self._digest(name) and not is_gone

    def _result(self, name: str, item: pytest.Item) -> dict[str, str]:
        return {"by": item.nodeid, "of": self._digest(name)}

    def _digest(self, name: str) -> str:
        return self._places.digests[self._places.names.index(name)]

    def _is_left_alone(self, name: str) -> bool:
        return kind_of(name) not in self._kinds or file_of(name) not in self._files

    def _write(self) -> None:
        self._out.write_text(json.dumps(self.outcome(), indent=0, sort_keys=True) + "\n")

    def outcome(self) -> dict[str, Any]:
        """Return what became of each place, by name."""
        names = [
            name
            for number, name in enumerate(self._places.names)
            if not self._is_left_alone(name) and number not in self._places.arrays
        ]
        left = [name for name in names if name not in self.caught]
        explained = {name: why for name in left if (why := EXPLAINED.get(name))}
        survived = {n: self.tries[n] for n in left if n in self.tries and n not in explained}
        unreached = [n for n in left if n not in self.tries and n not in explained]
        parts: dict[str, Any] = {
            "caught": self.caught,
            "survived": self._left_alone("survived") | survived,
            "unreached": [*self._left_alone("unreached"), *unreached],
            "explained": self._left_alone("explained") | explained,
            "arrays": self._left_alone("arrays") | self._arrays(),
            "unfit tests": self.broken,
        }
        return {"counts": {name: len(part) for name, part in parts.items()}, **parts}

    def _arrays(self) -> dict[str, str]:
        """Return the places that compare arrays, each with the digest of its function."""
        names = (self._places.names[number] for number in self._places.arrays)
        return {name: self._digest(name) for name in names if not self._is_left_alone(name)}

    def _left_alone(self, part: str) -> dict[str, Any]:
        """Return what an earlier run said of places that this one leaves alone."""
        said = self._known.get(part, {})
        kept = said if isinstance(said, dict) else dict.fromkeys(said)
        return {name: kept[name] for name in kept if self._is_left_alone(name)}

    def _fails(self, item: Any, nextitem: pytest.Item | None, off: int | None) -> bool:
        item._initrequest()
        _forget()
        self._places.off = off
        signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
        try:
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self._places.off = None
        return any(report.failed for report in reports)


def _beside(item: pytest.Item, items: list[pytest.Item]) -> pytest.Item | None:
    """Return another test of the same file: named as the next one, it keeps what both set up."""
    return next((i for i in items if i is not item and i.path == item.path), None)


def _forget() -> None:
    """Empty the caches of the mutated files: what was computed with a place off is wrong."""
    for path in MUTATED:
        module = sys.modules.get(_module_of(path))
        for member in vars(module).values() if module else ():
            if callable(clear := getattr(member, "cache_clear", None)):
                clear()


def _around(name: str) -> tuple[str, str]:
    """Return the function that a place is in, with its file, and the file."""
    function = name.split(": ", 1)[0]
    return function, function.split(" ", 1)[0]


def _file_of_test(test: str) -> str:
    return test.partition("::")[0]


def file_of(name: str) -> str:
    """Return which file a place is in, from `AUDIT`."""
    return name.partition(" ")[0]


def kind_of(name: str) -> str:
    """Return which kind of place it is, of `KINDS`."""
    return name.split(": ", 1)[1].split(" ", 1)[0]


STATES = ("caught", "explained", "arrays", "survived", "unreached", "due")


def places_in(paths: Iterable[Path]) -> Places:
    """Find all places in some files of the audit, and import none."""
    places = Places()
    for path in paths:
        Wrapping(places, path).visit(ast.parse(path.read_text()))
    return places


def state(places: Places, known: dict[str, Any]) -> Counter[str]:
    """Count the places by what is known of them, in `STATES`; ``due`` are changed and new ones.

    What survived or was not reached is tried again, too. That a test is gone is seen by its
    function, so one that lost a parameter only counts until the next run.
    """
    caught, arrays = known.get("caught", {}), known.get("arrays", {})

    def state_of(name: str, digest: str) -> str:
        result = caught.get(name)
        if result and result["of"] == digest and _is_there(result["by"]):
            return "caught"
        if arrays.get(name) == digest:
            return "arrays"
        others = (part for part in ("survived", "unreached") if name in known.get(part, ()))
        return "explained" if name in EXPLAINED else next(others, "due")

    return Counter(map(state_of, places.names, places.digests))


@functools.cache
def _is_there(test: str) -> bool:
    """Tell whether a test's file has a function of its name."""
    path, function = ROOT / _file_of_test(test), test.partition("[")[0].rpartition("::")[2]
    return path.is_file() and f"def {function}(" in path.read_text()


def main() -> None:
    """Run the tests, print what survived, and fail if anything did without a reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--files",
        nargs="+",
        choices=FILES,
        default=FILES,
        metavar="FILE",
        help="whose places are switched off: rpc.py, checks/gate.py; what is known of others stays",
    )
    parser.add_argument("--tests", nargs="+", default=[TESTS], help="which tests run")
    parser.add_argument("--fresh", action="store_true", help="try again what was missed before")
    parser.add_argument("--state", action="store_true", help="count what is due and run nothing")
    parser.add_argument("--out", type=Path, default=OUT, help="where the results go")
    chosen = parser.parse_args()
    known = json.loads(chosen.out.read_text()) if chosen.out.exists() else {}
    if chosen.state:
        counts = state(places_in(MUTATED), known)
        told = (f"{counts[name]} {name}" for name in STATES)
        print(f"audit: {counts.total()} places,", ", ".join(told))
        return
    places = Places()
    builtins.__places__ = places  # type: ignore[attr-defined]  # what the wrapped sources call
    paths = [AUDIT / file for file in chosen.files]
    sys.meta_path.insert(0, WrappingFinder(places, paths))
    signal.signal(signal.SIGPROF, _hang)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    run, start = Run(places, chosen.kinds, chosen.files, chosen.out, known), time.time()
    if chosen.fresh:
        run.forget()
    code = pytest.main(["-q", "-p", "no:cacheprovider", *chosen.tests], plugins=[run])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(f"the tests could not be run: {code!r}")
    outcome, minutes = run.outcome(), (time.time() - start) / 60
    print(f"\n{outcome['counts']} in {minutes:.0f} minutes; written to {chosen.out}")
    for part in ("survived", "unreached", "unfit tests"):
        for name in outcome[part]:
            line = places.lines[places.names.index(name)] if name in places.names else 0
            print(f"  {part}: {name} (line {line})" if line else f"  {part}: {name}")
    raise SystemExit(any(outcome[part] for part in ("survived", "unreached", "unfit tests")))


def _hang(signum: int, frame: Any) -> None:
    raise TimeoutError("the test hangs")


if __name__ == "__main__":
    main()
