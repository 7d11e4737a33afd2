"""Plays the small trade on a chain behind HTTP: a process of its own, to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from small_trade import SMALL, small_scenario

from marketplace.scripted import play as playing

if __name__ == "__main__":
    vars(playing).update(
        script_named=lambda name: SMALL, load_scenario=lambda name, seed: small_scenario()
    )
    playing.play(
        SMALL.name,
        seed=0,
        rpc=sys.argv[1],
        folder=Path(sys.argv[2]),
        store_location=None,
        progress=lambda line: click.echo(line, err=True),
    )
