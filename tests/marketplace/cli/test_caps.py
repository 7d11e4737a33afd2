"""`moemarket caps`: a broker sees what a cap on load would have cost."""

from __future__ import annotations

from command_line import Run, Serve

from marketplace.protocol.errors import ConfigurationError
from marketplace.protocol.states import State


def test_a_broker_sees_what_each_cap_costs(run: Run, serve: Serve) -> None:
    served = serve(State.SETTLED)
    asking = ("caps", *served.place, "--trade", served.trade, "--store", served.store)
    told = run(*asking, "--cap", "0.6", "--cap", "0.3", "--json").data
    free, *capped = told["caps"]
    assert [line["cap"] for line in told["caps"]] == [1.0, 0.6, 0.3]
    assert free["lossPpm"] == 0
    assert all(line["scorePpm"] == free["scorePpm"] - line["lossPpm"] for line in capped)
    assert all(line["topShare"] <= free["topShare"] for line in capped)
    shown = run(*asking)
    assert shown.status == 0
    assert "largest share" in shown.out
    assert f"on {told['rows']} validation rows" in shown.out


def test_a_trade_without_public_evidence_has_nothing_to_show(run: Run, serve: Serve) -> None:
    served = serve(State.REQUESTED)
    asking = ("caps", *served.place, "--store", served.store, "--trade")
    assert run(*asking, served.trade).status == ConfigurationError.exit_code
    assert run(*asking, "0x" + "11" * 32).status == ConfigurationError.exit_code
