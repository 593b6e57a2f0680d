"""Makes a checkpoint whenever one is due, beside the jobs of `manage.py worker`."""

from __future__ import annotations

import logging
import threading
import time

from django.conf import settings
from django.db import DatabaseError, connections

from .checkpoints import LogContradicts, is_due, make_checkpoint

logger = logging.getLogger("registry.checkpoints")

# How often it is asked whether one is due: two short queries.
EVERY_SECONDS = 30


def run_clock(stop: threading.Event | None = None, every: float = EVERY_SECONDS) -> threading.Thread | None:
    """Start the thread and return it; None where REGISTRY_CHECKPOINT_MINUTES is 0.

    It ends with its process: a checkpoint that is not committed by then was not made. Of several machines that ask at
    the same time one makes it.
    """
    if not settings.REGISTRY_CHECKPOINT_MINUTES:
        return None
    thread = threading.Thread(target=_tick, args=(stop or threading.Event(), every), name="checkpoints", daemon=True)
    thread.start()
    return thread


def _tick(stop: threading.Event, every: float) -> None:
    not_before = 0.0
    while not stop.wait(every):
        if time.monotonic() < not_before:
            continue
        try:
            if is_due():
                make_checkpoint()
        except LogContradicts:
            # It was logged, with what is wrong; once in each interval is often enough.
            not_before = time.monotonic() + settings.REGISTRY_CHECKPOINT_MINUTES * 60
        except DatabaseError as error:
            logger.warning("No checkpoint was made: %s, tried again", type(error).__name__)
        except Exception:
            logger.exception("No checkpoint was made, tried again")
            not_before = time.monotonic() + settings.REGISTRY_CHECKPOINT_MINUTES * 60
        finally:
            connections.close_all()
