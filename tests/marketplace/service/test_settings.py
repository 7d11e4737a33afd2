"""The settings' file: what it may say, and what is wrong with one that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.protocol.errors import ConfigurationError
from marketplace.service.settings import Settings

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def load(folder: Path, text: str) -> Settings:
    file = folder / "settings.toml"
    file.write_text(text)
    return Settings.load(file)


def test_a_whole_file(tmp_path: Path) -> None:
    read = load(
        tmp_path,
        f"""
        take_over_seconds = 60
        [[seat]]
        address = "{ADDRESS.lower()}"
        url = "https://oracle.example/"
        [[expert]]
        kind = "logistic"
        account = 11
        [[expert]]
        kind = "extra-trees"
        address = "{ADDRESS}"
        url = "http://127.0.0.1:8801"
        """,
    )
    assert read.take_over_seconds == 60
    assert (read.seats[0].address, read.seats[0].url) == (ADDRESS, "https://oracle.example")
    assert [expert.kind for expert in read.experts] == ["logistic", "extra-trees"]


def test_an_empty_file_leaves_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "") == Settings()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("poll = 1", "unusable at poll"),
        ("poll_seconds = 0", "unusable at poll_seconds"),
        (f'[[seat]]\naddress = "{ADDRESS}"\nurl = "ftp://x"', "is no server"),
        ('[[seat]]\naddress = "0x1"\nurl = "http://x"', "unusable at seat.0.address"),
        ('[[expert]]\nkind = "logistic"', "name url and address"),
        ('[[expert]]\nkind = "logistic"\nurl = "http://x"', "name url and address"),
        ('[[expert]]\nkind = "logistic"\naccount = 1\nkeystore = "k"', "name url and address"),
        ("[[seat", "can't be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        load(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        Settings.load(tmp_path / "none.toml")
