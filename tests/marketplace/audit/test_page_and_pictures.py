"""What page, pictures and ledger say of each movement and each check, and beside whom."""

from __future__ import annotations

import csv
import re
from io import StringIO
from xml.etree import ElementTree

import pytest
from made_reports import ONE, PROOF, TOKEN, TWO, check, happened, moved, report, trade

from marketplace.audit.reporting.flow import flow, flow_beside
from marketplace.audit.reporting.ledger import ledger
from marketplace.audit.reporting.page import page
from marketplace.audit.reporting.purposes import purpose_of
from marketplace.protocol.terms import NATIVE

# ------------------------------------------------------------------------------ pictures

SVG = "{http://www.w3.org/2000/svg}"


def groups(picture: str) -> list[tuple[str, dict[str, str], list[str]]]:
    """Return of each movement in a picture what its tip says, where its box is, and its words."""
    found = []
    for group in ElementTree.fromstring(picture).iter(f"{SVG}g"):  # noqa: S314  # our own words
        tip, box = group.findtext(f"{SVG}title"), group.find(f"{SVG}rect")
        assert tip is not None
        assert box is not None
        found.append((tip, box.attrib, [part.text or "" for part in group.iter(f"{SVG}text")]))
    return found


def test_money_comes_from_the_left_and_goes_to_the_right() -> None:
    told = trade(
        moved("buyer", "escrow"),
        moved("escrow", "provider", reason="data", amount=5 * 10**17, evidence=None),
    )
    (tip, box, words), (tip_out, box_out, words_out) = groups(flow(told, 1))
    assert tip == f"{ONE} to {TWO}: 1.5 coins (escrow); evidence {PROOF}"
    assert (box["x"], words[:3]) == ("1", ["buyer", "0x000000…00000001", "escrow 1.5 coins"])
    assert tip_out == f"{ONE} to {TWO}: 0.5 coins (data); evidence none"
    assert (box_out["x"], words_out) == (
        "799",
        ["provider", "0x000000…00000002", "data 0.5 coins", "none"],
    )
    lines = re.findall(r'<line class="way" x1="(\d+)" y1="20" x2="(\d+)"', flow(told, 1))
    assert lines == [("191", "432"), ("540", "791")]


def test_each_holder_has_its_picture_if_something_moved_there() -> None:
    assert flow(trade(), 1) == ""
    assert flow(trade(moved("stake of", "credit of")), 1) == ""
    for movement in (moved("buyer", "escrow"), moved("escrow", "buyer")):
        assert flow(trade(movement), 1).count("<svg") == 1
        assert "Money through the escrow of trade one" in flow(trade(movement), 1)
    for movement in (moved("challenger", "challenges"), moved("challenges", "awarded")):
        assert "Money through the challenges of trade one" in flow(trade(movement), 1)
    both = trade(moved("buyer", "escrow"), moved("challenger", "challenges"))
    assert [len(groups(f"{part}</svg>")) for part in flow(both, 1).split("</svg>")[:2]] == [1, 1]


def test_movements_of_one_kind_are_one_line() -> None:
    picture = flow_beside(
        report(
            movements=[
                moved("staker", "stake of", reason="stake"),
                moved("staker", "stake of", reason="stake", payer=TWO),
                moved("stake of", "leaving stake of", reason="unbonding", currency=TOKEN),
            ]
        )
    )
    staked, leaving = groups(picture)
    assert staked[0] == "2 movements, 3 coins in all (stake)"
    assert staked[2][1] == "2 accounts"
    assert "0x000000…00000002" in staked[2]
    amount = f"{15 * 10**17} smallest units of {TOKEN}"
    assert leaving[0] == f"1 movement, {amount} in all (unbonding)"
    assert leaving[2][1] == "0x000000…00000001"


# ---------------------------------------------------------------------------------- page


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one or the end."""
    found = re.search(rf"<h\d>{heading}.*?(?=<h[23]>|</section>|</main>)", text, re.DOTALL)
    assert found is not None
    return found[0]


def test_each_check_is_told_once_where_it_belongs() -> None:
    checks = [check("log", None), check("gate", "one"), check("terms", "one"), check("gate", "two")]
    text = page(report(trade(), trade(name="two"), checks=checks))
    assert "1 check of the market" in section(text, "The market")
    first, second = text.split("<section")[1:]
    assert "2 checks of the trade" in first
    assert "1 check of the trade" in second
    assert text.count("is as it should be") == len(checks)


def test_times_are_told_from_one_event_to_the_next() -> None:
    text = page(report(trade(timeline=(happened(0), happened(3_600), happened(3_600)))))
    cells = re.findall(r"</time></td><td>(.*?)</td>", section(text, "What happened"))
    assert cells == ["", "1 hour", "at once"]
    whole = "0x" + "77" * 32
    assert f'<code title="{whole}">0x777777…77777777</code>' in text


@pytest.mark.parametrize(
    ("currency", "decimals", "said"),
    [
        (NATIVE, 18, "1.5 coins<br>"),
        (TOKEN, 17, f'15 <code title="{TOKEN}">0xababab…abababab</code><br>'),
        (TOKEN, None, ""),
    ],
)
def test_amounts_are_told_shifted_and_exactly(
    currency: str, decimals: int | None, said: str
) -> None:
    movement = moved("buyer", "escrow", currency=currency)
    text = page(report(trade(movement, decimals=decimals)))
    exact = f'<span class="soft">{15 * 10**17} smallest units</span>'
    assert f"<td>{said}{exact}</td><td><code>{PROOF}</code></td>" in text


def test_what_rests_on_nothing_names_nothing() -> None:
    text = page(report(trade(moved("buyer", "escrow", evidence=None))))
    assert "smallest units</span></td><td></td></tr>" in text


def test_money_of_no_single_trade_is_told_if_there_was_some() -> None:
    assert "Money of no single trade" not in page(report(trade()))
    movements = [moved("staker", "stake of"), moved("staker", "stake of", currency=TOKEN)]
    text = section(page(report(trade(), movements=movements)), "Money of no single trade")
    assert "2 movements of no single trade, oldest first" in text
    assert text.count("<td>1.5 coins<br><span") == 1
    assert text.count(f'<td><span class="soft">{15 * 10**17} smallest units</span>') == 1


# -------------------------------------------------------------------------------- ledger


def test_the_ledger_names_currencies_and_leaves_empty_what_nobody_says() -> None:
    movements = [
        moved("buyer", "escrow"),
        moved("escrow", "buyer", currency=TOKEN, evidence=None),
    ]
    beside = [moved("staker", "stake of", currency=currency) for currency in (NATIVE, TOKEN, ONE)]
    content = ledger(report(trade(*movements, decimals=2), movements=beside))
    lines = list(csv.DictReader(StringIO(content.decode("utf-8-sig"), newline="")))
    told = [(line["currency"], line["amount"], line["evidence CID"]) for line in lines]
    shifted = f"{15 * 10**15}"
    assert told[1:] == [
        (TOKEN, shifted, ""),
        ("native coin", "1.5", PROOF),
        (TOKEN, shifted, PROOF),
        (ONE, "", PROOF),
    ]
    assert told[0][0] == "native coin"


# ------------------------------------------------------------------------------- purposes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bids", "Look for bidders whose prices move together, or who win in turn."),
        ("served-log", "eth_getLogs tells what the receipts tell, nothing more and nothing less."),
        ("gate", "the weights are shares of the column sums of the routing array."),
        (
            "state-proofs",
            "what the node said of storage and balances is under the header's state root.",
        ),
    ],
)
def test_each_check_says_what_it_compares(name: str, words: str) -> None:
    assert purpose_of(name) == words


def test_a_check_of_another_version_says_nothing() -> None:
    assert purpose_of("a check from the future") == ""
