"""Log lines as JSON objects, one a line, on standard error."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_LOGGER = logging.getLogger("moemarket.oracle")


class JsonLines(logging.Formatter):
    """Writes time, level, what happened, and the fields that came with it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        content: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content)


def start_logging() -> None:
    """Send the log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    _LOGGER.handlers[:] = [handler]
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def say(event: str, **fields: object) -> None:
    """Log something expected; `fields` are JSON-ready, and never secret."""
    _LOGGER.info(event, extra={"fields": fields})


def warn(event: str, **fields: object) -> None:
    """Log what an operator may have to look after."""
    _LOGGER.warning(event, extra={"fields": fields})


def crashed(event: str, error: Exception, **fields: object) -> None:
    """Log an exception that nobody expected, with its traceback."""
    _LOGGER.error(event, exc_info=error, extra={"fields": fields})
