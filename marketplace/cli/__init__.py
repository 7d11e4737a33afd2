"""The command-line program `moemarket`: thin commands over the packages below.

Exit status: 0 success, 1 a crash, 2 bad usage, and one number per error class as
`marketplace/protocol/errors.py` lists them.
"""

from __future__ import annotations

import click

from marketplace.cli.audit import audit_command
from marketplace.cli.caps import caps_command
from marketplace.cli.chain import compile_command, deploy_command, devnet_command
from marketplace.cli.committee import committee_commands
from marketplace.cli.credit import authorise_command, open_accounts_command, withdraw_command
from marketplace.cli.dataset import dataset_commands
from marketplace.cli.demo import demo_command, scripts_command
from marketplace.cli.evidence import evidence_commands
from marketplace.cli.expert import expert_commands, experts_command
from marketplace.cli.index import index_commands
from marketplace.cli.oracle import oracle_commands
from marketplace.cli.payouts import payouts_commands
from marketplace.cli.product import export_command
from marketplace.cli.reexecute import reexecute_command
from marketplace.cli.store import store_commands
from marketplace.cli.store_upkeep import gc_command, pin_commands, verify_command
from marketplace.cli.trade import (
    challenge_command,
    licence_command,
    receive_command,
    timeout_command,
    trades_command,
)
from marketplace.cli.verify_report import verify_report_command
from marketplace.cli.watch import watch_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="moemarket")
def main() -> None:
    """Trade machine-learning models without trusting each other.

    A buyer commissions a model, providers sell data, independent experts train, an oracle
    committee scores, and contracts pay everybody by contribution. Start with
    `moemarket demo`.
    """


for part in (
    demo_command,
    scripts_command,
    audit_command,
    verify_report_command,
    watch_command,
    index_commands,
    evidence_commands,
    caps_command,
    reexecute_command,
    trades_command,
    timeout_command,
    challenge_command,
    withdraw_command,
    authorise_command,
    open_accounts_command,
    payouts_commands,
    committee_commands,
    licence_command,
    receive_command,
    export_command,
    experts_command,
    expert_commands,
    dataset_commands,
    store_commands,
    oracle_commands,
    devnet_command,
    deploy_command,
    compile_command,
):
    main.add_command(part)
for part in (pin_commands, verify_command, gc_command):
    store_commands.add_command(part)
