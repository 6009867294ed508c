"""How figures and times are spelled in documents."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Amount = Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""A decimal as text, without exponent: `-12.5`."""

Time = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$")
]
"""ISO 8601 in UTC: `2024-08-08T23:54:15.342000Z`."""
