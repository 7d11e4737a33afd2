"""JSON that a stranger wrote: parsed only if it can't end the process.

Python's own guard against deep nesting is of no use here. py-evm raises the recursion
limit beyond what the stack bears, and a parser that reaches it takes the process down.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 64

# Possessive, and closed or not, so that no text makes the scan go back.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)


class NestedTooDeep(ValueError):
    """Arrays and objects are nested more than `MAX_DEPTH` levels deep."""

    def __init__(self) -> None:
        super().__init__(f"arrays and objects may be nested {MAX_DEPTH} levels deep")


def parse_json(data: bytes) -> Any:
    """Parse JSON text, UTF-8.

    Raises
    ------
    NestedTooDeep
        If it is nested more than `MAX_DEPTH` levels deep.
    ValueError
        If it is not JSON, or not UTF-8.
    """
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(data):
        if token[0] in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise NestedTooDeep
        elif token[0] in (b"]", b"}"):
            depth -= 1
    return json.loads(data.decode())  # bytes would be taken for UTF-16 if they look like it
