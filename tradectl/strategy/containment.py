"""A strategy is a guest: whatever it raises or returns stays with it.

Its `sys.exit()` is a failure of it and no end of the run, and so is a KeyboardInterrupt that it raises
itself; only the operator's own (`Interrupted`) goes through. What is said of it holds no memory address:
that is another one in a replay, which would then differ.
"""

from __future__ import annotations

import inspect
import re
import reprlib
from pathlib import PurePath
from traceback import walk_tb

from tradectl.domain.errors import Interrupted
from tradectl.domain.events import BarEvent, MarketDataEvent, QuoteEvent
from tradectl.domain.text import LONGEST_LINE, described, harmless

_ADDRESS = re.compile(r"0x[0-9a-fA-F]*")
_ID = re.compile(r"(?<!\d)\d{14,15}(?!\d)")
"""What `id` gives, one digit more than a time in ms and one less than in us."""
_LOOKED_AT = 2_000
"""Characters of a text that are looked at: far more than are kept."""
_SHORT = reprlib.Repr()
"""Of 100 MB a few characters; of an object all, for it would be cut in the middle of its address."""
_SHORT.maxother = _LOOKED_AT

_BEFORE = 40
"""Characters that are put before it where it is reported."""
_BASE = "tradectl.strategy.base"
_HAS: dict[type, str] = {
    BarEvent: "a bar has open, high, low, price (its close), volume, ts",
    MarketDataEvent: "a trade has price, volume, side, ts",
    QuoteEvent: "a quote has bid, ask, bid_size, ask_size, price, ts",
}


def line(text: str) -> str:
    """A strategy's text as one harmless line that is the same in every process."""
    text = str.__str__(text)[:_LOOKED_AT]  # of a subclass, too: none of its own methods are asked
    if "0x" in text:
        text = _ADDRESS.sub("0x?", text)
    return harmless(text, LONGEST_LINE)


def failure(error: BaseException, cls: type | None = None) -> str:
    """Type and text of what a strategy raised, as such a line, and where in its own code, if it is of
    `cls`. Raises Interrupted again."""
    if isinstance(error, Interrupted):
        raise error
    try:
        told = line(_ID.sub("?", described(error, _LOOKED_AT).removesuffix(": ")))
        more = f"{_what_there_is(error)}{_place(error, cls)}"
        return f"{harmless(told, LONGEST_LINE - len(more) - _BEFORE)}{more}" if more else told
    except Interrupted:
        raise
    except BaseException:  # not even its type can be spelled
        return "an error without words"


def _place(error: BaseException, cls: type | None) -> str:
    """` (mine.py, line 12)`: where its own code was last. Without the folder, which may be another one
    in a replay."""
    own = {each.__module__ for each in cls.__mro__ if each.__module__ != _BASE} if cls else set()
    found = ""
    for frame, number in walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") in own:
            found = f" ({line(PurePath(frame.f_code.co_filename).name)[:60]}, line {number})"
    return found


def _what_there_is(error: BaseException) -> str:
    """What an event has, for whoever asked it for something else."""
    has = _HAS.get(type(error.obj)) if isinstance(error, AttributeError) else None
    return f"; {has}" if has else ""


def ends_it(error: BaseException) -> bool:
    """It asked for an end (`sys.exit`), and gets its own: it is not called again."""
    return not isinstance(error, Exception)


def returned(value: object) -> str:
    """What was returned instead of a signal. A coroutine is closed: nobody is going to run it."""
    if inspect.iscoroutine(value):
        value.close()
        return "a coroutine: write `def`, not `async def`"
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return "a generator: write `return`, not `yield`"
    return f"{_SHORT.repr(value):.60}"
