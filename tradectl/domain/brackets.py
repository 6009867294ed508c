"""Exits that are agreed on with the entry: a stop-loss, a take-profit, a stop that trails the price.

A bracket belongs to a strategy's virtual position: its prices are measured from that position's entry
price, and its quantity is what has been filled so far. A strategy's configuration has one for all that it
does, and a signal may bring its own, leg by leg. The legs cancel each other by what they leave: one that
fills makes the position smaller, and with it the others.

    stop-loss      so many percent against the position, or a price
    take-profit    so many percent in its favour, or a price
    trailing       so many percent from the best last price since the entry; armed once the price has come
                   `activate_pct` in the position's favour, and then only tightened, in steps
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Self

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import BPS, HUNDRED, ONE, ZERO, decimal_text, number, plain
from tradectl.domain.positions import Position
from tradectl.domain.setting import Bounds, check_values
from tradectl.domain.text import suggest

Away = Annotated[Decimal | None, Bounds(gt=0, lt=100)]
Gain = Annotated[Decimal | None, Bounds(gt=0, lt=10_000)]
Price = Annotated[Decimal | None, Bounds(gt=0)]
TRAIL_STEP_BPS = Decimal(10)
"""Where nothing is said."""


class Bracket(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The legs, in percent of the entry price or as prices. Raises ConfigError for what cannot be."""

    stop_loss_pct: Annotated[
        Away, "a stop so far from the entry price of the strategy's position, in percent"
    ] = None
    stop_loss_price: Annotated[Price, "a stop at this price"] = None
    take_profit_pct: Annotated[Gain, "a target so far from the entry price, in percent"] = None
    take_profit_price: Annotated[Price, "a target at this price"] = None
    trailing_pct: Annotated[
        Away, "a stop that follows the best last price since the entry, so many percent from it"
    ] = None
    activate_pct: Annotated[
        Gain,
        "the trailing stop begins once the price has come so far in the position's favour, in percent "
        "of the entry price; without it, at the entry",
    ] = None
    trail_step_bps: Annotated[
        Decimal,
        Bounds(ge=0, lt=10_000),
        "the trailing stop is moved when it gets closer by at least this part of it (1/10,000)",
    ] = TRAIL_STEP_BPS

    def __post_init__(self) -> None:
        check_values(self, "bracket")
        for leg in ("stop_loss", "take_profit"):
            if getattr(self, f"{leg}_pct") and getattr(self, f"{leg}_price"):
                raise ConfigError(
                    f"bracket: {leg}_pct and {leg}_price are two of one: leave one out"
                )
        if self.activate_pct and not self.trailing_pct:
            raise ConfigError("bracket.activate_pct: there is no trailing_pct that it would begin")

    @property
    def has_legs(self) -> bool:
        return any((self.stop_loss_pct, self.stop_loss_price, self.take_profit_pct,
                    self.take_profit_price, self.trailing_pct))  # fmt: skip

    def over(self, other: Self | None) -> Self:
        """Leg by leg this one, and the `other` where this has none."""
        if other is None or not other.has_legs:
            return self
        merged: dict[str, Decimal | None] = {}
        for leg in ("stop_loss", "take_profit"):
            if not getattr(self, f"{leg}_pct") and not getattr(self, f"{leg}_price"):
                merged |= {name: getattr(other, name) for name in (f"{leg}_pct", f"{leg}_price")}
        if not self.trailing_pct:
            names = ("trailing_pct", "activate_pct", "trail_step_bps")
            merged |= {name: getattr(other, name) for name in names}
        return replace(self, **merged)

    def impossible(self, price: Decimal, *, long: bool) -> str:
        """Why nobody can be `long` (or short) at `price` with it; empty where one can."""
        stop, target = self.stop_loss_price, self.take_profit_price
        side, below, above = ("long", "below", "above") if long else ("short", "above", "below")
        now = f"the price of {plain(price)}"
        if stop is not None and (stop >= price if long else stop <= price):
            return f"the stop of a {side} position is {below} {now}, got {decimal_text(stop)}"
        if target is not None and (target <= price if long else target >= price):
            return f"the target of a {side} position is {above} {now}, got {decimal_text(target)}"
        return ""

    # --- prices, of a position that is long or short by its sign --------------------------------------

    def stop(self, position: Position, instrument: Instrument) -> Decimal | None:
        """Of the stop-loss."""
        if self.stop_loss_pct is None:
            return _to_tick(self.stop_loss_price, instrument)
        return instrument.round_price(_away(position, -self.stop_loss_pct))

    def target(self, position: Position, instrument: Instrument) -> Decimal | None:
        if self.take_profit_pct is None:
            return _to_tick(self.take_profit_price, instrument)
        return instrument.round_price(_away(position, self.take_profit_pct))

    def trailed(
        self, position: Position, instrument: Instrument, best: Decimal, trail: Decimal | None
    ) -> Decimal | None:
        """Where the trailing stop is to be once the price has been at `best`; it is at `trail` now, None
        before it is armed. None: it stays as it is."""
        if self.trailing_pct is None:
            return None
        long, share = position.quantity > 0, self.trailing_pct / HUNDRED
        if trail is None:
            start = _away(position, self.activate_pct or ZERO)
            if self.activate_pct is None:
                best = max(best, start) if long else min(best, start)
            elif best < start if long else best > start:
                return None
        moved = instrument.round_price(best * (ONE - share if long else ONE + share))
        if trail is None:
            return moved
        step = self.trail_step_bps * BPS
        if long:
            return moved if moved > trail and moved >= trail * (ONE + step) else None
        return moved if moved < trail and moved <= trail * (ONE - step) else None

    def moves_at(self, position: Position, trail: Decimal | None) -> Decimal | None:
        """The price at which the trailing stop is looked at next; None where there is none."""
        if self.trailing_pct is None:
            return None
        long, share = position.quantity > 0, self.trailing_pct / HUNDRED
        if trail is None:
            return _away(position, self.activate_pct or ZERO)
        step = self.trail_step_bps * BPS
        if long:
            return trail * (ONE + step) / (ONE - share)
        return trail * (ONE - step) / (ONE + share)


def _to_tick(price: Decimal | None, instrument: Instrument) -> Decimal | None:
    return None if price is None else instrument.round_price(price)


def bracket_of(exits: Mapping[str, object]) -> Bracket | None:
    """Of a signal, by the names of a Bracket's fields. Raises UsageError for others, and for what is no
    number that they can have."""
    if not exits:
        return None
    legs: dict[str, Decimal] = {}
    for name, value in exits.items():
        if name not in Bracket.__struct_fields__:
            raise UsageError(
                f"a signal has no {name!r}: {suggest(name, Bracket.__struct_fields__)}"
            )
        if value is None:
            continue
        if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
            raise UsageError(f"{name}: expected a number, got {value!r:.40}")
        try:
            exact = number(str(value))
        except ValueError as error:
            raise UsageError(
                f"{name}: expected a number, got {value!r:.40} (a finite one, below 1e15)"
            ) from error
        legs[name] = exact
    try:
        return Bracket(**legs) if legs else None
    except ConfigError as error:
        raise UsageError(str(error)) from error


class Trail(Struct, frozen=True):
    """Where the trailing stop of a position is, which is `long` or short."""

    price: Decimal
    long: bool


class BracketState(Struct, frozen=True, omit_defaults=True):
    """What signals said of a strategy's positions in a symbol, by their side, and how far the stop of the
    present one has trailed."""

    long: Bracket | None = None
    short: Bracket | None = None
    trail: Trail | None = None

    def of(self, position: Position) -> Bracket | None:
        return self.long if position.quantity > 0 else self.short

    def trail_of(self, position: Position) -> Decimal | None:
        trail = self.trail
        return trail.price if trail is not None and trail.long is (position.quantity > 0) else None


NO_BRACKET, NO_STATE = Bracket(), BracketState()


def _away(position: Position, percent: Decimal) -> Decimal:
    """So many percent in the position's favour from its entry price."""
    share = percent / HUNDRED
    return position.entry_price * (ONE + share if position.quantity > 0 else ONE - share)


__all__ = ["NO_BRACKET", "NO_STATE", "Bracket", "BracketState", "Trail", "bracket_of"]
