"""Where the shape of an answer comes from: a case of ccxt's static tests, or an answer that ccxt's own
code of the exchange quotes.

The static tests are `ts/src/test/static/response/*.json` of ccxt's repository. They were read there: a
test without a network can hold that each shape is named, that ccxt has the method, and that a fixture
answers with no field that ccxt's code of the exchange does not know of.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from typing import Any, NamedTuple

_WORD = re.compile(r"[A-Za-z0-9_]+")
_FIELD = re.compile(r"[a-z][A-Za-z0-9_]*")


class Shape(NamedTuple):
    """`case` is the description of a static test of `method`; without one the answer is quoted in the
    method of that name in ccxt's code of `exchange`."""

    exchange: str
    method: str
    case: str = ""

    def __str__(self) -> str:
        if self.case:
            return f"static/response/{self.exchange}.json {self.method} {self.case!r}"
        return f"{self.exchange}.py {snake(self.method)}"

    @property
    def is_there(self) -> bool:
        """ccxt has the method."""
        return hasattr(getattr(importlib.import_module("ccxt"), self.exchange), snake(self.method))


def snake(method: str) -> str:
    """A method's name, as ccxt has it in Python."""
    words = re.sub(r"OHLCV", "Ohlcv", method)
    return re.sub(r"(?<!^)([A-Z])", lambda found: f"_{found[1].lower()}", words)


def quoted(exchange: str, *methods: str) -> dict[str, Shape]:
    """Of answers that ccxt's code quotes, each in the method that asks for it."""
    return {method: Shape(exchange, method) for method in methods}


def cases(exchange: str, **named: str) -> dict[str, Shape]:
    """Of static tests, by what they are called."""
    return {method: Shape(exchange, method, case) for method, case in named.items()}


def fields_of(answer: Any) -> set[str]:
    """What an answer calls its parts; names that are data (an id, a currency) begin otherwise."""
    if isinstance(answer, dict):
        inner = [fields_of(value) for value in answer.values()]
        return {k for k in map(str, answer) if _FIELD.fullmatch(k)}.union(*inner)
    if isinstance(answer, list | tuple):
        return set().union(*map(fields_of, answer))
    return set()


@functools.cache
def words_of(exchange: str) -> frozenset[str]:
    """All that stands in ccxt's code of the exchange and of its streams, comments too."""
    modules = (importlib.import_module(f"ccxt.{part}{exchange}") for part in ("", "pro."))
    return frozenset(_WORD.findall("\n".join(map(inspect.getsource, modules))))


__all__ = ["Shape", "cases", "fields_of", "quoted", "snake", "words_of"]
