"""What stands behind perpetual positions, and the price at which it no longer suffices.

A perpetual is held on *collateral*: the account's cash and the open profit of its perpetuals, no coins.
Opening needs the initial margin (notional / leverage), holding the maintenance margin; when the
collateral is worth no more than that, the exchange closes the position. With cross margin all of the
cash stands behind all positions together; an isolated position has set aside the initial margin of its
entry and can lose no more.

    maintenance margin = notional x rate - deduction      (the deduction makes tiers meet where they join)
    liquidation price  = (cost - collateral without it - deduction) / (quantity - rate x |quantity|)

Source: Binance, "How to Calculate Liquidation Price of USD-M Futures Contracts" and "Leverage and Margin
of USD-M Futures", in signed quantities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.instruments import Instrument, MarginMode
from tradectl.domain.money import (
    CENT_OF_A_SATOSHI,
    ONE,
    ZERO,
    less_exactly,
    plus_exactly,
    round_to,
    shortest,
)
from tradectl.domain.positions import Position

ISOLATED = MarginMode.ISOLATED


def maintenance(instrument: Instrument, notional: Decimal) -> Decimal:
    """The margin without which a position of this notional is liquidated."""
    rate, deduction = instrument.maintenance_margin, ZERO
    for tier in instrument.margin_tiers:
        if notional <= tier.above:
            break
        deduction += tier.above * (tier.rate - rate)
        rate = tier.rate
    return notional * rate - deduction


def initial(instrument: Instrument, notional: Decimal) -> Decimal:
    """The margin that opening a position of this notional takes."""
    return round_to(notional / max(ONE, instrument.max_leverage), CENT_OF_A_SATOSHI)


def taken(position: Position, instrument: Instrument, mark: Decimal) -> Decimal:
    """The initial margin that a position takes: at its mark, an isolated one at its entry."""
    isolated = instrument.margin is ISOLATED
    return initial(instrument, abs(position.cost if isolated else position.quantity * mark))


def liquidation_price(
    position: Position, instrument: Instrument, collateral: Decimal
) -> Decimal | None:
    """Where `collateral` (without the position's own profit) and that profit are worth the maintenance
    margin and no more; None where no price above zero is so bad."""
    quantity, owed = position.quantity, position.cost - collateral
    size, rate, deduction = abs(quantity), instrument.maintenance_margin, ZERO
    price = owed / (quantity - rate * size)
    for tier in instrument.margin_tiers:
        if price * size <= tier.above:
            break
        deduction += tier.above * (tier.rate - rate)
        rate = tier.rate
        price = (owed - deduction) / (quantity - rate * size)
    return price if price > 0 else None


class HeldPerpetual(Struct, frozen=True, gc=False):
    """A perpetual position at a mark, with the figures that its account adds up."""

    position: Position
    instrument: Instrument
    mark: Decimal
    isolated: bool
    profit: Decimal
    maintenance: Decimal
    set_aside: Decimal

    @classmethod
    def at(cls, position: Position, instrument: Instrument, mark: Decimal) -> HeldPerpetual:
        isolated, worth = instrument.margin is ISOLATED, position.quantity * mark
        return cls(
            position,
            instrument,
            mark,
            isolated,
            worth - position.cost,
            maintenance(instrument, abs(worth)),
            initial(instrument, abs(position.cost)) if isolated else ZERO,
        )

    @property
    def initial(self) -> Decimal:
        return taken(self.position, self.instrument, self.mark)


class MarginAccount:
    """The perpetuals of an account and what stands behind each. Sums are kept, so that a price concerns
    its own symbol alone, however many are held; `crossed` is how many of them are on cross margin."""

    def __init__(self, cash: Decimal) -> None:
        self.cash = cash
        self.held: dict[str, HeldPerpetual] = {}
        self.set_aside = ZERO
        self.crossed = 0
        self._cross_profit = ZERO
        self._cross_maintenance = ZERO
        self._initial = ZERO
        self._initials: dict[str, Decimal] = {}
        self._uncounted: dict[str, None] = {}
        """symbols whose initial margin is another one than was added up"""

    @classmethod
    def of(
        cls,
        cash: Decimal,
        positions: Iterable[Position],
        instrument: Callable[[str], Instrument],
        mark: Callable[[str], Decimal | None],
    ) -> MarginAccount:
        """The perpetuals among `positions`, at their marks, or before the first at their entry."""
        account = cls(cash)
        for position in positions:
            known = instrument(position.symbol)
            if known.can_short:
                price = mark(position.symbol) or position.entry_price
                account.put(HeldPerpetual.at(position, known, price))
        return account

    def put(self, held: HeldPerpetual) -> None:
        """A position, or its new mark; a flat one is held no longer. They stay in the order in which they
        were opened."""
        symbol = held.position.symbol
        before = self.held.get(symbol)
        if before is not None:
            self._take_out(before)
        if held.position.quantity:
            self.held[symbol] = held
            self._add(held)
        elif before is not None:
            del self.held[symbol]
        self._uncounted[symbol] = None

    def _add(self, held: HeldPerpetual) -> None:
        if held.isolated:
            self.set_aside += held.set_aside
        else:
            self.crossed += 1
            self._cross_profit += held.profit
            self._cross_maintenance += held.maintenance

    def _take_out(self, held: HeldPerpetual) -> None:
        if held.isolated:
            self.set_aside -= held.set_aside
        else:
            self.crossed -= 1
            self._cross_profit -= held.profit
            self._cross_maintenance -= held.maintenance

    def behind(self, held: HeldPerpetual) -> Decimal:
        """What stands behind a held position besides its own profit. An isolated one has what it set
        aside, as far as there still is that much cash."""
        if held.isolated:
            return min(held.set_aside, self.cash - self.set_aside + held.set_aside)
        others = self._cross_profit - held.profit - self._cross_maintenance + held.maintenance
        return self.cash - self.set_aside + others

    def spare(self) -> Decimal:
        """What the collateral of the cross positions is worth beyond their maintenance margin."""
        return self.cash - self.set_aside + self._cross_profit - self._cross_maintenance

    def spare_at(self, symbol: str, price: Decimal) -> Decimal:
        """What stands behind a position is worth so much more than its maintenance margin, at `price` of
        this symbol, the others at their marks."""
        held = self.held[symbol]
        position = held.position
        needed = maintenance(held.instrument, abs(position.quantity) * price)
        return self.behind(held) + position.unrealized(price) - needed

    def survives(self, symbol: str, price: Decimal) -> bool:
        return self.spare_at(symbol, price) > 0

    def covers(self, symbol: str, price: Decimal) -> bool:
        """At `price` of this symbol its loss is not beyond what stands behind it."""
        held = self.held[symbol]
        return self.behind(held) + held.position.unrealized(price) >= 0

    def cross_worth(self) -> Decimal:
        """The collateral of the cross positions, at their marks; below zero it is owed."""
        return self.cash - self.set_aside + self._cross_profit

    def liquidation_price(self, symbol: str) -> Decimal | None:
        """Of a held position, the others at their marks."""
        held = self.held[symbol]
        return liquidation_price(held.position, held.instrument, self.behind(held))

    def cross(self) -> list[HeldPerpetual]:
        """The positions that stand and fall together."""
        return [held for held in self.held.values() if not held.isolated]

    def maintenance(self) -> Decimal:
        return sum((held.maintenance for held in self.held.values()), ZERO)

    def initial(self) -> Decimal:
        """The initial margin that all of them take. Worked out when somebody asks, of those that changed:
        few ask, and each price that matters changes one."""
        for symbol in self._uncounted:
            held = self.held.get(symbol)
            before = self._initials.pop(symbol, ZERO)
            after = ZERO if held is None else self._initials.setdefault(symbol, held.initial)
            self._initial = plus_exactly(self._initial, less_exactly(after, before))
        self._uncounted.clear()
        return shortest(self._initial)

    def free(self) -> Decimal:
        """Collateral that no held position takes."""
        return self.cash + self._cross_profit - self.initial()


__all__ = [
    "HeldPerpetual",
    "MarginAccount",
    "initial",
    "liquidation_price",
    "maintenance",
    "taken",
]
