"""Python's garbage collector while a run lasts: it has little to find, and costs little."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_rarely() -> Iterator[None]:
    """Events cannot form circles, so the collector has little to find and is asked seldom.

    What was loaded stays, and stays frozen: most processes end with their run, and would go through all
    of it once more, which takes a live one 0.3 s. One that goes on calls `gc.unfreeze`."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


__all__ = ["collected_rarely"]
