"""One spelling for equal things, so that they hash alike on every machine and after every round trip."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from tradectl.domain.money import plain


def canonical_hash(value: Any, *, without: str = "", named: frozenset[str] = frozenset()) -> str:
    """SHA-256 of `value` spelled out: every field, defaults too, decimals without trailing zeros.

    In the fields `named`, texts that begin with `without` lose it.
    """
    spelled = _spelled_out(value, "", without, named)
    return hashlib.sha256(msgspec.json.encode(spelled, order="deterministic")).hexdigest()


def _spelled_out(value: Any, field: str, without: str, named: frozenset[str]) -> Any:
    if isinstance(value, str):
        return value.removeprefix(without) if field in named else value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Struct):
        return {
            name: _spelled_out(getattr(value, name), name, without, named)
            for name in value.__struct_fields__
        }
    if isinstance(value, dict):
        return {key: _spelled_out(item, field, without, named) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelled_out(item, field, without, named) for item in value]
    return value
