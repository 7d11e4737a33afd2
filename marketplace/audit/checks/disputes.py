"""Checks of challenges and penalties: rulings, and where bonds and stakes went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from eth_utils.crypto import keccak

from marketplace.audit.abi import Event
from marketplace.audit.archive import Unavailable
from marketplace.audit.case import Case
from marketplace.audit.chain import Chain
from marketplace.audit.checks.storage import credit_faults
from marketplace.audit.digests import NOTHING, hashed
from marketplace.audit.disputes import CHALLENGE, PENALTIES, RULINGS, Act, Award, seal_of
from marketplace.audit.history import History
from marketplace.audit.office import Committee
from marketplace.audit.records import Disputed, ReportedAttempt
from marketplace.audit.report import Finding, counted, judged, not_reached, shown, unchecked
from marketplace.audit.signatures import SignedReport, quorum_faults, signed_by
from marketplace.audit.trade import Trade, seats_in
from marketplace.protocol.terms import NOBODY
from marketplace.protocol.units import BASIS_POINTS, even_split

_NO_CONTRACT = "the arbiter is not a contract of challenges that this audit can read"
_DOMAIN = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_RULING = keccak(text="Ruling(bytes32 tradeId,uint32 panelVersion,bytes32 model,bytes32 evidence)")


# ------------------------------------------------------------------ course and word


def check_dispute(case: Case) -> Finding | None:
    """Check that a challenge came as announced, and that the panel's quorum signed the ruling.

    None of them may have had an interest in such a ruling when the verdict was challenged, and
    none may have been of one party with the challenger. The
    market's own events must tell the same: frozen by the challenge, for the ruling window after the
    review, and overturned by such a ruling only.
    """
    trade = case.trade
    if trade.disputed is None and not case.acts:
        return not_reached(trade.ended, "challenge")
    if case.chain.contracts.challenges is None:
        return Finding("missing", f"the market was frozen by a challenge, and {_NO_CONTRACT}")
    challenges = [act for act in case.acts if act.event.name == CHALLENGE]
    rulings = [act.event for act in case.acts if act.event.name in RULINGS]
    penalties = [act.event for act in case.acts if act.event.name in PENALTIES]
    faults = [
        *_challenge_faults(case, challenges),
        *_ruling_faults(case, rulings),
        *_penalty_faults(case, penalties),
    ]
    ruled = rulings[0].name if rulings else "no ruling"
    return judged(
        faults,
        f"{counted(len(challenges), 'challenge')}, {ruled}, {counted(len(penalties), 'fault')}"
        " of the committee penalised" + "".join(f"; {named}" for named in _judges(case)),
    )


def _judges(case: Case) -> Iterator[str]:
    """Name who signed the ruling, and whom a penalty took a stake from."""
    for act in case.acts:
        event = act.event
        if "signers" in event.values:  # a ruling that somebody made
            report = _signed_ruling(case, event, event.values.get("model", NOTHING))
            yield signed_by(case.history.panel, case.panel, report)
        elif event.name in PENALTIES:
            members = ", ".join(slash.member for slash in act.slashes)
            yield f"{event.name} in block {event.log.block} of {members or 'nobody'}"


def _challenge_faults(case: Case, challenges: list[Act]) -> Iterator[str]:
    trade, terms = case.trade, _terms(case.chain)
    frozen = trade.disputed
    if len(challenges) > 1:
        yield f"it was challenged {len(challenges)} times"
    if bool(challenges) != (frozen is not None):
        yield "only one of market and challenges knows of a challenge"
    for act in challenges:
        event = act.event
        bond = -(-trade.at_stake * terms["bondBps"] // BASIS_POINTS)
        if (event["currency"], event["bond"]) != (trade.request.currency, bond):
            yield f"the bond is {event['bond']} of {event['currency']} where {bond} is due"
        if event["deadline"] != event.timestamp + terms["rulingWindow"]:
            yield f"the ruling is due at {event['deadline']}, not as the terms say"
        yield from _announcement_faults(case, act, terms["announcementDelay"])
        if frozen is not None:
            yield from _freeze_faults(frozen, event, terms["rulingWindow"])
        told, barred = (event["mayNotUphold"], event["mayNotOverturn"]), _barred(case)
        if told != barred:
            yield f"seats {told} are barred from ruling where {barred} have an interest"
        seats = case.history.affiliations.challengers.get(trade.id, 0)
        for juror in _seated(case.panel, seats):
            yield f"the challenger {event['challenger']} was of one party with the juror {juror}"
        shared = set(case.committee.members) & set(case.panel.members)
        if shared:
            yield f"{', '.join(sorted(shared))} would judge themselves"


def _announcement_faults(case: Case, challenge: Act, delay: int) -> Iterator[str]:
    """Object to a challenge that was not announced a delay, in seconds, before."""
    if challenge.announced is None:
        seal = seal_of(challenge.event, case.history.domain.chain_id)
        yield f"the challenge, sealed as 0x{seal.hex()}, was never announced"
    elif challenge.event.timestamp < challenge.announced + delay:
        yield (
            f"the challenge was announced at {challenge.announced}, less than {delay} s before it"
            " came"
        )


def _freeze_faults(frozen: Disputed, challenge: Event, window: int) -> Iterator[str]:
    """Object to a freezing of the settlement by another call, or for another time in seconds."""
    if frozen.transaction != challenge.log.transaction:
        yield "the market was not frozen by the challenge"
    if frozen.until != frozen.review + window:
        yield f"the market is frozen until {frozen.until}, not {frozen.review + window}"


def _ruling_faults(case: Case, rulings: list[Any]) -> Iterator[str]:
    ruled = case.trade.ruled
    if len(rulings) > 1:
        yield f"it was ruled {len(rulings)} times"
    yield from _unruled_faults(case.trade, rulings)
    for event in rulings:
        deadline = case.acts[0].event.values.get("deadline", 0)
        overturns, lapses = event.name == "VerdictOverturned", event.name == "ChallengeLapsed"
        if ruled is None or ruled.overturned != overturns:
            yield f"{event.name} is not what the market was told"
        elif not lapses and ruled.transaction != event.log.transaction:
            yield f"{event.name} came in another transaction than the end of the dispute"
        if lapses != (event.timestamp > deadline):
            yield f"{event.name} came at {event.timestamp}, and the deadline is {deadline}"
        if lapses:
            continue
        model = event["model"] if overturns else NOTHING
        if overturns and _wrong_attempt(case, model) is None:
            yield f"overturned was model 0x{model.hex()}, which decided nothing"
        yield from quorum_faults(case.panel, _signed_ruling(case, event, model))
        yield from _interest_faults(case, event, overturns)


def _unruled_faults(trade: Trade, rulings: list[Any]) -> Iterator[str]:
    """Object to a dispute that ended by no call of the arbiter before its time."""
    ruled, frozen = trade.ruled, trade.disputed
    if ruled is None or any(event.name != "ChallengeLapsed" for event in rulings):
        return
    lapsed = any(event.log.transaction == ruled.transaction for event in rulings)
    early = frozen is None or ruled.timestamp <= frozen.until
    if ruled.overturned or (early and not lapsed):
        yield "the market's dispute ended without a ruling"


def _interest_faults(case: Case, event: Any, overturns: bool) -> Iterator[str]:
    """Name who signed a ruling in which it had an interest."""
    for juror in _seated(case.panel, event["signers"] & _barred(case)[overturns]):
        yield f"{juror} signed {event.name} and had an interest in it"


def _barred(case: Case) -> tuple[int, int]:
    """Return the seats that may not uphold and may not overturn, as bitmaps, by the registry."""
    return case.history.affiliations.barred.get(case.trade.id, (0, 0))


def _penalty_faults(case: Case, penalties: list[Any]) -> Iterator[str]:
    """Name penalties for silence without silence, twice, or where the buyer left no time."""
    windows = case.trade.request.windows
    for event in penalties:
        silence = event.name == "SilencePenalised"
        if silence and not case.trade.unjudged:
            yield "a committee that left nothing unjudged was penalised"
        given = min(windows.judging, windows.validation) if silence else windows.settlement
        least = _terms(case.chain)["leastWindow"]
        if given < least:
            yield f"a committee that had {given} s was penalised where {least} s are the least"
    if sum(event.name == "SilencePenalised" for event in penalties) > 1:
        yield "silence was penalised twice"


def _wrong_attempt(case: Case, model: bytes) -> ReportedAttempt | None:
    """Return the attempt that a ruling overturned: of a pass the deciding one, else any."""
    passed, deciding = case.trade.passed, case.trade.deciding
    found = (a for a in case.trade.attempts if a.finding.model == model)
    return next((a for a in found if passed is None or a is deciding), None)


def _signed_ruling(case: Case, event: Any, model: bytes) -> SignedReport:
    contract, chain_id = case.chain.contracts.challenges, case.history.domain.chain_id
    name, version = keccak(text="Challenges"), keccak(text="1")
    separator = hashed(_DOMAIN, name, version, chain_id, contract or NOTHING)
    struct = hashed(_RULING, case.trade.id, case.panel.version, model, event["evidence"])
    word = keccak(b"\x19\x01" + separator + struct)
    digests = dict.fromkeys(seats_in(event["signers"]), word)
    where = event.log.block, event.timestamp
    return SignedReport("the ruling", event["signers"], digests, event["signatures"], *where)


# ------------------------------------------------------------------ bonds and stakes


class _Due(NamedTuple):
    """Whose stakes an act takes, how much of each at most, and what it awards."""

    members: tuple[str, ...]
    penalty: int
    awards: list[Award]


def check_awards(case: Case) -> Finding | None:
    """Check what each ruling and penalty took from stakes, and to whom bond and stakes went."""
    if not case.acts:
        return not_reached(case.trade.ended, "challenge")
    faults = [
        f"{act.event.name}: {fault}" for act in case.acts for fault in _money_faults(case, act)
    ]
    taken = sum(slash.amount for act in case.acts for slash in act.slashes)
    given = sum(len(act.awards) for act in case.acts)
    return judged(
        faults,
        f"{taken} were taken from stakes, and {counted(given, 'award')} made; nothing is left over",
    )


def _money_faults(case: Case, act: Act) -> Iterator[str]:
    members, penalty, awards = _DUE[act.event.name](case, act)
    if tuple(slash.member for slash in act.slashes) != members:
        yield f"slashed were {[slash.member for slash in act.slashes]}, not {list(members)}"
    for slash in act.slashes:
        if slash.receiver != act.event.log.address:
            yield f"{slash.amount} of the stake of {slash.member} went to {slash.receiver}"
        if slash.amount != min(penalty, slash.held):
            yield f"{slash.member} lost {slash.amount} of {slash.held}, not {penalty} at most"
    said = act.event.values.get("slashed", 0)
    if said != _taken(act):
        yield f"{said} is said to be taken, and {_taken(act)} was"
    due = Counter(award for award in awards if award.amount)
    for award in (due - Counter(act.awards)).elements():
        yield f"{award.account} was due {award.amount} of {award.currency}"
    for award in (Counter(act.awards) - due).elements():
        yield f"{award.account} got {award.amount} of {award.currency}, not due"
    for currency, amount in _left_over(case, act).items():
        yield f"{amount} of {currency} stay with the challenges"


def _left_over(case: Case, act: Act) -> Counter[str]:
    """Return by currency what stakes and bond gave and no award passed on, where it is positive."""
    came = Counter({_stake_currency(case.chain): _taken(act)})
    if act.event.name in RULINGS:
        currency, bond, _ = _bond(case)
        came[currency] += bond
    for award in act.awards:
        came[award.currency] -= award.amount
    return +came


def _challenged(case: Case, act: Act) -> _Due:
    return _Due((), 0, [])


def _upheld(case: Case, act: Act) -> _Due:
    """Give the lost bond to the panel's signers and the treasury."""
    currency, bond, _ = _bond(case)
    reward = bond * _terms(case.chain)["panelBps"] // BASIS_POINTS
    rest = Award(case.trade.request.treasury, currency, bond - reward)
    return _Due((), 0, [rest, *_evenly(case, act, currency, reward)])


def _overturned(case: Case, act: Act) -> _Due:
    """Give the bond back; slash who signed the wrong verdict, for challenger and panel."""
    terms, attempt = _terms(case.chain), _wrong_attempt(case, act.event["model"])
    currency, bond, challenger = _bond(case)
    wrong = 0
    if attempt is not None:
        passed = case.trade.passed is not None
        wrong = attempt.verdicts if passed else attempt.signers & ~attempt.verdicts
    stakes, taken = _stake_currency(case.chain), _taken(act)
    reward = taken * terms["challengerBps"] // BASIS_POINTS
    back = [Award(challenger, currency, bond), Award(challenger, stakes, reward)]
    awards = [*back, *_evenly(case, act, stakes, taken - reward)]
    return _Due(_seated(case.committee, wrong), terms["wrongVerdictPenalty"], awards)


def _lapsed(case: Case, act: Act) -> _Due:
    currency, bond, challenger = _bond(case)
    return _Due((), 0, [Award(challenger, currency, bond)])


def _seals_penalised(case: Case, act: Act) -> _Due:
    """Slash whoever kept a score sealed, for reporter and treasury."""
    terms, stakes, taken = _terms(case.chain), _stake_currency(case.chain), _taken(act)
    reward = taken * terms["reporterBps"] // BASIS_POINTS
    awards = [
        Award(act.event["reporter"], stakes, reward),
        Award(case.trade.request.treasury, stakes, taken - reward),
    ]
    closed = _seated(case.committee, act.event["closed"])
    return _Due(closed, terms["closedSealPenalty"], awards)


def _silence_penalised(case: Case, act: Act) -> _Due:
    """Slash a committee that judged nothing, once, for the treasury."""
    penalty, members = _terms(case.chain)["silencePenalty"], case.committee.members
    awards = [Award(case.trade.request.treasury, _stake_currency(case.chain), _taken(act))]
    return _Due(members, penalty, awards)


_DUE: Mapping[str, Callable[[Case, Act], _Due]] = {
    "Challenged": _challenged,
    "VerdictUpheld": _upheld,
    "VerdictOverturned": _overturned,
    "ChallengeLapsed": _lapsed,
    "ClosedSealsPenalised": _seals_penalised,
    "SilencePenalised": _silence_penalised,
}


def _bond(case: Case) -> tuple[str, int, str]:
    """Return currency and wei of the bond, and who paid it."""
    event = case.acts[0].event
    if event.name != CHALLENGE:
        return case.trade.request.currency, 0, case.trade.request.buyer
    return event["currency"], event["bond"], event["challenger"]


def _evenly(case: Case, act: Act, currency: str, amount: int) -> list[Award]:
    """Split among the panel's signers; the units left over go one each to the first seats."""
    signers = _seated(case.panel, act.event["signers"])
    shares = even_split(amount, len(signers)) if signers else []
    return [Award(*part) for part in zip(signers, [currency] * len(shares), shares, strict=True)]


def _seated(committee: Committee, bitmap: int) -> tuple[str, ...]:
    return tuple(m for seat, m in enumerate(committee.members) if bitmap >> seat & 1)


def _taken(act: Act) -> int:
    return sum(slash.amount for slash in act.slashes)


def _terms(chain: Chain) -> dict[str, int]:
    """Return what the contract was deployed with, which never changes."""
    found: dict[str, int] | None = chain.view(chain.contracts.challenges or "", "terms")
    if found is None:
        raise Unavailable("missing", "the challenges' contract does not tell its terms")
    return found


def _stake_currency(chain: Chain) -> str:
    return str(chain.view(chain.contracts.committee, "stakeCurrency"))


# ---------------------------------------------------------------- of the whole market


def check_stored_awards(history: History, chain: Chain) -> Finding:
    """Check that the challenges' contract owes and holds what the log says, open bonds included.

    What was taken from stakes waits in the committee's contract until it is withdrawn.
    """
    contract, disputes = chain.contracts.challenges, history.disputes
    if contract is None:
        frozen = any(trade.disputed is not None for trade in history.trades.values())
        if frozen or disputes.unclaimed:
            return Finding("missing", f"the log knows challenges or penalties, and {_NO_CONTRACT}")
        return unchecked(_NO_CONTRACT)
    faults = [
        *disputes.faults,
        *(
            f"{slash.amount} of the stake of {slash.member} went to {slash.receiver}"
            f" in {slash.log.place}, by no ruling and no penalty"
            for slash in disputes.unclaimed
        ),
        *credit_faults(chain, contract, disputes.credit),
    ]
    owed = disputes.open_bonds()
    for (_, currency), amount in disputes.credit.items():
        owed[currency] = owed.get(currency, 0) + amount
    for currency, amount in owed.items():
        held = chain.balance(contract, currency)
        if currency == _stake_currency(chain):
            held += history.committee.credit[contract]
        if held < amount:
            faults.append(f"the challenges hold {held} of {currency} and owe {amount}")
    count = counted(len(disputes.credit), "award")
    return judged(faults, f"{count} in storage follow from the log, and bonds are covered")


def check_stored_challenges(history: History, chain: Chain) -> Finding:
    """Check that the contract keeps the challenges that wait for a ruling, and no other.

    And the announcements, but for those that a challenge has used up.
    """
    contract, disputes = chain.contracts.challenges, history.disputes
    if contract is None:
        return unchecked(_NO_CONTRACT)
    challenges = [a.event for acts in disputes.acts.values() for a in acts]
    used = {seal_of(c, history.domain.chain_id): 0 for c in challenges if c.name == CHALLENGE}
    faults = [
        f"seal {shown(seal)} was announced at {stored} in storage and at {announced} by the log"
        for seal, announced in (used | disputes.announced).items()
        if (stored := chain.view(contract, "announcedAt", seal)) != announced
    ]
    waiting = {trade: disputes.pending(trade) for trade in disputes.acts}
    for trade, challenge in waiting.items():
        stored = chain.view(contract, "challengeOf", trade) or {}
        faults += [
            f"{name} of a challenge of trade {shown(trade)} is {shown(stored.get(name))} in storage"
            f" and {shown(expected)} by the log"
            for name, nothing in _NO_CHALLENGE.items()
            if stored.get(name) != (expected := challenge[name] if challenge else nothing)
        ]
    count = sum(challenge is not None for challenge in waiting.values())
    return judged(
        faults,
        f"{counted(count, 'challenge')} that wait for a ruling and"
        f" {counted(len(disputes.announced), 'announcement')} in storage follow from the log",
    )


_NO_CHALLENGE = {
    "challenger": NOBODY,
    "deadline": 0,
    "bond": 0,
    "mayNotUphold": 0,
    "mayNotOverturn": 0,
}
