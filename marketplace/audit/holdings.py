"""What storage holds of a trade: all that its log names, and all that those documents name.

Lists of payees are of no trade; they are looked up alike.

Most checks ask for the documents that they know how to read. This walk asks for every CID it
meets, of documents of whatever kind: what is to be handed over, or kept from a sweep, or to be
missed by the audit, must not depend on what some version of the checks reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from marketplace.audit.disputes import Act
from marketplace.audit.distributions import Distributions
from marketplace.audit.trade import Trade
from marketplace.protocol.documents import MAX_DOCUMENT_BYTES
from marketplace.protocol.errors import (
    CorruptContent,
    InvalidCid,
    MissingContent,
    StorageError,
    StoreUnreachable,
)
from marketplace.protocol.foreign_json import parse_json
from offchain.storage.block import Cid
from offchain.storage.store import Store
from offchain.storage.walk import walk

Standing = Literal["there", "missing", "damaged", "awaited", "sealed", "refused"]

_NOT_DUE = ("awaited", "sealed", "refused")

# What lies below these isn't due either.
_ANYTHING = ("sealed", "refused")

# Under these keys a document names a plaintext, of which storage holds the ciphertext only.
_PLAINTEXTS = {"subset", "model", "inputs", "output"}
# What a stranger wrote freely; a CID in it names nothing of the trade.
_FREE = {"task", "description", "reason", "finding", "claim"}


@dataclass(frozen=True)
class Holding:
    """One file that a trade, or a distribution to many, refers to.

    Attributes
    ----------
    what
        By which name: ``gate manifest``, or ``gate manifest/routing``.
    cid
        Its CID.
    standing
        ``there`` is every block of it, verified. ``awaited`` is evidence that opens with the
        last verdict, while the trade runs on; ``sealed`` is evidence before that, and
        plaintexts; ``refused`` a delivery that was, and the list of a distribution that was
        vetoed. None of these three is due.
    why
        What is wrong, of one that is missing or damaged.
    """

    what: str
    cid: Cid
    standing: Standing
    why: str = ""

    @property
    def lacking(self) -> bool:
        """Whether it is due and can't be had."""
        return self.standing in ("missing", "damaged")


def holdings(trade: Trade, acts: Sequence[Act], store: Store) -> list[Holding]:
    """Look up everything that a trade refers to.

    Parameters
    ----------
    acts
        Challenge, ruling and penalties of the trade.

    Raises
    ------
    StoreUnreachable
        If the store does not answer.
    """
    return _held(_named_by_log(trade, acts), store)


def due(
    trade: Trade, acts: Sequence[Act], store: Store, known: Mapping[str, bytes], limit: int
) -> Iterator[Holding]:
    """Look up what is due of a trade by now and was not asked for yet, file after file.

    What is due is what `holdings` calls lacking if it can't be had, but for what was refused or
    is sealed, which may be anything.

    Parameters
    ----------
    known
        By CID what was asked for before, whether it could be had or not: the bytes of what may
        be a document, so that what it names is looked up, nothing of others.
    limit
        Most bytes of a file; one that has more counts as damaged.

    Raises
    ------
    StoreUnreachable
        If the store does not answer.
    """
    pending = [
        (title, _resolved(digest, store, known))
        for title, digest, state in _named_by_log(trade, acts)
        if any(digest) and state == "missing"
    ]
    met: set[Cid] = set()
    while pending:
        title, cid = pending.pop(0)
        if cid in met:
            continue
        met.add(cid)
        content = known.get(str(cid))
        if content is None:
            holding, content = _looked_up(title, cid, "missing", store, limit)
            yield holding
        pending += [
            (f"{title}/{path}", below)
            for path, below, state in _named_by(content)
            if state == "missing"
        ]


def lists_of_payees(told: Distributions, store: Store) -> list[Holding]:
    """Look up the lists of all distributions, and their rows; raises as `holdings`."""
    return _held(
        (
            (
                f"payee list of {proposal.name}",
                proposal.distribution.document,
                "refused" if proposal.vetoed else "missing",
            )
            for proposal in told.proposals
        ),
        store,
    )


def _held(named: Iterable[tuple[str, bytes, Standing]], store: Store) -> list[Holding]:
    found: dict[Cid, Holding] = {}
    pending = [
        (title, _resolved(digest, store), due) for title, digest, due in named if any(digest)
    ]
    while pending:
        # Plaintexts last: one that is published, too, is called by the name that it then has.
        pending.sort(key=lambda named: named[2] == "sealed")
        title, cid, otherwise = pending.pop(0)
        known = found.get(cid)
        if known is None or (known.standing in _NOT_DUE and otherwise == "missing"):
            holding, content = _looked_up(title, cid, otherwise, store)
            found[cid] = holding
            pending += [
                (f"{title}/{path}", below, otherwise if otherwise in _ANYTHING else state)
                for path, below, state in _named_by(content)
            ]
    return list(found.values())


def _named_by_log(trade: Trade, acts: Sequence[Act]) -> Iterator[tuple[str, bytes, Standing]]:
    """Yield each digest in the log that names something in storage, and what its absence is."""
    yield "specification", trade.request.spec, "missing"
    yield "licence", trade.request.licence, "missing"
    if trade.acceptance is not None:
        yield "data need", trade.acceptance.quote.data_request, "missing"
    if trade.data is not None:
        yield "data manifest", trade.data.finding.data_evidence, "missing"
        yield "gate manifest", trade.data.finding.gate_evidence, "missing"
    evidence: Standing = "missing" if trade.ended else "awaited" if trade.public else "sealed"
    for attempt in trade.attempts:
        of = f"of attempt {attempt.number}"
        yield f"training record {of}", attempt.finding.training, "missing"
        yield f"delivery manifest {of}", attempt.finding.delivery, "missing"
        plain = attempt.finding.without_model
        yield f"evidence {of}", attempt.finding.evidence, "missing" if plain else evidence
    # What is put on record may be anything, and is what committee and panel would look at.
    for delivery in trade.deliveries:
        title = f"delivery on record by {delivery.account} in stage {delivery.stage}"
        yield title, delivery.commitment, "refused"
    for attested in trade.attestations:
        yield "attestation", attested.report, "missing"
    for act in acts:
        for name in ("claim", "evidence"):
            if name in act.event.values:
                yield f"{name} of {act.event.name}", act.event[name], "missing"


def _resolved(digest: bytes, store: Store, known: Collection[str] = ()) -> Cid:
    """Return the CID with a digest: of a node, if only that is there, else of a raw block."""
    raw, node = Cid("raw", digest), Cid("dag-pb", digest)
    if str(raw) in known:
        return raw
    if _fetched(raw, store) is None and _fetched(node, store) is not None:
        return node
    return raw


def _fetched(cid: Cid, store: Store) -> bytes | None:
    return next(walk([cid], _verified(store))).block


def _verified(store: Store) -> Callable[[Cid], bytes]:
    """Fetch blocks and hash them here again: the store is not trusted.

    A block that can't be read counts as damaged, whatever the reason.
    """

    def fetch(cid: Cid) -> bytes:
        try:
            block = store.block(cid)
        except (StoreUnreachable, MissingContent):
            raise
        except StorageError as error:
            raise CorruptContent(error.cause, error.remedy) from error
        if not cid.names(block):
            raise CorruptContent(f"the bytes given as block {cid} don't hash to it", "ask another")
        return block

    return fetch


def _looked_up(
    title: str, cid: Cid, otherwise: Standing, store: Store, limit: int | None = None
) -> tuple[Holding, bytes | None]:
    """Look at every block of a file; its bytes come along if it is one block.

    One whose blocks have more bytes than `limit` is damaged.
    """
    content, size = None, 0
    for visit in walk([cid], _verified(store)):
        if visit.block is None:
            gone = isinstance(visit.fault, MissingContent)
            standing: Standing = otherwise if gone else "damaged"
            return Holding(title, cid, standing, visit.fault.cause if visit.fault else ""), None
        size += len(visit.block)
        if limit is not None and size > limit:
            why = f"{cid} has more bytes than the {limit} that are allowed"
            return Holding(title, cid, "damaged", why), None
        content = visit.block if cid.codec == "raw" else None
    return Holding(title, cid, "there"), content


def _named_by(content: bytes | None) -> Iterator[tuple[str, Cid, Standing]]:
    """Yield the CIDs in a document; nothing, if the bytes are none."""
    if content is None or len(content) > MAX_DOCUMENT_BYTES or not content.startswith(b"{"):
        return
    try:
        document = parse_json(content)
    except ValueError:
        return
    if isinstance(document, dict) and "document" in document:
        yield from _cids_in(document, "", "missing")


def _cids_in(value: Any, path: str, otherwise: Standing) -> Iterator[tuple[str, Cid, Standing]]:
    if isinstance(value, dict):
        if value.get("accepted") is False:
            otherwise = "refused"
        for key, inner in value.items():
            if key not in _FREE:
                state: Standing = "sealed" if key in _PLAINTEXTS else otherwise
                yield from _cids_in(inner, f"{path}/{key}".lstrip("/"), state)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _cids_in(inner, f"{path}/{number}", otherwise)
    elif isinstance(value, str):
        try:
            cid = Cid.parse(value)
        except InvalidCid:
            return
        yield path, cid, otherwise
