"""The variables that keys come by, and how they leave the environment: strategies are somebody's code,
and neither they nor what they start is to find a key there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, MutableMapping

_OF_KEYS = re.compile(
    r"TRADECTL_[A-Z0-9]+_(API_KEY|API_SECRET|PASSPHRASE|PROXY)|TRADECTL_JOURNAL_KEY"
    r"|TRADECTL_CHANNEL_[A-Z0-9_]+_URL|TRADECTL_HEARTBEAT_URL|TRADECTL_TELEGRAM_TOKEN"
)


class TakenKeys(dict[str, str]):
    """Variables that keys are read from, and that are nowhere else any more."""

    def __repr__(self) -> str:
        return "TakenKeys(hidden)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("credentials are not written anywhere")


def take_keys(environ: MutableMapping[str, str]) -> TakenKeys:
    """Those of the environment, taken out of it."""
    names = [name for name in environ if _OF_KEYS.fullmatch(name.upper())]
    return TakenKeys({name: environ.pop(name) for name in names})


@contextlib.contextmanager
def without_keys(environ: MutableMapping[str, str]) -> Iterator[None]:
    """They are there again after it."""
    keys = take_keys(environ)
    try:
        yield
    finally:
        environ.update(keys)


__all__ = ["TakenKeys", "take_keys", "without_keys"]
