"""The log: one JSON line an event, in the home."""

from __future__ import annotations

import dataclasses
import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from evertape.errors import StoreError
from evertape.model.events import (
    Arriving,
    CircuitMoved,
    Emit,
    Event,
    ItemFailed,
    Retrying,
    Sent,
    Waiting,
    WorkersSeen,
)

MOST_BYTES = 10_000_000


def journal(path: Path, level: str) -> Emit:
    """An event sink that appends to `path`, rotated at 10 MB with one file kept.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = RotatingFileHandler(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{path.parent} cannot be written ({error.strerror}); choose another EVERTAPE_HOME"
        ) from error
    logger = logging.getLogger(f"evertape.{path}")
    logger.propagate = False
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    least = logging.getLevelNamesMapping()[level.upper()]

    def emit(event: Event) -> None:
        kind, about = _sorted(event)
        if kind < least:
            return
        # Only what workers say is nested; to copy every event to its depth costs more than to write it.
        fields = dataclasses.asdict(event) if isinstance(event, WorkersSeen) else vars(event)
        told = {name: value for name, value in fields.items() if value not in (None, ())}
        told["what"] = type(event).__name__
        told["event"] = about
        told["level"] = logging.getLevelName(kind).lower()
        told["timestamp"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = json.dumps(told, default=str)
        logger.handle(logging.LogRecord(logger.name, kind, str(path), 0, line, (), None))

    return emit


def _sorted(event: Event) -> tuple[int, str]:
    """How grave an event is, and what it is about."""
    if isinstance(event, ItemFailed):
        return logging.ERROR, "item"
    if isinstance(event, Retrying | Waiting | CircuitMoved):
        return logging.WARNING, "source"
    if isinstance(event, Sent | Arriving | WorkersSeen):
        return logging.DEBUG, "wire"
    return logging.INFO, "job"
