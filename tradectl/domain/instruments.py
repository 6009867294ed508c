"""What can be traded, and in which steps.

An instrument says how prices and quantities are rounded and whether one can be short in it. Recorded
data names its symbols and nothing more, so an instrument that nobody described gets steps fine enough
for any of them (`Instrument.guess`); a described one is checked to the letter.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.currencies import quote_in
from tradectl.domain.errors import UsageError
from tradectl.domain.money import ONE, ZERO, floor_to, plain, round_to
from tradectl.domain.setting import Bounds, Share

MIN_NOTIONAL = {
    "BTC": Decimal("0.0001"), "XBT": Decimal("0.0001"), "ETH": Decimal("0.001"), "BNB": Decimal("0.01"),
}  # fmt: skip


class InstrumentKind(StrEnum):
    SPOT = "spot"
    PERPETUAL = "perpetual"


PERPETUAL = InstrumentKind.PERPETUAL


class MarginMode(StrEnum):
    """What stands behind a perpetual position."""

    CROSS = "cross"
    """all of the account's money that no isolated position has set aside"""
    ISOLATED = "isolated"
    """its own initial margin, and nothing else"""


class MarginTier(Struct, frozen=True, forbid_unknown_fields=True):
    """A larger position needs more: what of its notional lies `above` so much needs `rate`."""

    above: Annotated[Decimal, Bounds(gt=0), "notional, in the quote currency"]
    rate: Annotated[Decimal, Bounds(ge=0, lt=1), "maintenance margin of what lies above it"]


class Instrument(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Steps and limits of one symbol. A perpetual is linear: its profit is in the quote currency, and a
    contract is one coin. Its margin is as Binance has it of BTCUSDT (USD-M): `maintenance_margin` is the
    rate of the first bracket, `liquidation_fee` the field of that name in its exchangeInfo."""

    symbol: Annotated[str, "as market data and orders name it"]
    quote: Annotated[str, "the currency of its prices"]
    tick_size: Annotated[Decimal, Bounds(gt=0), "the price step"]
    lot_size: Annotated[Decimal, Bounds(gt=0), "the quantity step"]
    min_notional: Annotated[Decimal, Bounds(ge=0), "of an order, in the quote currency"]
    kind: Annotated[InstrumentKind, "a perpetual can be sold short"] = InstrumentKind.SPOT
    max_leverage: Annotated[
        Decimal,
        Bounds(ge=1),
        "of a perpetual: opening takes notional / max_leverage as initial margin; 1 of spot",
    ] = ONE
    base: Annotated[str, "the coin's name where an exchange told it"] = ""
    min_quantity: Annotated[
        Decimal, Bounds(ge=0), "of an order, in coins; no less than one quantity step in any case"
    ] = ZERO
    max_quantity: Annotated[
        Decimal, Bounds(ge=0), "of an order, in coins: more goes out as several; 0: no limit"
    ] = ZERO
    max_market_quantity: Annotated[
        Decimal, Bounds(ge=0), "the same of an order at market, and of a stop; 0: no other limit"
    ] = ZERO
    margin: Annotated[
        MarginMode,
        "of a perpetual on paper: what it can lose is all the account's money, or its initial margin",
    ] = MarginMode.CROSS
    maintenance_margin: Annotated[
        Decimal,
        Bounds(ge=0, lt=1),
        "of a perpetual on paper: liquidated when collateral is worth no more than this part of the "
        "notional",
    ] = Decimal("0.004")
    margin_tiers: Annotated[
        tuple[MarginTier, ...],
        "more for what is larger, ascending: [{ above = 50000, rate = 0.005 }]",
    ] = ()
    liquidation_fee: Annotated[
        Share, "part of the notional paid at a liquidation, as far as collateral is left"
    ] = Decimal("0.0125")

    @classmethod
    def guess(cls, symbol: str, kind: InstrumentKind = InstrumentKind.SPOT) -> "Instrument":
        """An instrument with steps of 1e-8, or finer where its prices are tiny; its quote currency is
        read from its symbol."""
        quote = quote_in(symbol) or "USDT"
        step = Decimal("1e-8")
        return GuessedInstrument(
            symbol, quote, step, step, MIN_NOTIONAL.get(quote, Decimal(5)), kind
        )

    @property
    def can_short(self) -> bool:
        return self.kind is PERPETUAL

    def tick_at(self, price: Decimal) -> Decimal:
        """The price step at `price`, which is above zero."""
        return self.tick_size

    def round_price(self, price: Decimal) -> Decimal:
        return round_to(price, self.tick_at(price))

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        return floor_to(quantity, self.lot_size)

    def part(self, size: Decimal, *, at_market: bool) -> Decimal:
        """As much of it as one order may have: the rest takes others."""
        if not self.max_quantity and not self.max_market_quantity:
            return size
        limits = [self.max_quantity, self.max_market_quantity if at_market else ZERO]
        return min([size, *(self.floor_quantity(limit) for limit in limits if limit)])

    def is_dust(self, quantity: Decimal, mark: Decimal | None) -> bool:
        """Less than an exchange takes as an order; without a mark, as far as its quantity goes."""
        size = self.floor_quantity(quantity)
        if not size or size < self.min_quantity:
            return True
        return mark is not None and size * mark < self.min_notional

    def smallest(self) -> str:
        """The smallest order, in words."""
        least = f"{plain(self.min_notional)} {self.quote}"
        return (
            f"{plain(self.min_quantity)} or {least}" if self.min_quantity > self.lot_size else least
        )


class GuessedInstrument(Instrument, frozen=True):
    """One that nobody described. Its price step follows the price: `DIGITS` of it are kept at least."""

    DIGITS: ClassVar[int] = 8

    def tick_at(self, price: Decimal) -> Decimal:
        if not price > 0:
            return self.tick_size
        return min(self.tick_size, ONE.scaleb(price.adjusted() + 1 - self.DIGITS))


class ListedInstrument(GuessedInstrument, frozen=True):
    """One with the steps that it has at today's prices; where it cost a thousandth they were finer."""

    DIGITS: ClassVar[int] = 5


def _spot(symbol: str, tick: str, lot: str) -> Instrument:
    return ListedInstrument(symbol, "USDT", Decimal(tick), Decimal(lot), Decimal(5))


BUILT_IN = {
    i.symbol: i
    for i in (
        _spot("BTCUSDT", "0.01", "0.00001"),
        _spot("ETHUSDT", "0.01", "0.0001"),
        _spot("SOLUSDT", "0.01", "0.001"),
        _spot("XRPUSDT", "0.0001", "0.1"),
        _spot("DOGEUSDT", "0.00001", "1"),
    )
}


class Instruments(dict[str, Instrument]):
    """The instruments of a run, by symbol; what nobody described is guessed, once, when it is asked for.

    `known` limits the run to the described symbols; without it any symbol may appear, and is in here.
    Only what is described can be a perpetual. `exchanges` are their names, that of symbols without one
    first.
    """

    def __init__(
        self,
        described: Iterable[Instrument] = (),
        *,
        known: bool = False,
        exchanges: tuple[str, ...] = (),
    ) -> None:
        super().__init__((i.symbol, i) for i in described)
        self._known = known
        self.exchanges = exchanges
        self._coins = {
            (self.exchange_of(i.symbol), i.base): i.symbol for i in self.values() if not i.can_short
        }
        self._perpetuals = {i.symbol: i for i in self.values() if i.can_short}

    @property
    def any_perpetual(self) -> bool:
        return bool(self._perpetuals)

    def __contains__(self, symbol: object) -> bool:
        return not self._known or super().__contains__(symbol)

    def __missing__(self, symbol: str) -> Instrument:
        if self._known:
            raise UsageError(f"unknown symbol {symbol!r}: not among {sorted(self)}")
        found = self[symbol] = self._unknown(symbol)
        return found

    def _unknown(self, symbol: str) -> Instrument:
        own = symbol.removeprefix(f"{self.exchange_of(symbol)}:")
        found = BUILT_IN.get(own)
        if found is None:
            return Instrument.guess(symbol)
        return found if own == symbol else replace(found, symbol=symbol)

    def exchange_of(self, symbol: str) -> str:
        """The name of the exchange that it is traded at; the first one's where it says none."""
        if len(self.exchanges) > 1:
            name, found, _ = symbol.partition(":")
            if found and name in self.exchanges:
                return name
        return self.exchanges[0] if self.exchanges else ""

    def perpetual(self, symbol: str) -> Instrument | None:
        """The symbol, if it is one; only what is described can be."""
        return self._perpetuals.get(symbol)

    def symbol_of(self, coin: str, beside: str) -> str | None:
        """The described spot symbol of a coin, at the exchange of the symbol `beside`."""
        return self._coins.get((self.exchange_of(beside), coin))

    def describe(self, instrument: Instrument) -> None:
        """Its rules from now on."""
        self[instrument.symbol] = instrument
        if instrument.can_short:
            self._perpetuals[instrument.symbol] = instrument

    def all(self) -> list[Instrument]:
        return list(self.values())


__all__ = [
    "BUILT_IN",
    "Instrument",
    "InstrumentKind",
    "Instruments",
    "MarginMode",
    "MarginTier",
]
