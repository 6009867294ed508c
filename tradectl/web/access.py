"""Who may ask: what a request must have before anything is done for it.

The page can be reached by whatever runs on this machine, and by every site that a browser on it has
open. So a request names this server by its exact host (a foreign name that leads here is refused), comes
from this page and no other, and has the token, which is made at each start and stands in no cookie: a
browser sends nothing of it by itself. What acts has, beside it, a nonce that is good once and the word
that its user typed.
"""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from collections.abc import Callable, Mapping

TOKEN_BYTES = 32
NONCE_S = 60.0
MOST_NONCES = 64
MOST_WAITING = 8
FAILURES_REMEMBERED_S = 60.0
LONGEST_WAIT_S = 2.0
WAIT_EACH_S = 0.1

BEARER = "Bearer "


class Refused(Exception):
    """The HTTP `status`, and why in one line."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Access:
    """Of one server at `origin`, such as http://127.0.0.1:8750, which may have other names for itself.

    `monotonic` is in seconds. Raises Refused for what is not let in.
    """

    def __init__(self, origins: tuple[str, ...], monotonic: Callable[[], float]) -> None:
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self._by_host = {origin.partition("://")[2]: origin for origin in origins}
        self._monotonic = monotonic
        self._nonces: dict[str, float] = {}
        self._failures: deque[float] = deque()
        self.waiting = 0
        """wrong tokens whose answer is held back"""

    def host(self, headers: Mapping[str, str]) -> None:
        """It asks this server by its own name, and a browser asks it for no other page."""
        origin = self._by_host.get(headers.get("Host", ""))
        if origin is None:
            raise Refused(421, "this server has another name: open the address that it printed")
        if headers.get("Origin", origin) != origin:
            raise Refused(403, "another page asks: open the address that the server printed")
        if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, "another page asks: open the address that the server printed")

    def token_of(self, headers: Mapping[str, str]) -> None:
        """It has the token."""
        given = headers.get("Authorization", "")
        known = given.startswith(BEARER) and hmac.compare_digest(
            given.removeprefix(BEARER).encode("utf-8", "replace"), self.token.encode()
        )
        if not known:
            raise Refused(401, "the token is missing or not of this start: open the address again")

    def failed(self) -> tuple[int, float]:
        """A wrong token was seen: how many there were in the last minute, and how long (s) its answer is
        to be held back. Raises Refused where too many wait already."""
        now = self._monotonic()
        while self._failures and now - self._failures[0] > FAILURES_REMEMBERED_S:
            self._failures.popleft()
        self._failures.append(now)
        if self.waiting >= MOST_WAITING:
            raise Refused(429, "too many wrong tokens: wait a while")
        return len(self._failures), min(LONGEST_WAIT_S, WAIT_EACH_S * len(self._failures))

    # --- what acts ------------------------------------------------------------------------------------

    def nonce(self) -> str:
        """One more that is good for one action within a minute."""
        now = self._monotonic()
        self._nonces = {each: ends for each, ends in self._nonces.items() if ends > now}
        if len(self._nonces) >= MOST_NONCES:
            raise Refused(429, "too many actions are begun: wait a minute")
        made = secrets.token_urlsafe(TOKEN_BYTES)
        self._nonces[made] = now + NONCE_S
        return made

    def act(self, headers: Mapping[str, str]) -> None:
        """It says where it comes from, and that it is JSON: no form of another page can."""
        if headers.get("Origin") != self._by_host.get(headers.get("Host", "")):
            raise Refused(403, "an action comes from this page alone")
        if headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise Refused(415, "an action is JSON")

    def spend(self, nonce: str) -> None:
        """Its nonce is one of ours, not over, and now spent."""
        if self._nonces.pop(nonce, 0.0) <= self._monotonic():
            raise Refused(409, "this action was done already, or was begun over a minute ago")


__all__ = ["Access", "Refused"]
