"""One spelling for equal things, so that they hash alike on every machine and after every round trip."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from tradectl.domain.money import plain

AS_IT_IS = frozenset({str, int, bool, float, type(None)})


def canonical_hash(value: Any, *, without: str = "", named: frozenset[str] = frozenset()) -> str:
    """SHA-256 of `value` spelled out: every field, defaults too, decimals without trailing zeros.

    In the fields `named`, texts that begin with `without` lose it; a dictionary there is its keys.
    """
    spelled = _spelled_out(value, "", without, named)
    return hashlib.sha256(msgspec.json.encode(spelled, order="deterministic")).hexdigest()


def _spelled_out(value: Any, field: str, without: str, named: frozenset[str]) -> Any:
    """Hashed are whole accounts, over and over: what is as it is stands first, and is not called for."""
    if type(value) is Decimal:
        return plain(value)
    if isinstance(value, Struct):
        return {
            name: item
            if (type(item) in AS_IT_IS or isinstance(item, str)) and name not in named
            else plain(item)
            if type(item) is Decimal
            else _spelled_out(item, name, without, named)
            for name, item in zip(value.__struct_fields__, astuple(value), strict=True)
        }
    if isinstance(value, str):
        return value.removeprefix(without) if field in named else value
    if isinstance(value, dict):
        if field in named:
            return [key.removeprefix(without) for key in value]
        return {
            key: item if type(item) in AS_IT_IS else _spelled_out(item, field, without, named)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_spelled_out(item, field, without, named) for item in value]
    return plain(value) if isinstance(value, Decimal) else value
