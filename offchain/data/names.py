"""Names that strangers choose: shown to people, so they must be what they look like.

A terminal obeys escapes, a page obeys tags, and a reader believes what marks of direction
make a line look like. None of that belongs into the name of a task, of a class or of a
kind of expert.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from marketplace.protocol.errors import ConfigurationError

MAX_NAME = 100
MAX_SENTENCE = 300

# Other (controls, marks of direction, unassigned) and line or paragraph separators.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# What opens a tag in HTML (tokenization, "tag open state"); "<50K" is none.
_TAG = re.compile(r"<[A-Za-z/!?]")


def require_plain(what: str, text: str, longest: int = MAX_NAME) -> None:
    """Refuse a text that is empty, too long, or would do more than be read.

    Parameters
    ----------
    what
        What it names, for the error.
    longest
        Most characters.

    Raises
    ------
    ConfigurationError
        Saying what is wrong with it.
    """
    fault = _fault(text, longest)
    if fault:
        raise ConfigurationError(
            f"{what} {text[:40]!r} {fault}", "use plain words, without markup or invisible signs"
        )


def require_distinct(what: str, names: Sequence[str]) -> None:
    """Refuse names of which two read alike, though their code points differ.

    They are compared in Unicode's normal form KC with runs of spaces as one. Letters of
    different alphabets that merely look alike are not found.

    Raises
    ------
    ConfigurationError
        Naming the first pair.
    """
    seen: dict[str, str] = {}
    for name in names:
        plain = " ".join(unicodedata.normalize("NFKC", name).split())
        if plain in seen:
            raise ConfigurationError(
                f"{what} {name!r} and {seen[plain]!r} read alike", "give each another name"
            )
        seen[plain] = name


def shown(text: str, longest: int = MAX_SENTENCE) -> str:
    """Return a stranger's text as it may be printed: invisible signs spelled out, and cut."""
    printable = "".join(
        repr(sign)[1:-1] if unicodedata.category(sign) in _INVISIBLE else sign
        for sign in text[:longest]
    )
    whole = len(text) <= longest >= len(printable)
    return printable if whole else printable[: longest - 1] + "…"


def _fault(text: str, longest: int) -> str:
    if not text.strip():
        return "is empty"
    if len(text) > longest:
        return f"has {len(text)} characters, more than {longest}"
    hidden = [sign for sign in text if unicodedata.category(sign) in _INVISIBLE]
    if hidden:
        return f"holds the invisible sign U+{ord(hidden[0]):04X}"
    return "holds the start of a tag" if _TAG.search(text) else ""
