"""One tender in native coin, with the gas that each step used.

Keys, salts, prices and the contract's address are fixed, so gas is the same to the unit.
"""

from __future__ import annotations

from parties import COINS_EACH, PARTIES, account, fund
from tender_builder import BIDDERS, TenderBuilder
from web3.types import Wei

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

Gas = dict[str, int]


def measure(node: Node) -> Gas:
    """Deploy and run a tender with six bidders, of whom the last stays silent.

    Returns
    -------
    dict of str to int
        Gas by step.
    """
    fund(node)
    admin = account("admin of the measured tenders")
    source = node.web3.eth.accounts[0]
    node.web3.eth.send_transaction(
        {"from": source, "to": admin.address, "value": Wei(COINS_EACH * WEI)}
    )
    contract = node.deploy(admin, "SealedBids", PARTIES.treasury.address)
    gas = {"deploy SealedBids": node.gas_records[-1].gas}
    # A fixed deadline, because the bytes of the terms are part of the gas.
    end = (node.now() // 100_000 + 1) * 100_000
    tender = TenderBuilder(node, contract, commit_end=end, reveal_end=end + 7_200)
    tender.fund_bidders()
    gas["open"] = int(tender.open()["gasUsed"])
    prices = [(5 - number) * WEI for number in range(len(BIDDERS))]
    commits = [
        int(tender.commit(bidder, price)["gasUsed"])
        for bidder, price in zip(BIDDERS, prices, strict=True)
    ]
    gas |= {"commit, first": commits[0], "commit, sixth": commits[-1]}
    tender.end_commits()
    reveals = [
        int(tender.reveal(bidder, price)["gasUsed"])
        for bidder, price in zip(BIDDERS[:-1], prices, strict=False)
    ]
    gas |= {"reveal, first": reveals[0], "reveal, a better price": reveals[-1]}
    tender.end_reveals()
    gas["seize"] = int(tender.send(PARTIES.stranger, "seize")["gasUsed"])
    bidder = BIDDERS[0]
    taken = node.send(bidder, contract.functions.withdrawCredit(NATIVE, bidder.address))
    return {**gas, "withdrawCredit": int(taken["gasUsed"])}
