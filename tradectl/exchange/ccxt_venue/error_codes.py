"""An exchange's own codes of errors, and how a code is found in what it says: a part of its table.

ccxt sorts errors by its classes, and where the class says too little, or the wrong thing, a code stands
here: what the request came to (`outcomes`), what a refused order comes to (`refusals`), what it means in
plain words (`causes`), and that there is no such order any more (`not_found`). What is not here is judged
by ccxt's class (`errors.TABLE`). Three things go wrong without a row: a refusal that ccxt has no class
for leaves an order of unknown fate; a request that came too late is blamed on the keys, and a lost access
halts; a symbol that is not to be had here, or a position that is being liquidated, does the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from tradectl.domain.refusals import RefusalCause


class Outcome(StrEnum):
    REFUSED = "refused"
    NOT_EXECUTED = "not executed"
    UNKNOWN = "unknown"
    ACCESS_LOST = "access lost"


R, N, U, A = Outcome.REFUSED, Outcome.NOT_EXECUTED, Outcome.UNKNOWN, Outcome.ACCESS_LOST

BY_NUMBER = r'"code"\s*:\s*"?(-?[0-9]{1,9})"?'


class ErrorCodes(Struct, frozen=True, kw_only=True):
    patterns: tuple[str, ...] = (BY_NUMBER,)
    """find a code in an error's text; the first that does counts"""
    outcomes: Mapping[str, Outcome] = {}
    refusals: Mapping[str, RefusalCause] = {}
    causes: Mapping[str, str] = {}
    not_found: frozenset[str] = frozenset()
    """for an order, or a listen key, that it does not know or that is over"""
    refuses_by_4xx: bool = False
    """a JSON answer with a code and a status of 4xx is a refusal, whatever the code"""
    refusing: str = ""
    """the form of codes that refuse an order, whatever else they say: those that are new, too"""
    reset_header: str = ""
    """of an answer that turns away, when it takes requests again: a time in ms, or ms from now"""

    def code_of(self, text: str) -> str | None:
        for pattern in self.patterns:
            if found := re.search(pattern, text):
                return found.group(1)
        return None

    def refuses(self, code: str) -> bool:
        return bool(self.refusing and re.fullmatch(self.refusing, code))


def each(what: RefusalCause, codes: str) -> dict[str, RefusalCause]:
    """The same of several `codes`, with spaces between."""
    return dict.fromkeys(codes.split(), what)


__all__ = ["BY_NUMBER", "A", "ErrorCodes", "N", "Outcome", "R", "U", "each"]
