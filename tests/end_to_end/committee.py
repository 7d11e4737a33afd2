"""Three seats as processes of their own over a served devnet, and one trade that they judge.

The processes run the very command `moemarket oracle run`. They are forked from a server that
has its modules loaded, so that one that was killed is back in no time.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from eth_account.signers.local import LocalAccount
from eth_utils.abi import filter_abi_by_type, function_abi_to_4byte_selector
from forked import run_command
from small_trade import devnet_process, fresh_run

from marketplace.chain.client import connect
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.documents import Sealed
from marketplace.protocol.states import State
from marketplace.scripted.script import Script
from marketplace.scripted.trade import TradeRun
from marketplace.service.journal import read_journal
from marketplace.service.peers import Asker, hand_over
from marketplace.service.transport import Line

PATIENCE_SECONDS = 1_500
"""For a wait on a busy machine; nothing is measured by it."""

FORKS = multiprocessing.get_context("forkserver")


@dataclass
class Committee:
    """The processes, the trade and the chain under them."""

    run: TradeRun
    url: str
    folder: Path
    take_over_seconds: float
    failpoints: str = ""
    served_expert: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, ForkServerProcess] = field(default_factory=dict)
    restarts: int = 0

    def __post_init__(self) -> None:
        FORKS.set_forkserver_preload(["marketplace.service.oracle", "marketplace.cli", "pytest"])
        accounts = [*self.seats, self.run.world.experts[0].account]
        self.ports = {account.address: free_port() for account in accounts}
        self.settings.write_text(self._settings())

    @property
    def seats(self) -> list[LocalAccount]:
        return [signer.account for signer in self.run.world.signers]

    @property
    def settings(self) -> Path:
        return self.folder / "settings.toml"

    def state_of(self, seat: LocalAccount) -> Path:
        return self.folder / f"state-{seat.address[:8]}"

    def log_of(self, seat: LocalAccount) -> str:
        return (self.folder / f"{seat.address[:8]}.log").read_text()

    def start(self, account: LocalAccount) -> None:
        """Start a seat, or the owner of the first expert."""
        market, store = self.run.world.market.address, self.folder / "store"
        place = ["--rpc", self.url, "--market", market, "--store", str(store)]
        place += ["--account", str(number_of(account)), "--port", str(self.ports[account.address])]
        words = ["oracle", "expert", *place, "--kind", self.run.world.experts[0].kind]
        failpoints = ""
        if account.address in {seat.address for seat in self.seats}:
            settings = "--settings", str(self.settings)
            words = ["oracle", "run", *place, *settings, "--state", str(self.state_of(account))]
            failpoints = self.failpoints
        log = str(self.folder / f"{account.address[:8]}.log")
        process = FORKS.Process(target=run_command, args=(words, log, failpoints))
        process.start()
        self.processes[account.address] = process

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait, and start each process again that died."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            assert time.monotonic() < end, self.told()
            for address, process in list(self.processes.items()):
                if process.exitcode is not None:
                    assert process.exitcode == -signal.SIGKILL, self.told()
                    self.restarts += 1
                    self.start(next(a for a in well_known_accounts() if a.address == address))
            time.sleep(0.2)

    def finished(self, seats: list[LocalAccount]) -> bool:
        """Whether seats have nothing left to do."""
        return all(
            "nothing is left to do" in self.log_of(seat)
            and not [s for s in read_journal(self.state_of(seat)).sent if not s.outcome]
            for seat in seats
        )

    def stop(self) -> list[int | None]:
        """Ask all processes to end; returns their exit statuses."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.join(120)
        return [process.exitcode for process in self.processes.values()]

    def deliver(self, *to: LocalAccount) -> None:
        """Let every provider hand its data to some seats."""
        market = self.run.world.market
        for provider in self.run.world.providers:
            line = [Asker(market, provider.account, seat.address, self._line(seat)) for seat in to]
            sealed = provider.deliver(self.run.trade_id)

            def handed_over(line: list[Asker] = line, sealed: Sealed = sealed) -> bool:
                missed = hand_over(line, self.run.trade_id, sealed)
                return not missed or self.run.state() != State.FUNDED  # it needn't be everybody

            self.until(handed_over)

    def posted(self) -> Counter[str]:
        """Count by function what the seats sent to the chain, and what of it failed."""
        market, counted = self.run.world.market, Counter[str]()
        names = {
            function_abi_to_4byte_selector(each): each["name"]
            for contract in (market.contract, market.challenges)
            for each in filter_abi_by_type("function", contract.abi)
        }
        senders = {seat.address for seat in self.seats}
        web3 = market.node.web3
        for number in range(int(web3.eth.block_number) + 1):
            for sent in web3.eth.get_block(number, full_transactions=True)["transactions"]:
                assert not isinstance(sent, bytes)
                if sent["from"] in senders and sent["input"][:4] in names:
                    receipt = web3.eth.get_transaction_receipt(sent["hash"])
                    name = names[sent["input"][:4]]
                    counted[name if receipt["status"] == 1 else f"{name} (reverted)"] += 1
        return counted

    def told(self) -> str:
        """What the logs say last, for a test that fails."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text()[-1_500:]}" for log in logs)

    def _line(self, seat: LocalAccount) -> Line:
        return Line(f"http://127.0.0.1:{self.ports[seat.address]}", 60.0, threading.Event())

    def _settings(self) -> str:
        lines = ["poll_seconds = 0.2", f"take_over_seconds = {self.take_over_seconds}"]
        for seat in self.seats:
            url = f"http://127.0.0.1:{self.ports[seat.address]}"
            lines += ["[[seat]]", f'address = "{seat.address}"', f"url = {json.dumps(url)}"]
        for number, expert in enumerate(self.run.world.experts):
            lines += ["[[expert]]", f'kind = "{expert.kind}"']
            if number == 0 and self.served_expert:
                url = f"http://127.0.0.1:{self.ports[expert.address]}"
                lines += [f'address = "{expert.address}"', f"url = {json.dumps(url)}"]
            else:
                lines.append(f"account = {number_of(expert.account)}")
        return "\n".join(lines) + "\n"


@contextmanager
def committee(
    script: Script,
    folder: Path,
    *,
    take_over_seconds: float,
    failpoints: str = "",
    served_expert: bool = False,
) -> Iterator[Committee]:
    """Request and fund a trade on a devnet of its own; its seats are not started yet."""
    with devnet_process(folder / "chain") as url:
        run = fresh_run(script, folder, connect(url))
        run.request()
        run.negotiate()
        assert run.state() == State.FUNDED
        seats = Committee(run, url, folder, take_over_seconds, failpoints, served_expert)
        try:
            yield seats
        finally:
            for process in seats.processes.values():
                process.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def number_of(account: LocalAccount) -> int:
    return [each.address for each in well_known_accounts()].index(account.address)
