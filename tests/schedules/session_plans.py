"""What exchanges do to sessions, in a plan: bans, refused keys, maintenance, keys and connections that
end, a symbol that closes, a computer that sleeps. Drawn apart from the rest, so that seeds keep their
meaning.

Each lasts for less than what would be believed: access that is refused for so long is not lost. The
exchange, which lives on the same loop, does not go on while the computer sleeps: not for long, either.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

Draw = Callable[[Random, tuple[str, ...]], dict[str, Any]]


def _seconds(random: Random, *_: Any) -> dict[str, Any]:
    return {"seconds": random.choice((0.5, 2.0, 6.0))}


KINDS: dict[str, Draw] = {
    "ban": _seconds,
    "refuse-access": _seconds,
    "maintenance": _seconds,
    "listen-key-ends": lambda random, _: {"told": random.random() < 0.5},
    "goodbye": lambda *_: {},
    "symbol-closes": lambda random, symbols: {
        "symbol": random.choice(symbols),
        **_seconds(random),
    },
    "sleep": lambda random, _: {"seconds": random.choice((3.0, 20.0, 60.0))},
}


def drawn(seed: int, begin: float, end: float, symbols: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """When, what and how, of as many as there are to be; more often than not there are some."""
    random = Random(f"sessions {seed}")
    chosen = []
    for _ in range(random.choice((0, 1, 2, 4, 8))):
        name = random.choice(tuple(KINDS))
        at = round(random.uniform(begin, end), 3)
        chosen.append((at, name, KINDS[name](random, symbols)))
    return chosen


__all__ = ["KINDS", "drawn"]
