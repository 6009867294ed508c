"""Symbols and rules: which of the exchange's markets a configured symbol means, and how it is traded.

A symbol is written as the user likes it: ccxt's way (`BTC/USDT`, `BTC/USDT:USDT`), the exchange's way, or
base and quote run together. It is looked up once, among the markets of the configured kind only, so that
a spot symbol can never reach a perpetual. Quantities are coins everywhere outside of this package; where
the exchange counts contracts, `Market.size` is how many coins one has.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.errors import UsageError
from tradectl.domain.instruments import Instrument, InstrumentKind
from tradectl.domain.money import ONE, ZERO, plain
from tradectl.domain.time import MILLISECOND, iso
from tradectl.exchange.ccxt_venue.decimals import ForeignMarket, InvalidResponse, above_zero
from tradectl.exchange.venue import MarketInfo

DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4
"""ccxt's three ways of saying a step"""
FINEST = Decimal("1e-8")
NEVER_MS = Decimal(4102444800000)
"""2100: a market that is said to end after that has no end."""
_SEPARATORS = re.compile(r"[^A-Z0-9]")


class Market(Struct, frozen=True):
    """A market that we can trade. Steps and limits are in coins and in the quote currency."""

    symbol: str
    """as the run calls it"""
    unified: str
    """as ccxt does"""
    id: str
    """as the exchange does"""
    instrument: Instrument
    size: Decimal = ONE
    price_digits: int | None = None
    """significant digits of a price, where there is no fixed step"""


class Markets:
    """Markets of one kind, by the run's symbols. `configured` maps those to what the exchange or ccxt
    may call them; the others get a compact name, so that foreign orders can be shown."""

    def __init__(
        self,
        raw: Mapping[str, Any],
        mode: int,
        kind: str,
        configured: Mapping[str, str],
        delisting_key: str = "",
    ) -> None:
        self._kind_name = kind
        self._delisting_key = delisting_key
        self._gone: set[str] = set()
        self._raw = {name: market for name, market in raw.items() if _is_of(market, kind)}
        self._others = {name: market for name, market in raw.items() if name not in self._raw}
        self._mode = mode
        self._kind = InstrumentKind.SPOT if kind == "spot" else InstrumentKind.PERPETUAL
        self._by_key: dict[str, dict[str, str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for unified, market in self._raw.items():
            for spelled in {_compact(market["base"] + market["quote"]), _compact(unified)}:
                self._by_name.setdefault(spelled, []).append(unified)
        self._unified = {symbol: self._resolve(local) for symbol, local in configured.items()}
        self._names: dict[str, str] = {}
        for symbol, unified in self._unified.items():
            if (other := self._names.setdefault(unified, symbol)) != symbol:
                raise UsageError(f"symbols {other!r} and {symbol!r} are the same market")
        self._known: dict[str, Market] = {}
        self._asked: dict[str, Market] = {}

    def __getitem__(self, symbol: str) -> Market:
        """The market, under the name that it is asked by. Raises UsageError, naming near ones."""
        found = self._asked.get(symbol)
        if found is None:
            found = self.of(self._unified.get(symbol) or self._resolve(symbol))
            if found.symbol != symbol:
                instrument = replace(found.instrument, symbol=symbol)
                found = replace(found, symbol=symbol, instrument=instrument)
            self._asked[symbol] = found
        return found

    def renew(self, raw: Mapping[str, Any]) -> None:
        """The rules of now, of the markets that there were. Raises InvalidResponse for none, and where
        those of a market in use cannot be read: the ones before stay in force."""
        if not raw:
            raise InvalidResponse("an exchange without markets")
        now = {
            name: raw[name]
            for name in self._raw
            if name in raw and _is_of(raw[name], self._kind_name)
        }
        self._gone = {name for name in self._raw if name not in now}
        unreadable = {name: why for name in self._known if (why := self._why_unreadable(name, now))}
        readable = {name: market for name, market in now.items() if name not in unreadable}
        self._raw = {**self._raw, **readable}
        self._known.clear()
        self._asked.clear()
        for why in unreadable.values():
            raise InvalidResponse(f"{why}: the rules before stay in force")

    def _why_unreadable(self, unified: str, now: Mapping[str, Any]) -> str:
        """Empty where it can be read, or is not there."""
        try:
            if unified in now:
                self._made(unified, now[unified])
        except InvalidResponse as invalid:
            return f"rules of {self._name(unified)}: {invalid}"
        return ""

    def not_traded(self, symbol: str) -> str:
        """Why it takes no orders, or soon will not; empty where it is traded."""
        unified = self._unified.get(symbol) or self._resolve(symbol)
        if unified in self._gone:
            return "is not listed any more"
        raw = self._raw[unified]
        info = raw.get("info") or {}
        if raw.get("active") is False:
            status = info.get("status") or info.get("state") or info.get("contractStatus")
            return f"takes no orders now{f', its status is {str(status)[:20]}' if status else ''}"
        ends = above_zero(info.get(self._delisting_key)) if self._delisting_key else None
        if ends is not None and ends < NEVER_MS:
            return f"is to be delisted, at {iso(int(ends) * MILLISECOND)}"
        return ""

    def of(self, unified: Any) -> Market:
        """The market that ccxt names. Raises ForeignMarket for one that is not of our kind."""
        found = self._known.get(unified)
        if found is None:
            if unified not in self._raw:
                raise ForeignMarket(
                    f"an answer about {str(unified)[:40]!r}, which is no market of ours"
                )
            found = self._known[unified] = self._made(unified, self._raw[unified])
        return found

    def by_id(self, market_id: str, key: str = "id") -> Market | None:
        """By what a field of ccxt's market calls it."""
        unified = self._named(market_id, key)
        return None if unified is None else self.of(unified)

    def _named(self, name: str, key: str = "id") -> str | None:
        if key not in self._by_key:
            self._by_key[key] = {str(m.get(key) or ""): name for name, m in self._raw.items()}
        return self._by_key[key].get(name)

    def all(self) -> list[MarketInfo]:
        ours = [self._info(unified, market) for unified, market in self._raw.items()]
        rest = [
            MarketInfo(
                unified,
                unified,
                None,
                bool(market.get("active")),
                False,
                _unsupported_because(market),
            )
            for unified, market in self._others.items()
        ]
        return sorted(ours + rest, key=lambda info: info.unified)

    def _info(self, unified: str, raw: Mapping[str, Any]) -> MarketInfo:
        active = raw.get("active") is not False
        try:
            market = self.of(unified)
        except InvalidResponse as invalid:
            return MarketInfo(self._name(unified), unified, None, active, False, str(invalid))
        note = "" if active else "not traded now"
        if market.size != ONE:
            note = f"contracts of {market.size} {raw['base']}"
        return MarketInfo(market.symbol, unified, market.instrument, active, True, note)

    def _name(self, unified: str) -> str:
        if unified in self._names:
            return self._names[unified]
        raw = self._raw[unified]
        name = _compact(raw["base"] + raw["quote"])
        is_clear = len(self._by_name[name]) == 1 and name not in self._unified
        return name if is_clear else unified

    def _resolve(self, local: str) -> str:
        if local in self._raw:
            return local
        if (named := self._named(local)) is not None:
            return named
        found = self._by_name.get(_compact(local), [])
        if len(found) > 1:
            found = [name for name in found if _settles_in_quote(self._raw[name])] or found
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"symbol {local!r} may be any of {', '.join(sorted(found))}")
        raise UsageError(f"unknown symbol {local!r}{self._near(local)}")

    def _near(self, local: str) -> str:
        near = difflib.get_close_matches(_compact(local), self._by_name, 3)
        names = dict.fromkeys(unified for name in near for unified in self._by_name[name])
        return f": did you mean {', '.join(list(names)[:3])}?" if names else ""

    def _made(self, unified: str, raw: Mapping[str, Any]) -> Market:
        size = above_zero(raw.get("contractSize")) or ONE
        precision, limits = raw.get("precision") or {}, raw.get("limits") or {}
        amounts, market_amounts = limits.get("amount") or {}, limits.get("market") or {}
        costs = limits.get("cost") or {}
        digits = self._digits(precision.get("price"))
        instrument = Instrument(
            symbol=self._name(unified),
            quote=raw["quote"],
            tick_size=FINEST if digits is not None else self._step(precision.get("price")),
            lot_size=self._step(precision.get("amount")) * size,
            min_notional=Decimal(plain(above_zero(costs.get("min")) or ZERO)),
            kind=self._kind,
            max_leverage=above_zero((limits.get("leverage") or {}).get("max")) or ONE,
            base=raw["base"],
            min_quantity=(above_zero(amounts.get("min")) or ZERO) * size,
            max_quantity=(above_zero(amounts.get("max")) or ZERO) * size,
            max_market_quantity=(above_zero(market_amounts.get("max")) or ZERO) * size,
        )
        return Market(
            symbol=instrument.symbol,
            unified=unified,
            id=raw["id"],
            instrument=instrument,
            size=size,
            price_digits=digits,
        )

    def _step(self, precision: Any) -> Decimal:
        found = above_zero(precision)
        if self._mode == TICK_SIZE:
            return Decimal(plain(found)) if found else FINEST
        if precision is None:
            return FINEST
        return Decimal(1).scaleb(-int(precision))

    def _digits(self, precision: Any) -> int | None:
        if self._mode != SIGNIFICANT_DIGITS or precision is None:
            return None
        return int(precision)


def _is_of(market: Mapping[str, Any], kind: str) -> bool:
    if not market.get("base") or not market.get("quote"):
        return False
    if kind == "spot":
        return market.get("spot") is True
    return market.get("swap") is True and market.get("linear") is True


def _settles_in_quote(market: Mapping[str, Any]) -> bool:
    return bool(market.get("settle") == market["quote"])


def _unsupported_because(market: Mapping[str, Any]) -> str:
    if market.get("inverse"):
        return "settled in the coin itself"
    return f"a market of another kind: {market.get('type')}"


def _compact(text: str) -> str:
    return _SEPARATORS.sub("", text.upper())


__all__ = ["Market", "Markets"]
