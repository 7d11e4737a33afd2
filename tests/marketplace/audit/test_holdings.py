"""What a trade refers to in storage, under which names, and which of it is due."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audited_trade import Settled
from telling import told

from marketplace.audit.disputes import Act
from marketplace.audit.holdings import Holding, due, holdings
from marketplace.audit.trade import Trade
from marketplace.protocol.documents import MAX_DOCUMENT_BYTES
from marketplace.protocol.errors import StorageError, StoreUnreachable
from marketplace.protocol.states import State
from offchain.storage.block import Cid
from offchain.storage.cid import cid_of, digest_of
from offchain.storage.dag import CHUNK_SIZE
from offchain.storage.disk import DiskStore

GONE = b"never stored"
NOTHING = bytes(32)


@pytest.fixture
def asked(honest: Trade) -> Trade:
    """A trade of which the log says no more than its request, which names no licence."""
    honest.request = replace(honest.request, spec=NOTHING, licence=NOTHING)
    honest.acceptance = honest.data = None
    honest.attempts, honest.attestations = [], []
    return honest


def naming(trade: Trade, content: bytes) -> Trade:
    """Let the request name a specification of these bytes."""
    trade.request = replace(trade.request, spec=digest_of(cid_of(content)))
    return trade


def document(**parts: Any) -> bytes:
    return json.dumps({"document": "of some kind", **parts}).encode()


def standings(held: list[Holding]) -> dict[str, str]:
    found: dict[str, str] = {one.what: one.standing for one in held}
    assert len(found) == len(held)
    return found


def below(trade: Trade, store: DiskStore, content: bytes) -> dict[str, str]:
    """Return what is held because a specification of these bytes names it."""
    store.put(content)
    found = standings(holdings(naming(trade, content), (), store))
    assert found.pop("specification") == "there"
    return found


# ------------------------------------------------------------------- what the log names


def test_all_that_a_settled_trade_refers_to(honest: Trade, settled: Settled) -> None:
    held = holdings(honest, (), settled.store)
    sealed = ("ciphertext", "envelope")
    assert standings(held) == {
        **dict.fromkeys(("specification", "data need", "data manifest"), "there"),
        **dict.fromkeys(("gate manifest", "attestation"), "there"),
        **{f"training record of attempt {number}": "there" for number in (1, 2)},
        **{f"evidence of attempt {number}": "there" for number in (1, 2)},
        **{f"evidence of attempt {number}/votes": "there" for number in (1, 2)},
        "evidence of attempt 1/openings": "there",  # the second one's are the same
        "delivery manifest of attempt 2": "there",  # the first one failed
        **{f"specification/validation/{part}": "there" for part in sealed},
        **{f"data manifest/deliveries/{n}/sealed/{p}": "there" for n in range(3) for p in sealed},
        "gate manifest/routing": "there",
        **{f"gate manifest/subsets/{n}/sealed/{p}": "there" for n in range(3) for p in sealed},
        **{f"delivery manifest of attempt 2/sealed/{part}": "there" for part in sealed},
        "licence": "there",
    }


def test_what_is_gone_is_named(honest: Trade, settled: Settled) -> None:
    honest.request = replace(honest.request, licence=digest_of(cid_of(GONE)))
    held = holdings(honest, (), settled.store)
    (licence,) = (one for one in held if one.lacking)
    assert (licence.what, licence.standing) == ("licence", "missing")
    assert licence.cid == Cid("raw", honest.request.licence)
    assert "not in the store" in licence.why


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        (State.PASSED, "awaited"),
        (State.SETTLED, "missing"),
        (State.REFUNDED, "missing"),
    ],
)
def test_evidence_opens_with_the_last_verdict_and_is_due_at_the_end(
    honest: Trade, store: DiskStore, state: State, standing: str
) -> None:
    honest.state = state
    held = {one.what: one for one in holdings(honest, (), store)}
    assert held["evidence of attempt 1"].standing == standing
    assert held["evidence of attempt 1"].lacking == (standing == "missing")
    assert held["training record of attempt 1"].standing == "missing"


def test_evidence_is_sealed_while_another_attempt_may_follow(
    honest: Trade, store: DiskStore
) -> None:
    honest.state, honest.ended_from, honest.attempts = State.GATED, None, honest.attempts[:1]
    assert standings(holdings(honest, (), store))["evidence of attempt 1"] == "sealed"


def test_what_stands_for_a_model_that_was_not_made_is_due_at_once(
    honest: Trade, store: DiskStore
) -> None:
    honest.state, attempt = State.PASSED, honest.attempts[0]
    assert not attempt.finding.without_model
    finding = replace(attempt.finding, model=attempt.finding.evidence)
    honest.attempts[0] = replace(attempt, finding=finding)
    found = standings(holdings(honest, (), store))
    assert found["evidence of attempt 1"] == "missing"
    assert found["evidence of attempt 2"] == "awaited"


def test_what_no_digest_names_is_not_looked_for(asked: Trade, store: DiskStore) -> None:
    assert holdings(asked, (), store) == []


def test_what_a_dispute_names(asked: Trade, store: DiskStore) -> None:
    claim, evidence = (digest_of(store.put(what)) for what in (b"a claim", b"some evidence"))
    acts = [
        act("Challenged", claim=claim),
        act("VerdictUpheld", evidence=evidence),
        act("ChallengeLapsed"),
    ]
    assert standings(holdings(asked, acts, store)) == {
        "claim of Challenged": "there",
        "evidence of VerdictUpheld": "there",
    }


def act(name: str, **values: Any) -> Act:
    return Act(told(name, **values), ())


# ------------------------------------------------------------------ what documents name


def test_names_are_followed_down_and_free_words_are_not(asked: Trade, store: DiskStore) -> None:
    votes = store.put(b"votes")
    inner = store.put(document(votes=votes))
    free = {key: cid_of(GONE) for key in ("task", "description", "reason", "finding", "claim")}
    found = below(asked, store, document(parts=[{"of": "it"}, {"inner": inner}], number=1, **free))
    assert found == {
        "specification/parts/1/inner": "there",
        "specification/parts/1/inner/votes": "there",
    }


@pytest.mark.parametrize("key", ["subset", "model", "inputs", "output"])
def test_of_a_plaintext_the_ciphertext_is_due(asked: Trade, store: DiskStore, key: str) -> None:
    content = document(**{key: cid_of(GONE)}, sealed=cid_of(b"a ciphertext"))
    found = below(asked, store, content)
    assert found == {f"specification/{key}": "sealed", "specification/sealed": "missing"}


def test_a_plaintext_that_was_published_is_called_by_that_name(
    asked: Trade, store: DiskStore
) -> None:
    published = store.put(b"for all")
    found = below(asked, store, document(model=published, weights=published))
    assert found == {"specification/weights": "there"}


def test_what_was_refused_twice_is_called_by_its_first_name(asked: Trade, store: DiskStore) -> None:
    refused = {"accepted": False, "sealed": cid_of(GONE)}
    found = below(asked, store, document(deliveries=[refused, refused]))
    assert found == {"specification/deliveries/0/sealed": "refused"}


def test_what_a_published_plaintext_names_is_not_due(asked: Trade, store: DiskStore) -> None:
    published = store.put(document(composite=cid_of(GONE)))
    assert below(asked, store, document(model=published)) == {
        "specification/model": "there",
        "specification/model/composite": "sealed",
    }


def test_a_delivery_that_was_refused_is_not_due(asked: Trade, store: DiskStore) -> None:
    parts = store.put(document(rows=cid_of(b"refused rows")))
    content = document(
        deliveries=[
            {"accepted": False, "sealed": cid_of(b"refused"), "parts": parts},
            {"accepted": True, "sealed": cid_of(b"accepted")},
        ]
    )
    assert below(asked, store, content) == {
        "specification/deliveries/0/sealed": "refused",
        "specification/deliveries/0/parts": "there",
        "specification/deliveries/0/parts/rows": "refused",
        "specification/deliveries/1/sealed": "missing",
    }


def test_what_is_due_by_one_name_is_due(asked: Trade, store: DiskStore) -> None:
    gone = cid_of(GONE)
    content = document(deliveries=[{"accepted": False, "sealed": gone}], also=gone, last=gone)
    assert below(asked, store, content) == {"specification/also": "missing"}
    content = document(first=gone, deliveries=[{"accepted": False, "sealed": gone}])
    assert below(asked, store, content) == {"specification/first": "missing"}


@pytest.mark.parametrize(
    "content",
    [
        b"[" + document(votes=cid_of(GONE)) + b"]",
        b" " + document(votes=cid_of(GONE)),
        document(votes=cid_of(GONE)).replace(b"document", b"picture"),
        document(votes=cid_of(GONE))[:-1],
        document(votes=cid_of(GONE) + "a"),
    ],
)
def test_bytes_that_are_no_document_name_nothing(
    asked: Trade, store: DiskStore, content: bytes
) -> None:
    assert below(asked, store, content) == {}


@pytest.mark.parametrize(
    ("length", "named"),
    [(MAX_DOCUMENT_BYTES, ["specification/votes"]), (MAX_DOCUMENT_BYTES + 1, [])],
)
def test_a_document_is_no_longer_than_any_may_be(
    asked: Trade, store: DiskStore, length: int, named: list[str]
) -> None:
    content = document(votes=cid_of(GONE), more="")
    content = content[:-2] + b"." * (length - len(content)) + content[-2:]
    cid = Cid.of("raw", content)
    store.put_blocks([(cid, content)])
    asked.request = replace(asked.request, spec=cid.digest)
    assert list(standings(holdings(asked, (), store))) == ["specification", *named]


# -------------------------------------------------------------------- what is due by now

MOST = 1_000


def still_due(trade: Trade, store: DiskStore, **known: bytes) -> dict[str, str]:
    return standings(list(due(trade, (), store, known, MOST)))


def test_what_is_sealed_or_was_refused_is_not_asked_for(asked: Trade, store: DiskStore) -> None:
    refused = {"accepted": False, "sealed": store.put(b"what was refused")}
    content = document(deliveries=[refused], model=store.put(b"a plaintext"), votes=cid_of(GONE))
    store.put(content)
    found = still_due(naming(asked, content), store)
    assert found == {"specification": "there", "specification/votes": "missing"}


def test_of_what_was_asked_for_only_the_names_are_followed(asked: Trade, store: DiskStore) -> None:
    content = document(votes=cid_of(GONE), routing=store.put(b"a routing"))
    specification = cid_of(content)
    naming(asked, content)  # and it isn't stored: whoever knows it need not ask for it
    assert still_due(asked, store) == {"specification": "missing"}
    found = still_due(asked, store, **{specification: content})
    assert found == {"specification/votes": "missing", "specification/routing": "there"}
    found = still_due(asked, store, **{specification: content, cid_of(GONE): b""})
    assert found == {"specification/routing": "there"}
    assert still_due(asked, store, **{specification: b""}) == {}


def test_what_was_asked_for_as_one_block_is_not_asked_for_as_many(
    asked: Trade, store: DiskStore
) -> None:
    node = store.put(b"." * CHUNK_SIZE + b"more")
    asked.request = replace(asked.request, spec=digest_of(node))
    known = {str(Cid("raw", asked.request.spec)): b""}
    assert len(list(due(asked, (), store, {}, 2 * CHUNK_SIZE))) == 1
    assert list(due(asked, (), store, known, 2 * CHUNK_SIZE)) == []


def test_what_is_named_twice_is_asked_for_once(asked: Trade, store: DiskStore) -> None:
    content = document(votes=cid_of(GONE), openings=cid_of(GONE))
    store.put(content)
    found = still_due(naming(asked, content), store)
    assert found == {"specification": "there", "specification/votes": "missing"}


@pytest.mark.parametrize(("length", "standing"), [(MOST, "there"), (MOST + 1, "damaged")])
def test_a_file_is_no_longer_than_it_may_be(
    asked: Trade, store: DiskStore, length: int, standing: str
) -> None:
    store.put(b"." * length)
    (held,) = due(naming(asked, b"." * length), (), store, {}, MOST)
    assert held.standing == standing
    assert held.lacking == (length > MOST) == (f"the {MOST} that are allowed" in held.why)


def test_a_store_that_gives_other_bytes_is_not_believed(asked: Trade, store: DiskStore) -> None:
    class Gullible(DiskStore):
        def block(self, cid: Cid) -> bytes:
            return b"whatever lies there"

    (held,) = due(naming(asked, GONE), (), Gullible(store.path), {}, MOST)
    assert (held.standing, held.lacking) == ("damaged", True)
    assert "don't hash to it" in held.why


def test_a_block_that_can_not_be_read_is_damaged(asked: Trade, store: DiskStore) -> None:
    class Broken(DiskStore):
        def block(self, cid: Cid) -> bytes:
            raise StorageError("the disk is broken", "buy another")

    (held,) = due(naming(asked, GONE), (), Broken(store.path), {}, MOST)
    assert (held.standing, held.why) == ("damaged", "the disk is broken")


# ------------------------------------------------------------------------ what is there


def test_a_file_of_many_blocks_is_there_if_each_of_them_is(asked: Trade, store: DiskStore) -> None:
    last = document(votes=cid_of(GONE))
    digest = digest_of(store.put(b"." * CHUNK_SIZE + last))
    asked.request = replace(asked.request, spec=digest)
    (held,) = holdings(asked, (), store)  # it is read as a file, not as a document
    assert (held.cid, held.standing) == (Cid("dag-pb", digest), "there")
    _file(store, last).unlink()
    (held,) = holdings(asked, (), store)
    assert (held.standing, held.lacking) == ("missing", True)


def test_bytes_that_are_there_as_they_are_are_no_file_of_blocks(
    asked: Trade, store: DiskStore
) -> None:
    digest = digest_of(store.put(b"." * CHUNK_SIZE + b"more"))
    store.put(store.block(Cid("dag-pb", digest)))
    asked.request = replace(asked.request, spec=digest)
    (held,) = holdings(asked, (), store)
    assert (held.cid, held.standing) == (Cid("raw", digest), "there")


def test_what_is_damaged_is_due_whatever_it_is(asked: Trade, store: DiskStore) -> None:
    damaged = store.put(b"as it was")
    file = _file(store, b"as it was")
    file.chmod(0o644)
    file.write_bytes(b"as it became")
    content = document(deliveries=[{"accepted": False, "sealed": damaged}])
    store.put(content)
    (_, held) = holdings(naming(asked, content), (), store)
    assert (held.standing, held.lacking) == ("damaged", True)
    assert damaged in held.why


def test_a_store_that_does_not_answer_is_no_gap(asked: Trade, store: DiskStore) -> None:
    class Silent(DiskStore):
        def block(self, cid: Cid) -> bytes:
            raise StoreUnreachable(f"no answer about {cid}", "try again")

    with pytest.raises(StoreUnreachable):
        holdings(naming(asked, GONE), (), Silent(store.path))
    with pytest.raises(StoreUnreachable):
        list(due(naming(asked, GONE), (), Silent(store.path), {}, MOST))


def _file(store: DiskStore, content: bytes) -> Path:
    (file,) = (file for file in store.block_files() if file.read_bytes() == content)
    return file
