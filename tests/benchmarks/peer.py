"""The same work done by NautilusTrader, to compare with ours: its time, its memory, every fill.

Run by an interpreter that has the library (2.0.0rc6 with its Rust core, or 1.231). The process
reads recorded trades, builds ticks, runs a backtest and prints what came of it:

    PYTHON tests/benchmarks/peer.py trades.csv --mode flip --json
    PYTHON tests/benchmarks/peer.py candles.csv --candles --fast 20 --slow 100 --quantity 0.01 --json

On candles (2.0.0rc6 and later) a close is what a trade's price is else: the averages are of closes, and
orders fill at the close that caused them.

So that ours can do exactly the same:

- *Signal.* Two EMAs of the trade prices, alpha = 2 / (n + 1). Nothing happens before the slow one
  has seen n prices. From that trade on, the n-th included, the wanted side is long while fast >
  slow, short while fast < slow, and what it was while they are equal. The first wanted side and
  each change of it send one market order: `--quantity` at first, twice that to turn over.
- *EMA in 2.0.0rc6.* 0 before the n-th price, there the mean of the first n (summed in order, then
  divided), as TA-Lib seeds it; then fma(alpha, price, (1 - alpha) * value), so one rounding less.
- *EMA in 1.231.* The first price, and from it on alpha * price + (1 - alpha) * value.
- Both take a price as its fixed-point integer / 1e16, for a third of them one bit beside
  float(text). Where the price stands still for a hundred trades both EMAs arrive at it, and such a
  bit decides on which side. 2 and 11 are a pair for which, on the default trades, neither the
  rounding nor the seed changes any order.
- *Fill.* At once, at the price of the trade that gave the signal, as far as that trade's size goes;
  the rest one price step (0.01) worse, as a second fill. The default quantity never has a rest.
  The fee is 0.1 % of the notional; a margin account, no margin rates; one netted position.

Logs, the closing statistics and the throttle of 100 orders a second are off: the comparison needs
none of them. What the two generations call by different names is bound below, once.
"""

# Not among the development dependencies: to the type checker everything of the library is Any.
# mypy: disable-error-code="import-not-found, misc, no-redef"
from __future__ import annotations

import time

STARTED = time.perf_counter()  # before the imports: they are part of the price

# ruff: noqa: E402
import argparse
import csv
import gzip
import hashlib
import json
import os
import resource
import sys
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

VERSION = version("nautilus_trader")
FEE = Decimal("0.001")
PRICE_PRECISION, SIZE_PRECISION = 2, 5
CAPITAL_USDT = 1_000_000
NO_THROTTLE = "1000000/00:00:01"

if VERSION.startswith("1."):
    # Its statistics are pandas series that grow by one row a flip: with the Arrow strings of
    # pandas 3 that makes a run of 9,000 flips take six times as long. Set it to 1 to see that.
    os.environ.setdefault("PANDAS_FUTURE_INFER_STRING", "0")

    from nautilus_trader.backtest.config import BacktestEngineConfig
    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.config import LoggingConfig, RiskEngineConfig
    from nautilus_trader.indicators import ExponentialMovingAverage
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
    from nautilus_trader.model.instruments import CryptoPerpetual
    from nautilus_trader.model.objects import Currency, Money, Price, Quantity
    from nautilus_trader.trading.strategy import Strategy

    TAKER_BUYS, TAKER_SELLS = AggressorSide.BUYER, AggressorSide.SELLER
    QUIET = LoggingConfig(bypass_logging=True)
    INSTRUMENT_FEES = {"maker_fee": FEE, "taker_fee": FEE}
    VENUE_FEES = {}
else:
    from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.common import LoggerConfig
    from nautilus_trader.execution import MakerTakerFeeModel
    from nautilus_trader.indicators import ExponentialMovingAverage
    from nautilus_trader.model import (
        AccountType,
        AggressorSide,
        Bar,
        BarType,
        CryptoPerpetual,
        Currency,
        InstrumentId,
        Money,
        OmsType,
        OrderSide,
        Price,
        Quantity,
        Symbol,
        TradeId,
        TradeTick,
        Venue,
    )
    from nautilus_trader.risk import RiskEngineConfig
    from nautilus_trader.trading import Strategy

    TAKER_BUYS, TAKER_SELLS = AggressorSide.BUY, AggressorSide.SELL
    QUIET = LoggerConfig(bypass_logging=True)
    INSTRUMENT_FEES = {}
    VENUE_FEES = {"fee_model": MakerTakerFeeModel(maker_rate=FEE, taker_rate=FEE)}

VENUE = Venue("SIM")
BTCUSDT = InstrumentId.from_str("BTCUSDT.SIM")
USDT = Currency.from_str("USDT")
MINUTES, MINUTE_NS = "BTCUSDT.SIM-1-MINUTE-LAST-EXTERNAL", 60_000_000_000


def new_engine() -> Any:
    """One venue without margin rates, one linear perpetual in it, steps of 0.01 and 0.00001."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=QUIET,
            risk_engine=RiskEngineConfig(max_order_submit_rate=NO_THROTTLE),
            run_analysis=False,
        )
    )
    capital = [Money(CAPITAL_USDT, USDT)]
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.MARGIN, capital, **VENUE_FEES)
    perpetual = CryptoPerpetual(
        instrument_id=BTCUSDT,
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=Currency.from_str("BTC"),
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=PRICE_PRECISION,
        size_precision=SIZE_PRECISION,
        price_increment=Price(10**-PRICE_PRECISION, PRICE_PRECISION),
        size_increment=Quantity(10**-SIZE_PRECISION, SIZE_PRECISION),
        ts_event=0,
        ts_init=0,
        **INSTRUMENT_FEES,
    )
    engine.add_instrument(perpetual)
    return engine


def read_ticks(path: Path) -> list[Any]:
    """All trades of a CSV or CSV.gz file as ticks. (On 1.x pandas and the wrangler take longer.)"""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        rows = csv.reader(file)
        next(rows)
        return [
            TradeTick(
                BTCUSDT,
                Price(float(price), PRICE_PRECISION),
                Quantity(float(quantity), SIZE_PRECISION),
                TAKER_BUYS if side == "buy" else TAKER_SELLS,
                TradeId(str(n)),
                int(ts) * 1_000_000,
                int(ts) * 1_000_000,
            )
            for n, (ts, _, price, quantity, side) in enumerate(rows, 1)
        ]


def read_candles(path: Path) -> list[Any]:
    """All candles of a CSV file, as bars of a minute that close when they are over."""
    minute = BarType.from_str(MINUTES)
    with path.open() as file:
        rows = csv.reader(file)
        next(rows)
        return [
            Bar(
                minute,
                *(Price(float(price), PRICE_PRECISION) for price in prices),
                Quantity(float(volume), SIZE_PRECISION),
                int(ts) * 1_000_000 + MINUTE_NS,
                int(ts) * 1_000_000 + MINUTE_NS,
            )
            for ts, _, *prices, volume in rows
        ]


class Empty(Strategy):
    """Receives every trade and does nothing."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.fills: list[Any] = []

    def on_start(self) -> None:
        subscribe = getattr(self, "subscribe_trades", None) or self.subscribe_trade_ticks
        subscribe(BTCUSDT)

    def on_trade(self, trade: Any) -> None:
        pass

    on_trade_tick = on_trade  # its name in 1.x


class Averages(Empty):
    """Keeps the two averages and compares them on every trade, to no end."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.fast = ExponentialMovingAverage(options.fast)
        self.slow = ExponentialMovingAverage(options.slow)
        self.side = 0

    def on_start(self) -> None:
        self.register_indicator_for_trade_ticks(BTCUSDT, self.fast)
        self.register_indicator_for_trade_ticks(BTCUSDT, self.slow)
        super().on_start()

    def on_trade(self, trade: Any) -> None:
        if not self.slow.initialized:
            return
        fast, slow = self.fast.value, self.slow.value
        side = 1 if fast > slow else -1 if fast < slow else self.side
        if side != self.side:
            self.cross(side)
            self.side = side

    on_trade_tick = on_trade

    def cross(self, side: int) -> None:
        pass


class Flip(Averages):
    """Turns the position over on every cross."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.entry = Quantity(options.quantity, SIZE_PRECISION)
        self.turn = Quantity(2 * options.quantity, SIZE_PRECISION)

    def cross(self, side: int) -> None:
        order_side = OrderSide.BUY if side > 0 else OrderSide.SELL
        quantity = self.turn if self.side else self.entry
        self.submit_order(self.order_factory.market(BTCUSDT, order_side, quantity))

    def on_order_filled(self, event: Any) -> None:
        self.fills.append(event)


class FlipOnCandles(Flip):
    """The same on the closes of candles."""

    def on_start(self) -> None:
        minute = BarType.from_str(MINUTES)
        self.register_indicator_for_bars(minute, self.fast)
        self.register_indicator_for_bars(minute, self.slow)
        self.subscribe_bars(minute)

    def on_bar(self, bar: Any) -> None:
        self.on_trade(bar)


STRATEGIES = {"empty": Empty, "ema": Averages, "flip": Flip}


class Fill(NamedTuple):
    """One fill: time in ns, quantity in BTC with its sign, price and fee in USDT."""

    ts: int
    change: Decimal
    price: Decimal
    fee: Decimal

    @classmethod
    def of(cls, event: Any) -> Fill:
        quantity = event.last_qty.as_decimal()
        change = quantity if event.order_side == OrderSide.BUY else -quantity
        price, fee = event.last_px.as_decimal(), event.commission.as_decimal()
        return cls(event.ts_event, change, price, fee)

    def line(self) -> str:
        return f"{self.ts},{plain(self.change)},{plain(self.price)}"


def plain(value: Decimal) -> str:
    """Without exponent and trailing zeros, so that texts are equal where values are."""
    return f"{value.normalize():f}"


def outcome(fills: list[Fill]) -> dict[str, Any]:
    """What two runs must agree in. The hash is over the lines of `--fills`, without its header."""
    lines = "".join(fill.line() + "\n" for fill in fills)
    return {
        "fills": len(fills),
        "first_fill_price": plain(fills[0].price) if fills else None,
        "last_fill_price": plain(fills[-1].price) if fills else None,
        "signed_notional": plain(sum((f.change * f.price for f in fills), Decimal(0))),
        "fees": plain(sum((f.fee for f in fills), Decimal(0))),
        "fills_sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Do all of it. Seconds are of the wall but for `cpu_s`, money is USDT in decimal strings."""
    started = time.perf_counter()
    ticks = read_candles(options.trades) if options.candles else read_ticks(options.trades)
    loaded = time.perf_counter()
    engine = new_engine()
    strategy = FlipOnCandles(options) if options.candles else STRATEGIES[options.mode](options)
    engine.add_strategy(strategy)
    engine.add_data(ticks)
    engine.run()
    orders = engine.cache.orders_total_count()
    fills = [Fill.of(event) for event in strategy.fills]
    ended = time.perf_counter()

    if options.fills:
        lines = ["ts_ns,change,price", *(fill.line() for fill in fills)]
        options.fills.write_text("\n".join(lines) + "\n")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "version": VERSION,
        "mode": options.mode,
        "fast": options.fast,
        "slow": options.slow,
        "trades": engine.iteration,
        "orders": orders,
        **outcome(fills),
        "import_s": round(started - STARTED, 3),
        "load_s": round(loaded - started, 3),
        "run_s": round(ended - loaded, 3),
        "total_s": round(ended - STARTED, 3),
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "peak_rss_mb": round(used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="An EMA cross by NautilusTrader.")
    parser.add_argument("trades", type=Path, help="CSV or CSV.gz: ts_ms,symbol,price,qty,side")
    parser.add_argument("--mode", choices=STRATEGIES, default="flip")
    parser.add_argument("--candles", action="store_true", help="the file has candles of a minute")
    parser.add_argument("--fast", type=int, default=2, help="trades (%(default)s)")
    parser.add_argument("--slow", type=int, default=11, help="trades (%(default)s)")
    parser.add_argument("--quantity", type=float, default=0.0005, help="BTC held (%(default)s)")
    parser.add_argument("--fills", type=Path, help="write the fills to this CSV file")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    result = measure(options)
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{key:>17}  {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
