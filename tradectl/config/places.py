"""The keys of a configuration, as the settings' Structs have them.

A *place* is the way to a value: ("risk", "max_leverage"), or ("strategies", 0, "parameters", "fast").
People read it as `risk.max_leverage` and `strategies[0].parameters.fast`; the environment spells the
first `TRADECTL__RISK__MAX_LEVERAGE`. Everything here is found by walking the Structs, so that a new
setting is known the moment it is defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from tradectl.config.settings import Settings
from tradectl.domain.setting import UNBOUNDED, Bounds, Field, fields_of, is_struct
from tradectl.domain.text import harmless
from tradectl.strategy.configured import StrategyInstance

Place = tuple[str | int, ...]

PREFIX = "TRADECTL__"
OURS = "TRADECTL_"
SHORTEST_SECRET = 4
LISTS = (
    "strategies",
    "instruments",
    "exchanges",
    "alert_channels",
    "alert_routes",
    "alert_escalations",
    "thresholds",
)
"""Tables that there may be several of."""
LONGEST_KEY = 100
MOST_NAMED = 24
MOST_NEAR = 3

SECRETS = (
    "apikey",
    "privatekey",
    "secret",
    "secretkey",
    "password",
    "passwd",
    "passphrase",
    "token",
    "credential",
)


def is_secret(key: str) -> bool:
    """Whether a key of this name would hold what nobody may see: api_key, botToken, Passwords."""
    letters = "".join(filter(str.isalnum, key.lower()))
    return letters.removesuffix("s").endswith(SECRETS)


def secrets_in(environ: Mapping[str, str]) -> list[str]:
    """What the environment has under names of ours that nobody may see; too short ones aside, which any
    text has somewhere."""
    found = {
        text.strip()
        for name, text in environ.items()
        if name.upper().startswith(OURS) and is_secret(name)
    }
    return [text for text in found if len(text) >= SHORTEST_SECRET]


def known_keys() -> dict[str, Field]:
    """Every key that is in no list: `seed`, `risk.max_leverage`."""
    found: dict[str, Field] = {}
    for name, field in fields_of(Settings).items():
        if is_struct(field.kind):
            found |= {f"{name}.{key}": inner for key, inner in fields_of(field.kind).items()}
        else:
            found[name] = field
    return found


def is_key(place: Place) -> bool:
    """Whether `place` is a key that is in no list."""
    return ".".join(map(str, place)) in known_keys()


def is_section(place: Place) -> bool:
    field = fields_of(Settings).get(str(place[0]))
    return len(place) == 1 and field is not None and is_struct(field.kind)


def locate(place: Place) -> tuple[Place, Any, Bounds]:
    """The part of `place` that leads somewhere, and the type and bounds of what is expected there."""
    kind, bounds = Settings, UNBOUNDED
    for depth, step in enumerate(place):
        if is_struct(kind) and (field := fields_of(kind).get(str(step))):
            kind, bounds = field.kind, field.bounds
        elif get_origin(kind) in (tuple, dict):
            kind = get_args(kind)[0 if get_origin(kind) is tuple else 1]
        else:
            return place[:depth], kind, bounds
    return place, kind, bounds


def spelled(place: Iterable[str | int]) -> str:
    """`place` for people; a key of a file may be any text, and is shown on one line."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return harmless(text.removeprefix("."), LONGEST_KEY)


def variable(place: Place) -> str:
    """The environment variable that sets `place`."""
    return PREFIX + "__".join(str(step) for step in place).upper()


def hint(place: Place) -> str:
    """What to write instead of the unknown key at `place`.

    The keys beside it that have the word, or the nearest of them; a strategy's parameters have a table of
    their own; else the same key in another section, or the nearest of all.
    """
    import difflib  # only on the way to an error message

    index = place[1] if len(place) > 1 else None
    if place[0] in ("strategy", "strategies") and isinstance(index, str):
        return "what stands in a table [[strategies]] is set in the file, or by --set strategy.KEY=VALUE"
    if place[0] in LISTS and isinstance(index, str) and index.isdecimal():
        return f"what stands in a table [[{place[0]}]] can be set in the file only"
    parent, kind, _ = locate(place[:-1])
    beside = list(fields_of(kind)) if is_struct(kind) else []
    wrong = str(place[-1])
    if not wrong or wrong in place[:-1]:  # a section, or one inside itself: no key is near to it
        return _expected(beside or [*known_keys()])
    near = [key for key in beside if wrong and wrong.removesuffix("s") in key.split("_")]
    near = near if 0 < len(near) <= MOST_NEAR else difflib.get_close_matches(wrong, beside, n=1)
    if near:
        return f"did you mean {' or '.join(spelled((*parent, key)) for key in near)}?"
    if kind is StrategyInstance:
        return f"did you mean {spelled((*parent, 'parameters', wrong))}?"
    everywhere = [*known_keys()]
    elsewhere = [key for key in everywhere if key.rpartition(".")[2] == wrong]
    elsewhere += difflib.get_close_matches(spelled(place), everywhere, n=1)
    is_around = bool(beside) and elsewhere[:1] == [place[0]]  # what the unknown key stands in
    if elsewhere and not is_around:
        return f"did you mean {elsewhere[0]}?"
    return _expected(beside or everywhere)


def _expected(keys: list[str]) -> str:
    """Of many, as many as a line has room for."""
    more = len(keys) - MOST_NAMED
    if more <= 0:
        return f"expected one of {', '.join(keys)}"
    named = ", ".join(keys[:MOST_NAMED])
    return f"expected one of {named} and {more} more: `tradectl config show` has all"
