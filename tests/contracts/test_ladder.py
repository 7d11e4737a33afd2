"""Development rounds: the contract admits what the mechanism can answer, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from deploying import TestContracts
from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from expectations import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from office import MEMBERS, Office, events_of, fresh_chain, quorum
from parties import PARTIES
from quick_chain import QuickProvider
from web3.contract import Contract
from web3.types import TxReceipt

from marketplace.chain.client import Node
from offchain.validation import is_ladder_answer, ladder_answers

SPONSOR = PARTIES.buyer
JUDGES = MEMBERS[:3]
PARTS = 1_000_000
STEP = 100_000
ROUNDS = 5
EVIDENCE = keccak(text="evidence")
ROOT = keccak(text="rows of the development set")


def model(number: int) -> bytes:
    return keccak(text=f"model {number}")


@dataclass
class Series:
    """One series of rounds, with the contract that keeps it."""

    node: Node
    ladder: Contract
    office: Office
    step: int = STEP
    rounds: int = ROUNDS
    salt: str = "salt"
    _models: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    @property
    def development(self) -> tuple[object, ...]:
        return (
            SPONSOR.address,
            self.office.view("currentDigest"),
            ROOT,
            self.step,
            self.rounds,
            keccak(text=self.salt),
        )

    @property
    def id(self) -> bytes:
        return bytes(self.node.call(self.ladder.functions.developmentIdOf(self.development)))

    @property
    def standing(self) -> tuple[bool, int, int]:
        opened, rounds, best = self.node.call(self.ladder.functions.standingOf(self.id))
        return opened, rounds, best

    def open(self) -> TxReceipt:
        return self.node.send(SPONSOR, self.ladder.functions.open(self.development))

    def release(
        self,
        released: int,
        *,
        named: bytes | None = None,
        seats: tuple[int, ...] = (0, 2),
        signed: int | None = None,
        round_: int | None = None,
    ) -> TxReceipt:
        """Release for the next model, sent by a stranger; `signed` is what the quorum signed."""
        name = model(next(self._models)) if named is None else named
        digest = self.node.call(
            self.ladder.functions.releaseDigest(
                self.id,
                1,
                self.standing[1] + 1 if round_ is None else round_,
                name,
                released if signed is None else signed,
                EVIDENCE,
            )
        )
        call = self.ladder.functions.release(
            self.development,
            self.office.view("committee", 1),
            name,
            released,
            EVIDENCE,
            *quorum(JUDGES, seats, digest),
        )
        return self.node.send(PARTIES.stranger, call)


@pytest.fixture(scope="module")
def deployed(node: Node, request: pytest.FixtureRequest) -> Iterator[tuple[Office, Contract]]:
    with fresh_chain(node):
        contracts = TestContracts(node, request.config.cache.mkdir("test-contracts"))
        office = Office.open(node, contracts, arbiter=PARTIES.stranger.address, min_stake=0)
        office.appoint(JUDGES, 2)
        yield office, node.deploy(PARTIES.admin, "Ladder", office.contract.address)


@pytest.fixture
def series(node: Node, deployed: tuple[Office, Contract]) -> Iterator[Series]:
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        office, ladder = deployed
        yield Series(node, ladder, office)


# ------------------------------------------------------------------------ opening


def test_the_id_comes_from_chain_contract_and_terms(series: Series) -> None:
    inputs = encode(
        ["uint256", "address", "(address,bytes32,bytes32,uint32,uint16,bytes32)"],
        [series.node.chain_id, series.ladder.address, series.development],
    )
    assert series.id == keccak(inputs)


def test_opening_starts_a_series_once(series: Series) -> None:
    assert series.standing == (False, 0, 0)
    receipt = series.open()
    ((name, arguments),) = events_of(series.ladder, receipt)
    assert name == "DevelopmentOpened"
    assert (arguments["developmentId"], arguments["sponsor"]) == (series.id, SPONSOR.address)
    assert series.standing == (True, 0, 0)
    with refused("DevelopmentExists", series.id):
        series.open()
    series.salt = "another"
    series.open()


def test_only_the_sponsor_opens(series: Series) -> None:
    call = series.ladder.functions.open(series.development)
    with refused("NotSponsor", PARTIES.broker.address, SPONSOR.address):
        series.node.send(PARTIES.broker, call)


@pytest.mark.parametrize("step", [0, 3, 300_000, 1_000_001, 2_000_000])
def test_a_step_divides_the_whole(series: Series, step: int) -> None:
    series.step = step
    with refused("InvalidStep", step):
        series.open()


def test_a_series_has_rounds_and_rows(series: Series) -> None:
    without_rows = list(series.development)
    without_rows[2] = bytes(32)
    with refused("InvalidDevelopment", "validationRoot"):
        series.node.send(SPONSOR, series.ladder.functions.open(without_rows))
    series.rounds = 0
    with refused("InvalidDevelopment", "maxRounds"):
        series.open()


def test_the_committee_is_the_one_in_office(series: Series) -> None:
    development = list(series.development)
    for other in (keccak(text="another committee"), bytes(32)):
        development[1] = other
        with refused("CommitteeMismatch", other, series.office.view("currentDigest")):
            series.node.send(SPONSOR, series.ladder.functions.open(development))


def test_without_a_committee_nothing_opens(
    node: Node, series: Series, request: pytest.FixtureRequest
) -> None:
    contracts = TestContracts(node, request.config.cache.mkdir("test-contracts"))
    series.office = Office.open(node, contracts, arbiter=PARTIES.stranger.address)
    series.ladder = node.deploy(PARTIES.admin, "Ladder", series.office.contract.address)
    with refused("CommitteeMismatch", bytes(32), bytes(32)):
        series.open()


# ----------------------------------------------------------------------- releasing


def test_a_release_is_counted_and_logged(series: Series) -> None:
    series.open()
    receipt = series.release(500_000)
    ((name, arguments),) = events_of(series.ladder, receipt)
    assert name == "ScoreReleased"
    expected = {
        "developmentId": series.id,
        "round": 1,
        "model": model(0),
        "released": 500_000,
        "evidence": EVIDENCE,
        "signers": 0b101,
    }
    assert {key: arguments[key] for key in expected} == expected
    assert series.standing == (True, 1, 500_000)
    assert series.node.call(series.ladder.functions.wasReleased(series.id, model(0)))
    assert not series.node.call(series.ladder.functions.wasReleased(series.id, model(1)))


def test_a_series_that_was_not_opened_has_no_rounds(series: Series) -> None:
    with refused("UnknownDevelopment", series.id):
        series.release(0)


def test_the_rounds_end(series: Series) -> None:
    series.rounds = 2
    series.open()
    series.release(0)
    series.release(0)
    with refused("OutOfRounds", 2):
        series.release(0)


def test_the_same_model_is_answered_once(series: Series) -> None:
    series.open()
    series.release(0, named=model(77))
    with refused("AlreadyReleased", model(77)):
        series.release(500_000, named=model(77))
    series.salt = "another"
    series.open()
    series.release(0, named=model(77))  # of another series it is the first


@pytest.mark.parametrize("released", [1, 99_999, 1_000_001, 1_100_000, 2**32 - 1])
def test_the_first_answer_is_a_step(series: Series, released: int) -> None:
    series.open()
    with refused("NotOnTheLadder", released, 0, STEP):
        series.release(released)


@pytest.mark.parametrize("released", [0, 400_000, 499_999, 500_001, 599_999, 1_000_001])
def test_a_later_answer_is_the_best_or_a_higher_step(series: Series, released: int) -> None:
    series.open()
    series.release(500_000)
    with refused("NotOnTheLadder", released, 500_000, STEP):
        series.release(released)
    for admitted in (500_000, 600_000, 600_000, 1_000_000):
        series.release(admitted)
    assert series.standing == (True, 5, 1_000_000)


def test_a_quorum_signs_each_release(series: Series) -> None:
    series.open()
    with refused("QuorumNotReached", 1, 2):
        series.release(0, seats=(1,))
    with refused("BadSeatSignature", 0, JUDGES[0].address):
        series.release(500_000, signed=400_000)
    with refused("BadSeatSignature", 0, JUDGES[0].address):
        series.release(500_000, round_=2)


def test_another_committee_can_t_release(series: Series) -> None:
    series.open()
    other = (1, 1, [PARTIES.stranger.address])
    digest = keccak(encode(["(uint32,uint8,address[])"], [other]))
    call = series.ladder.functions.release(
        series.development, other, model(0), 0, EVIDENCE, 1, bytes(64)
    )
    with refused("CommitteeMismatch", digest, series.development[1]):
        series.node.send(PARTIES.stranger, call)


def test_the_digest_is_eip_712(series: Series) -> None:
    types = {
        "Release": [
            {"name": "developmentId", "type": "bytes32"},
            {"name": "committeeVersion", "type": "uint32"},
            {"name": "round", "type": "uint16"},
            {"name": "model", "type": "bytes32"},
            {"name": "released", "type": "uint32"},
            {"name": "evidence", "type": "bytes32"},
        ]
    }
    values = (series.id, 7, 3, model(1), 400_000, EVIDENCE)
    names = [member["name"] for member in types["Release"]]
    signable = encode_typed_data(
        domain_data={
            "name": "Ladder",
            "version": "1",
            "chainId": series.node.chain_id,
            "verifyingContract": series.ladder.address,
        },
        message_types=types,
        message_data=dict(zip(names, values, strict=True)),
    )
    expected = keccak(b"\x19" + signable.version + signable.header + signable.body)
    assert series.node.call(series.ladder.functions.releaseDigest(*values)) == expected


# ---------------------------------------------------- beside the Python reference


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    scores=st.lists(st.integers(0, PARTS), min_size=1, max_size=4),
    step=st.sampled_from([1, 1_000, 50_000, 200_000, 500_000, PARTS]),
    wrong=st.integers(0, PARTS + 1) | st.integers(0, 20).map(lambda steps: steps * 50_000),
)
def test_the_contract_admits_what_the_reference_admits(
    series: Series, scores: list[int], step: int, wrong: int
) -> None:
    provider = series.node.web3.provider
    assert isinstance(provider, QuickProvider)
    series.step, series.rounds = step, len(scores) + 1
    with provider.forgetting():
        series.open()
        best = None
        for best in ladder_answers(scores, step):
            series.release(best)
            assert series.standing[2] == best
        if is_ladder_answer(best, wrong, step):
            series.release(wrong)
        else:
            with refused("NotOnTheLadder", wrong, best, step):
                series.release(wrong)
