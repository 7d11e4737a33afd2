"""The scripts that ship, and how each one ends."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from marketplace.protocol.documents import Division
from marketplace.protocol.errors import ConfigurationError
from marketplace.protocol.states import State
from marketplace.protocol.units import PARTS, WEI


@dataclass(frozen=True)
class Script:
    """One trade from request to end.

    Attributes
    ----------
    name, title
        How it is called, and what happens in one line.
    scenario
        The data: who holds which rows (`offchain.data.scenarios`).
    threshold
        Score to reach, in parts per million.
    ends
        The final state that the trade must reach.
    max_attempts
        Cap on validation attempts.
    budget
        Highest price, in the smallest unit of the currency.
    token
        Whether to pay in the development token instead of the native coin.
    garbage_providers
        How many providers deliver something else than they quoted.
    copying_providers
        How many providers sell rows of the last one as their own.
    silent_from
        The state from which the oracles do nothing any more.
    closed_seals
        Whether all oracles but the leader keep their scores sealed.
    corrupt_oracles
        Whether a quorum lets any model pass.
    challenged
        Whether somebody challenges the verdict before the panel.
    experts
        Kinds of the experts on offer; empty for all that suit the task.
    division
        The rule that divides the expert pool.
    """

    name: str
    title: str
    scenario: str
    threshold: int
    ends: State
    max_attempts: int = 3
    budget: int = 10 * WEI
    token: bool = False
    garbage_providers: int = 0
    copying_providers: int = 0
    silent_from: State | None = None
    closed_seals: bool = False
    corrupt_oracles: bool = False
    challenged: bool = False
    experts: tuple[str, ...] = ()
    division: Division = "shapley"


UNREACHABLE = PARTS  # every row right: no model of real data gets there

SCRIPTS = MappingProxyType(
    {
        script.name: script
        for script in (
            Script(
                "credit",
                "credit risk across three lenders' books, delivered and paid",
                "credit",
                threshold=650_000,
                ends=State.SETTLED,
            ),
            Script(
                "digits",
                "digit images from providers with unlike scanners, paid in a token",
                "digits",
                threshold=850_000,
                ends=State.SETTLED,
                token=True,
            ),
            Script(
                "declined",
                "the price is above the budget, and the buyer declines it",
                "credit",
                threshold=650_000,
                ends=State.DECLINED,
                budget=WEI // 2,
            ),
            Script(
                "exhausted",
                "the threshold is never reached, attempts are used up, the buyer is refunded",
                "credit",
                threshold=UNREACHABLE,
                ends=State.FAILED,
                max_attempts=2,
            ),
            Script(
                "garbage",
                "one provider delivers garbage and is not paid; the trade goes on",
                "credit",
                threshold=550_000,
                ends=State.SETTLED,
                garbage_providers=1,
            ),
            Script(
                "copied",
                "one provider sells a copy of another's data and is not paid; the trade goes on",
                "credit",
                threshold=550_000,
                ends=State.SETTLED,
                copying_providers=1,
            ),
            Script(
                "silent",
                "the oracles fall silent after the gate; who delivered on record is paid",
                "credit",
                threshold=650_000,
                ends=State.REFUNDED,
                silent_from=State.GATED,
            ),
            Script(
                "unsettled",
                "an oracle keeps its score sealed, and loses its share of the fee",
                "credit",
                threshold=650_000,
                ends=State.SETTLED,
                closed_seals=True,
            ),
            Script(
                "challenged",
                "a pass is challenged with a bond; the panel executes it again and upholds it",
                "credit",
                threshold=650_000,
                ends=State.SETTLED,
                challenged=True,
            ),
            Script(
                "overturned",
                "two oracles pass a model that failed; the panel overturns it, they lose stakes",
                "credit",
                threshold=UNREACHABLE,
                ends=State.REFUNDED,
                corrupt_oracles=True,
                challenged=True,
            ),
        )
    }
)


def script_named(name: str) -> Script:
    """Return a script by name.

    Raises
    ------
    ConfigurationError
        If there is none of that name.
    """
    if name not in SCRIPTS:
        raise ConfigurationError(
            f"there is no scripted trade {name!r}", f"choose one of {', '.join(SCRIPTS)}"
        )
    return SCRIPTS[name]
