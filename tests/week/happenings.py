"""What happens in the week, hour by hour, and which alerts each of it explains.

Nothing else may alert anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tests.week.live_trader import SYMBOLS, LiveTrader
from tradectl.domain.events import Acceptance

FUTURES, SPOT = "futures", "spot"
EXTERNAL, TRANSFER = Acceptance.EXTERNAL, Acceptance.TRANSFER
COMPARED = ("restricted_unreconciled",)
STREAM = ("user_stream_lost", "denied_restricted", *COMPARED)
LINE = (
    "feed_lost",
    "restricted_stale",
    "restricted_away",
    "breaker_opened",
    "reconcile_failed",
    "income_failed",
    "rules_failed",
    "cancel_failed",
    *STREAM,
)
STARTED = ("recovered", "restricted_stale", "denied_restricted", *COMPARED)
LARGER_LOTS = {SPOT: ("0.001", "0.01"), FUTURES: ("0.01", "0.1")}
FALLS_ASLEEP_H = 0.08
FELT_H = 2.5
"""How long something may be felt: until the next comparison, and a little."""

Do = Callable[[LiveTrader], bool | None]
"""False where it cannot be now: it comes an hour later."""


@dataclass(frozen=True)
class Happening:
    """`hour` since the week began, in those `markets`; `lasting` hours, so much longer it is felt."""

    hour: float
    what: str
    do: Do
    explains: tuple[str, ...] = ()
    lasting: float = 0.0
    markets: tuple[str, ...] = (SPOT, FUTURES)


def after(trader: LiveTrader, hours: float, act: Callable[[], None]) -> None:
    trader.world.at(trader.world.hour() + hours, act)


def key_ends(trader: LiveTrader) -> None:
    trader.exchange.expire_listen_key()


def key_ends_unsaid(trader: LiveTrader) -> None:
    trader.exchange.expire_listen_key(told=False)


def day_ends(trader: LiveTrader) -> None:
    """That of every connection."""
    trader.exchange.end_connections()


def sleeps(hours: float) -> Do:
    """In a few minutes: its timers are then those of any moment, and after it they are."""

    def sleep(trader: LiveTrader) -> None:
        trader.world.sleep(hours)
        trader.world.is_lively()

    def do(trader: LiveTrader) -> None:
        trader.world.is_lively(FALLS_ASLEEP_H * trader.world.hour_s * 2)
        after(trader, FALLS_ASLEEP_H, lambda: sleep(trader))

    return do


def banned(trader: LiveTrader) -> None:
    """Somebody asked too often, and asks again meanwhile."""
    trader.exchange.ban(900)
    trader.compares()


def refused(trader: LiveTrader) -> None:
    trader.exchange.refuse_access(8)
    trader.compares()


def maintenance(hours: float, status: int = 503) -> Do:
    def do(trader: LiveTrader) -> None:
        trader.exchange.maintain(status)
        after(trader, hours, lambda: trader.exchange.maintain(0))

    return do


def line_down(hours: float) -> Do:
    def do(trader: LiveTrader) -> None:
        trader.exchange.link_down()
        after(trader, hours, trader.exchange.link_up)

    return do


def killed(hours: float) -> Do:
    """Who switches it on again reads what it says."""

    def do(trader: LiveTrader) -> None:
        trader.kill()
        after(trader, hours, trader.switch_on)
        after(trader, hours + 0.5, lambda: trader.read("recovered"))

    return do


def killed_in_maintenance(trader: LiveTrader) -> None:
    """It starts as soon as the exchange is back."""
    maintenance(0.3)(trader)
    killed(0.4)(trader)


def restarted(trader: LiveTrader) -> None:
    trader.terminate()
    after(trader, 0.2, trader.switch_on)


def clock_off(seconds: float, hours: float) -> Do:
    """This machine's clock goes wrong, and is put right; the exchange's does not."""

    def put(trader: LiveTrader, off: float) -> None:
        trader.system.clock.off = off
        trader.exchange.skew_clock(-off)

    def do(trader: LiveTrader) -> None:
        put(trader, seconds)
        after(trader, hours, lambda: put(trader, 0.0))

    return do


def falls(by: str) -> Do:
    def do(trader: LiveTrader) -> None:
        for symbol in SYMBOLS:
            trader.world.move(symbol, Decimal(by))

    return do


def deleveraged(trader: LiveTrader) -> None:
    """Where nobody else holds any of it."""
    for symbol in {*SYMBOLS} - {order.symbol for order in trader.theirs}:
        trader.exchange.deleverage(symbol, fraction="0.5")


def deposited(asset: str, amount: str) -> Do:
    return lambda t: t.exchange.outside_transfer("main", asset, amount, market=t.market)


def said_to_be(kind: Acceptance, do: Do, hours: float = 1.2) -> Do:
    """What is done the operator explains later, and trading goes on."""

    def and_told(trader: LiveTrader) -> bool | None:
        if do(trader) is False:
            return False
        after(trader, hours, lambda: trader.accept(kind))
        return None

    return and_told


def unlock(trader: LiveTrader, symbol: str) -> None:
    """The user cancels our stop, which binds the coins."""
    for order in trader.exchange.truth.open_orders(market=trader.market):
        if order.symbol == symbol:
            trader.exchange.engines[trader.market].cancel(order)


def by_hand(share: str) -> Do:
    """The user trades against the larger of our positions, or with `share` below zero on top of it."""

    def do(trader: LiveTrader) -> bool:
        symbol = max(SYMBOLS, key=trader.notional)
        held, part = trader.held(symbol), Decimal(share)
        lot = trader.exchange.engines[trader.market].rules[symbol].lot
        quantity = abs(held * part) // lot * lot
        side = "SELL" if (held > 0) == (part > 0) else "BUY"
        if not quantity:
            return False
        if side == "SELL" and trader.market == SPOT:
            unlock(trader, symbol)
        order = trader.exchange.outside_trade("main", symbol, side, quantity, market=trader.market)
        if part < 0:
            trader.theirs.append(order)
        return True

    return do


def larger_lots(trader: LiveTrader) -> None:
    """What is held is no multiple of them."""
    lots = LARGER_LOTS[trader.market]
    for symbol, lot in zip(SYMBOLS, lots, strict=True):
        trader.exchange.change_rules(symbol, market=trader.market, lot=lot)


def closed(symbol: str, hours: float) -> Do:
    def do(trader: LiveTrader) -> None:
        market = trader.market
        trader.exchange.close_symbol(symbol, market=market)
        after(trader, hours, lambda: trader.exchange.reopen_symbol(symbol, market=market))

    return do


def paid(kind: str, amount: str, symbol: str = "") -> Do:
    return lambda trader: trader.exchange.pay(kind, amount, symbol=symbol)


SLEPT = (*LINE, "denied_not_sent", "denied_stale_data")
OTHER_LOTS = ("rules_changed", "entry_refused", "exit_refused")
CLOSED = ("restricted_not_traded", "exit_refused", "denied_restricted")
THEIRS = ("external_changed", "restricted_mismatch", "restricted_balance", "denied_restricted")
SOLD = ("manual", "stop_refused", *THEIRS)
PUT_IN = said_to_be(TRANSFER, deposited("USDT", "5000"))
BOUGHT = said_to_be(TRANSFER, by_hand("-0.5"))
ADDED = said_to_be(EXTERNAL, by_hand("-0.5"))
F, S = (FUTURES,), (SPOT,)

HAPPENINGS = (
    Happening(0.0, "the week begins", lambda _: None, STARTED),
    Happening(3.3, "a listen key runs out", key_ends, STREAM, 0, F),
    Happening(9.4, "maintenance", maintenance(0.7), LINE, 0.7),
    Happening(14.6, "a key runs out unsaid", key_ends_unsaid, STREAM, 0, F),
    Happening(20.5, "a rebate", paid("REFERRAL_KICKBACK", "3.21"), (), 0, F),
    Happening(22.2, "coins are put in", deposited("BTC", "0.5"), ("external_changed",), 0, S),
    Happening(24.0, "connections of a day end", day_ends, LINE),
    Happening(27.7, "money is put in", deposited("USDT", "5000"), (), 0, F),
    Happening(27.7, "money is put in, and said to be", PUT_IN, THEIRS, 0, S),
    Happening(31.5, "lots become larger", larger_lots, OTHER_LOTS),
    Happening(34.4, "a symbol takes no orders", closed("ETHUSDT", 1.8), CLOSED, 1.8),
    Happening(37.3, "the laptop sleeps for a night", sleeps(7.5), SLEPT, 7.5),
    Happening(48.0, "connections of a day end", day_ends, LINE),
    Happening(52.9, "a short ban", banned, ("exit_refused", *LINE), 0.3),
    Happening(58.9, "money is taken out", deposited("USDT", "-3000"), (), 0, F),
    Happening(59.6, "the user closes a half by hand", by_hand("0.5"), ("manual", *THEIRS), 0, F),
    Happening(59.6, "the user sells coins", by_hand("0.5"), SOLD, 0, S),
    Happening(61.1, "access is refused for a moment", refused, ("access_refused", *LINE)),
    Happening(66.3, "the line is down", line_down(0.4), LINE, 0.4),
    Happening(72.0, "connections of a day end", day_ends, LINE),
    Happening(77.4, "kill -9, and a restart", killed(0.6), ("changed", *STARTED), 0.6),
    Happening(
        81.6, "this clock is set back", clock_off(-40, 3.0), ("clock_skew", "clock_moved"), 3.0
    ),
    Happening(84.5, "the market falls, and stops are reached", falls("-0.045")),
    Happening(85.9, "an insurance fee", paid("INSURANCE_CLEAR", "-1.5"), (), 0, F),
    Happening(92.2, "maintenance by another page", maintenance(1.5, 502), LINE, 1.5),
    Happening(94.2, "the user adds to a position", ADDED, THEIRS, 80, F),
    Happening(94.2, "the user buys with the account's money", BOUGHT, THEIRS, 0.5, S),
    Happening(96.0, "connections of a day end", day_ends, LINE),
    Happening(103.3, "the laptop sleeps over funding", sleeps(6.0), SLEPT, 6.0),
    Happening(110.5, "half of a position is deleveraged", deleveraged, ("adl",), 0, F),
    Happening(113.7, "the market rises", falls("0.05")),
    Happening(117.8, "it is restarted for an update", restarted, STARTED, 0.2),
    Happening(120.0, "connections of a day end", day_ends, LINE),
    Happening(129.5, "kill -9 during maintenance", killed_in_maintenance, (*STARTED, *LINE), 0.6),
    Happening(140.7, "coins are taken out", deposited("BTC", "-0.2"), ("external_changed",), 30, S),
    Happening(144.0, "connections of a day end", day_ends, LINE),
)


def plan(trader: LiveTrader) -> None:
    """Puts what happens into the trader's week."""
    for happening in HAPPENINGS:
        if trader.market in happening.markets:
            _put(trader, happening)


def _put(trader: LiveTrader, happening: Happening) -> None:
    def act() -> None:
        trader.world.is_lively()
        if happening.do(trader) is False:
            after(trader, 1.0, act)
            return
        lasting = happening.lasting + FELT_H
        trader.alerts.happens(happening.what, happening.explains, lasting=lasting)

    trader.world.at(happening.hour, act)


__all__ = ["HAPPENINGS", "plan"]
