"""Whether an account holds long and short positions of a symbol beside each other, as it told last.

In one-way mode an order names no position; in hedge mode each names the one that it opens or closes. Our
books know one position of a symbol, so in hedge mode nothing of ours enters, and what reduces names the
position that it may only close. The mode is asked for, and believed where positions are told by side;
orders and fills that name a side are a doubt, which asking ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tradectl.domain.errors import VenueRefusal
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec
from tradectl.domain.refusals import HEDGE_MODE, RefusalCause
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.markets import Markets
from tradectl.exchange.ccxt_venue.quirks import HedgeMode
from tradectl.exchange.holdings import PositionSide

AT_A_TIME = 4
"""So many symbols are asked for at once where each has a mode of its own; the others the next times."""
BY_SIDE: Mapping[str, Any] = {"hedged": True}
"""With it ccxt names the position that an order closes, where the order is reduce-only."""
NOTHING: Mapping[str, Any] = {}


class PositionModes:
    """Of `symbols` at an exchange that tells it as `mode` says; None where there is one mode only."""

    def __init__(
        self,
        client: Any,
        caller: Caller,
        markets: Markets,
        mode: HedgeMode | None,
        symbols: Sequence[str],
    ) -> None:
        self._client = client
        self._caller = caller
        self._markets = markets
        self._mode = mode
        self._symbols = tuple(symbols)
        self._next = 0
        self.hedged: frozenset[str] = frozenset()

    async def learn(self) -> None:
        """Of every symbol. Raises NotExecuted."""
        await self._ask(self._symbols)

    async def ask(self, symbols: Sequence[str]) -> None:
        """Raises NotExecuted, VenueRefusal, AccessLost."""
        asked = list(symbols)
        if self._mode is not None and self._mode.by_symbol and len(asked) > AT_A_TIME:
            start = self._next % len(asked)
            self._next = start + AT_A_TIME
            asked = (asked + asked)[start : start + AT_A_TIME]
        await self._ask(asked)

    async def _ask(self, symbols: Sequence[str]) -> None:
        mode = self._mode
        if mode is None or not symbols:
            return
        method = getattr(self._client, mode.method)
        groups = [(symbol,) for symbol in symbols] if mode.by_symbol else [self._symbols]
        for group in groups:
            named = {mode.symbol_key: self._markets[group[0]].id} if mode.symbol_key else {}
            make = partial(method, {**mode.asked, **named})
            is_on = await self._caller.ask("position mode", make, mode.is_on)
            self._note(group, is_on=is_on)

    def tells_both_sides(self, symbol: str) -> None:
        """A position in `symbol` was told that is one of two."""
        mode = self._mode
        if mode is not None and symbol not in self.hedged:
            self._note((symbol,) if mode.by_symbol else self._symbols, is_on=True)

    def _note(self, symbols: Sequence[str], *, is_on: bool) -> None:
        self.hedged = self.hedged.union(symbols) if is_on else self.hedged.difference(symbols)

    async def closing(self, spec: OrderSpec) -> Mapping[str, Any]:
        """What an order is sent with besides, in hedge mode. Raises VenueRefusal for one that would enter
        then."""
        mode = self._mode
        if mode is None:
            return NOTHING
        if not (spec.reduce_only or mode.tells_of_orders):
            await self._ask((spec.symbol,))
        if spec.symbol not in self.hedged:
            return NOTHING
        if not spec.reduce_only:
            raise VenueRefusal(f"{spec.symbol}: {HEDGE_MODE}", RefusalCause.POSITION_SIDE)
        return BY_SIDE if mode.names_side else NOTHING


def side_in(mode: HedgeMode | None, info: Any) -> PositionSide | None:
    """The position that a row of the exchange's is about; None where it names none."""
    if mode is None or not isinstance(info, Mapping):
        return None
    found = (names.get(str(info.get(key))) for key, names in mode.sides.items())
    return next((side for side in found if side is not None), None)


def side_of(mode: HedgeMode | None, info: Any, side: Side, *, pushed_fill: bool = False) -> Side:
    """On which side an order or a fill trades that is told to be on `side`."""
    if mode is None or not isinstance(info, Mapping):
        return side
    return mode.traded(info, side, pushed_fill)


__all__ = ["PositionModes", "side_in", "side_of"]
