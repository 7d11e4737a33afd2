"""Gas of a tender, as a reviewed file; no step's cost grows with the number of bidders."""

from __future__ import annotations

import json
import os
from pathlib import Path

from measured_sealed_bids import measure
from quick_chain import QuickProvider

from marketplace.chain.client import Node

SNAPSHOT = Path(__file__).with_name("sealed_bids_snapshot.json")
UPDATE = "MOEMARKET_UPDATE_GAS"

HOW_TO_UPDATE = "gas changed; if that was meant, run `make gas` and commit the snapshot"


def test_gas_is_as_recorded() -> None:
    measured = measure(Node(QuickProvider()))
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(json.dumps(measured, indent=2) + "\n")
    assert measured == json.loads(SNAPSHOT.read_text()), HOW_TO_UPDATE


def test_a_later_bidder_pays_no_more() -> None:
    recorded = json.loads(SNAPSHOT.read_text())
    calldata_noise = 200
    assert recorded["commit, sixth"] <= recorded["commit, first"] + calldata_noise
    assert recorded["reveal, a better price"] <= recorded["reveal, first"] + calldata_noise
