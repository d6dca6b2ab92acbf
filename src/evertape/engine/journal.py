"""The log: one JSON line an event, in the home."""

from __future__ import annotations

import dataclasses
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

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
    log = structlog.wrap_logger(
        logger,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    logger.setLevel(logging.DEBUG)

    def emit(event: Event) -> None:
        told = {k: v for k, v in dataclasses.asdict(event).items() if v not in (None, ())}
        told["what"] = type(event).__name__
        if isinstance(event, ItemFailed):
            log.error("item", **told)
        elif isinstance(event, Retrying | Waiting | CircuitMoved):
            log.warning("source", **told)
        elif isinstance(event, Sent | Arriving | WorkersSeen):
            log.debug("wire", **told)
        else:
            log.info("job", **told)

    return emit
