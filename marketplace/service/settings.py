"""An oracle's settings: a TOML file that names its peers and the experts on offer."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Self

from eth_utils.address import to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from marketplace.protocol.errors import ConfigurationError
from marketplace.service.transport import require_url

Url = Annotated[str, AfterValidator(require_url)]
Account = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$"), AfterValidator(to_checksum_address)]


class Entry(BaseModel):
    """Base of all tables in the file: nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SeatEntry(Entry):
    """Another seat, and where it answers."""

    address: Account
    url: Url


class ExpertEntry(Entry):
    """An expert on offer: behind a URL, or trained in this process with its owner's key."""

    kind: str = Field(min_length=1, max_length=100)
    address: Account | None = None
    url: Url | None = None
    keystore: Path | None = None
    password_file: Path | None = None
    account: int | None = Field(default=None, ge=0, le=19)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.url is not None, self.keystore is not None, self.account is not None]
        if sum(ways) != 1 or (self.url is None) != (self.address is None):
            raise ValueError(
                "name url and address, or a keystore, or on a devnet one of its accounts"
            )
        return self


class Settings(Entry):
    """Everything that the file says; times are in seconds.

    Attributes
    ----------
    poll_seconds
        Between two looks at the chain.
    take_over_seconds
        How long each member ahead in the turn has for a step. It should be longer than a
        step takes, training included: who takes over early does work twice.
    patience_seconds
        How long a peer or an owner may work on one answer.
    stale_seconds
        Not healthy after so long without a look at the chain.
    seats, experts
        May name this seat, too, so that all seats share one file.
    """

    poll_seconds: float = Field(default=2.0, gt=0)
    take_over_seconds: float = Field(default=1_800.0, gt=0)
    patience_seconds: float = Field(default=3_600.0, gt=0)
    stale_seconds: float = Field(default=120.0, gt=0)
    seats: tuple[SeatEntry, ...] = Field(default=(), alias="seat")
    experts: tuple[ExpertEntry, ...] = Field(default=(), alias="expert")

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file.

        Raises
        ------
        ConfigurationError
            If it can't be read, or says something unknown or unusable.
        """
        try:
            return cls.model_validate(tomllib.loads(file.read_text()))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(
                f"the settings {file} can't be read: {error}", "see docs/oracle.md"
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ConfigurationError(
                f"the settings {file} are unusable at {where or 'the top'}: {first['msg']}",
                "see docs/oracle.md",
            ) from error
