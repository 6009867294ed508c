"""How one exchange says things, for one kind of market."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tests.venues.acts import Act
from tests.venues.asked import Asked
from tests.venues.shapes import Shape
from tests.venues.streams import FILLS, LOGIN, ORDERS, STREAMS, StreamTalk
from tests.venues.wrong import Said, Wrong
from tradectl.testkit.exchange import KEY, SECRET, LoopbackExchange
from tradectl.testkit.orders import Fill
from tradectl.testkit.server import Server
from tradectl.testkit.symbols import FUTURES, SPOT, Rules

Params = dict[str, str]


def nothing(_: Asked) -> Params:
    return {}


class Route(NamedTuple):
    """`read` gives what is asked by the loopback exchange's parameters (see `acts`), `show` the answer
    for what the act gave."""

    act: Act
    show: Callable[[Any, Asked], Any]
    read: Callable[[Asked], Params] = nothing


@dataclass(frozen=True)
class Dialect:
    """`routes` by method and path, a pattern where it has a name in it; the first that fits counts.
    `refusal` is the answer that says what is wrong: of an order it may differ from other requests.

    `signed_at` reads the time of a request and how long it may live (ms); None for a request without.
    `cannot` names cases of the contract suite that do not hold there, and why."""

    exchange_id: str
    kind: str
    name: Callable[[Rules], str]
    routes: Mapping[tuple[str, str], Route]
    words: Mapping[Wrong, Said]
    refusal: Callable[[Said, Act], Any]
    shapes: Mapping[str, Shape]
    """where its answers come from, by ccxt's method"""
    elsewhere: frozenset[str] = frozenset()
    """fields that its answers have, and ccxt's code of it has not: they stand in a static test"""
    contract: Decimal = Decimal(1)
    """coins of one contract"""
    unified: str = ""
    """ccxt's name of the market of bitcoin; usually BTC/USDT or BTC/USDT:USDT"""
    fees_in: str = ""
    """what fees of spot are taken in, where that is always the same: quote or received"""
    fill_id: Callable[[Fill], str] = lambda fill: str(fill.id)
    """what it knows a fill by: most have one number for both sides of a trade"""
    money: str = "USDT"
    """what it calls the money that the loopback exchange trades in"""
    credentials: tuple[str, str, str] = (KEY, SECRET, "passphrase-of-nobody")
    named: Callable[[Asked], str] = lambda asked: asked.path
    """the path of a request, or what stands for it where all have the same"""
    knows: Callable[[Asked], bool] | None = None
    """whose request it is, where the key is in no header and no parameter"""
    signed_at: Callable[[Asked], tuple[int, int] | None] = lambda _: None
    cannot: Mapping[str, str] = field(default_factory=dict)
    any_contracts: bool = False
    """any number of contracts may be traded: there is no other lot that it could tell of"""
    allows: float | None = None
    """requests a second that schedules are played with; None: as many as it allows itself, unless that is
    so few that a plan's short waits for an answer end before it is asked"""
    not_scheduled: str = ""
    """why fault schedules are not played there"""
    is_native: bool = False
    """it is what the loopback exchange speaks anyway"""

    @property
    def source(self) -> str:
        """The files and cases of ccxt that the shapes come from."""
        if self.is_native:
            return "tradectl/testkit: its own REST and streams"
        return f"ccxt 4.5.90, {', '.join(sorted(map(str, self.shapes.values())))}"

    def server(self, exchange: LoopbackExchange) -> Server:
        from tests.venues.door import DialectServer

        return Server(exchange) if self.is_native else DialectServer(exchange, self)

    @property
    def talk(self) -> StreamTalk | None:
        """How it talks on a websocket; without that nothing is pushed."""
        from tests.venues import talks

        if self.exchange_id not in {module.name for module in pkgutil.iter_modules(talks.__path__)}:
            return None
        found: StreamTalk = importlib.import_module(f"{talks.__name__}.{self.exchange_id}").TALK
        return found

    @property
    def pushed(self) -> frozenset[str]:
        """What of STREAMS, ORDERS, FILLS and LOGIN there is to be seen."""
        if self.is_native:
            return frozenset({STREAMS, ORDERS, FILLS})
        if (talk := self.talk) is None:
            return frozenset()
        return talk.taken | ({STREAMS, LOGIN} if talk.has_login else {STREAMS})

    @property
    def market(self) -> str:
        return SPOT if self.kind == "spot" else FUTURES

    @property
    def symbol(self) -> str:
        return self.unified or ("BTC/USDT" if self.kind == "spot" else "BTC/USDT:USDT")

    def route(self, method: str, path: str) -> Route | None:
        exact = self.routes.get((method, path))
        if exact is not None:
            return exact
        fits = (r for (m, p), r in self.routes.items() if m == method and fnmatchcase(path, p))
        return next(fits, None)

    def is_of(self, asked: Asked) -> bool:
        """It is our account's."""
        if self.knows is not None:
            return self.knows(asked)
        key = self.credentials[0]
        return key in asked.headers.values() or key in asked.query.values() or key in asked.text


__all__ = ["Dialect", "Params", "Route", "nothing"]
