"""What is said of a report's signatures, word for word: too few, of the wrong size, by others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audited_trade import Settled
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from telling import told

from marketplace.audit.office import Committee, Office
from marketplace.audit.rpc import Rpc
from marketplace.audit.signatures import SignedReport, objection_to, quorum_faults, signed_by
from marketplace.audit.trade import Trade
from marketplace.protocol.terms import AuditReport
from marketplace.protocol.typed_data import compact, sign

SEATS = sorted(
    (Account.from_key(bytes(31) + bytes([number])) for number in (1, 2, 3)),
    key=lambda account: account.address.lower(),
)
MEMBERS = tuple(account.address for account in SEATS)
COMMITTEE = Committee(1, 2, MEMBERS)
WORD = keccak(text="what they sign")


def signature(account: LocalAccount) -> bytes:
    return compact(bytes(account.unsafe_sign_hash(WORD).signature))


def report(
    *seats: int, packed: bytes | None = None, digests: dict[int, bytes] | None = None
) -> SignedReport:
    """Return a report whose signatures are those of its seats, unless others are given."""
    signers = sum(1 << seat for seat in seats)
    signed = b"".join(signature(SEATS[seat]) for seat in seats if seat < len(SEATS))
    return SignedReport(
        "the report",
        signers,
        dict.fromkeys(seats, WORD) if digests is None else digests,
        signed if packed is None else packed,
        7,
        100,
    )


def faults(given: SignedReport) -> list[str]:
    return list(quorum_faults(COMMITTEE, given))


@pytest.mark.parametrize("seats", [(0, 1), (1, 2), (0, 1, 2)])
def test_a_quorum_of_its_members_has_no_fault(seats: tuple[int, ...]) -> None:
    assert faults(report(*seats)) == []


def test_one_signer_less_is_no_quorum() -> None:
    assert faults(report(1)) == ["the report names 1 signers where 2 are a quorum"]


@pytest.mark.parametrize("count", [63, 64, 127, 129])
def test_signatures_of_another_length_are_not_read(count: int) -> None:
    packed = (signature(SEATS[0]) + signature(SEATS[1]) + b"\0")[:count]
    assert faults(report(0, 1, packed=packed)) == [
        f"the report has {count} bytes of signatures and 2 signed messages for 2 signers"
    ]


def test_each_signer_signs_a_message() -> None:
    assert faults(report(0, 1, digests={0: WORD})) == [
        "the report has 128 bytes of signatures and 1 signed messages for 2 signers"
    ]


def test_who_signed_in_place_of_another_is_named() -> None:
    packed = signature(SEATS[0]) + signature(SEATS[2])
    assert faults(report(0, 1, packed=packed)) == [
        f"the report: the signature of seat 1 is by {MEMBERS[2]}, not by {MEMBERS[1]}"
    ]


def test_what_nobody_signed_is_by_nobody() -> None:
    packed = signature(SEATS[0]) + bytes(64)
    assert faults(report(0, 1, packed=packed)) == [
        f"the report: the signature of seat 1 is by nobody, not by {MEMBERS[1]}"
    ]


def test_a_seat_that_is_not_there_is_named() -> None:
    packed = signature(SEATS[0]) + signature(SEATS[1])
    assert faults(report(0, 3, packed=packed)) == [
        "the report names seat 3, which the committee does not have"
    ]


# ------------------------------------------------------------------------- in words


def office(*versions: tuple[int, int]) -> Office:
    """Return the office whose versions begin at these seconds."""
    found = Office("committee", 0, 0)
    for version, second in versions:
        found.take(
            told(
                "RotationScheduled",
                second,
                version=version,
                members=MEMBERS,
                threshold=2,
                effectiveAt=second,
            )
        )
    return found


def test_each_seat_is_told_with_its_committee() -> None:
    assert signed_by(office((1, 0)), COMMITTEE, report(0, 2)) == (
        f"the report in block 7 by seat 0 {MEMBERS[0]}, seat 2 {MEMBERS[2]} of committee 1"
    )


def test_a_rotation_since_is_told() -> None:
    assert signed_by(office((1, 0), (2, 100)), COMMITTEE, report(0)) == (
        f"the report in block 7 (when committee 2 had taken office) by seat 0 {MEMBERS[0]}"
        " of committee 1"
    )


def test_seats_that_are_not_there_are_nobody() -> None:
    assert signed_by(office((1, 0)), COMMITTEE, report(5)) == (
        "the report in block 7 by nobody of committee 1"
    )


# -------------------------------------------------------------------------- one signature


MESSAGE = AuditReport(
    keccak(text="a trade"), keccak(text="a record"), keccak(text="a report"), True
)


@pytest.mark.parametrize("parity", [0, 26, 29])
def test_a_signature_whose_last_byte_is_another_is_by_nobody(settled: Settled, parity: int) -> None:
    domain = settled.trade.market.domain
    given = sign(domain, MESSAGE, SEATS[0])[:64] + bytes([parity])
    said = objection_to(Rpc(settled.chain), domain, MEMBERS[0], MESSAGE, given, 1)
    assert said == f"it is by nobody, not by {MEMBERS[0]}"


def test_who_signed_instead_is_named(settled: Settled) -> None:
    domain = settled.trade.market.domain
    given = sign(domain, MESSAGE, SEATS[1])
    said = objection_to(Rpc(settled.chain), domain, MEMBERS[0], MESSAGE, given, 1)
    assert said == f"it is by {MEMBERS[1]}, not by {MEMBERS[0]}"


# ------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("signers", "verdicts", "passed"),
    [(0b11, 0b11, True), (0b111, 0b101, True), (0b11, 0b10, False), (0b111, 0b100, False)],
)
def test_a_model_passed_if_more_than_half_of_the_signers_say_so(
    honest: Trade, signers: int, verdicts: int, passed: bool
) -> None:
    attempt = replace(honest.attempts[0], signers=signers, verdicts=verdicts)
    assert attempt.passed == passed
