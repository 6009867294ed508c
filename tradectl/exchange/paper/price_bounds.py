"""How far the price of a perpetual can go before anything could happen to it: within, it is only noted.

    isolated        to its liquidation price: no other symbol has a say in it, nor has the cash, as long
                    as all is there that isolated positions have set aside
    cross, alone    the same
    cross, several  each may lose a share of what the account has to spare. All of them together have not
                    lost more than that, however they moved, so none is looked at for the sake of another

A position within its bounds stands in the margin account at the mark that it had when they were drawn.
What depends on all marks first asks whether it is safe with the largest loss that may have gone unseen;
only where it is not, all are brought to their last marks.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from tradectl.domain.margin import HeldPerpetual, MarginAccount
from tradectl.domain.money import CENT_OF_A_SATOSHI, LARGEST, ZERO

Bound = tuple[Decimal, Decimal, int]
"""Between which prices, and until when (ns), nothing happens to a position."""
NO_BOUND: Bound = (ZERO, ZERO, 0)


class PriceBounds:
    """`by_symbol` are the bounds, `marks` the last prices; `unseen` is the loss that may have been made
    within them, by all cross positions together."""

    def __init__(self, account: MarginAccount) -> None:
        self.by_symbol: dict[str, Bound] = {}
        self.marks: dict[str, Decimal] = {}
        self.unseen = ZERO
        self._account = account
        self._isolated: dict[str, None] = {}
        self._set_aside_is_there = True
        self._allowed: dict[str, Decimal] = {}

    def draw(self, held: HeldPerpetual, due: int) -> None:
        """Of a position that stands at its last mark; `due` (ns) is when it is to be looked at anyway."""
        symbol, account = held.position.symbol, self._account
        self.lift(symbol)
        is_long = held.position.quantity > 0
        if held.isolated or account.crossed == 1:
            price = account.liquidation_price(symbol)
            allowed = ZERO if held.isolated else max(account.spare(), ZERO)
            end = price if price is not None else ZERO if is_long else LARGEST
        else:
            spare = account.spare() - self.unseen
            allowed = (spare / (2 * account.crossed)).quantize(CENT_OF_A_SATOSHI, ROUND_DOWN)
            if allowed <= 0:
                return
            # a short loses its size, and needs more margin: less than as much again
            away = allowed / (2 * held.position.quantity)
            end = held.mark - away
        self.by_symbol[symbol] = (end, LARGEST, due) if is_long else (ZERO, end, due)
        if held.isolated:
            self._isolated[symbol] = None
            self._set_aside_is_there = account.cash >= account.set_aside
        else:
            self._allowed[symbol] = allowed
            self.unseen += allowed

    def lift(self, symbol: str) -> None:
        """Whoever does so puts the position at its last mark, or anew."""
        if self.by_symbol.pop(symbol, None) is None:
            return
        if symbol in self._allowed:
            self.unseen -= self._allowed.pop(symbol)
        else:
            del self._isolated[symbol]

    def is_safe(self, held: HeldPerpetual, price: Decimal) -> bool:
        """At `price` of this position, whose bounds are lifted, more than the maintenance margin is
        there, whatever the others have lost unseen. Where that is not so, all stand at their last marks
        now."""
        spare = self._account.spare_at(held.position.symbol, price)
        if spare > (ZERO if held.isolated else self.unseen):
            return True
        if not held.isolated:
            self.catch_up()
        return False

    def free_at_least(self) -> Decimal:
        """Collateral that no held position takes, however prices moved within the bounds: where one lost,
        the margin that it takes has grown by no more than that."""
        return self._account.free() - 2 * self.unseen

    def account_changed(self) -> None:
        """By cash, or by a position that is put anew: how far isolated ones can go may be another price
        now, and the others' shares more than there is."""
        was_there, is_there = (
            self._set_aside_is_there,
            self._account.cash >= self._account.set_aside,
        )
        self._set_aside_is_there = is_there
        if not (was_there and is_there):
            self._lift_isolated()
        if self._allowed and self._account.spare() <= self.unseen:
            self.catch_up()

    def _lift_isolated(self) -> None:
        for symbol in self._isolated:
            del self.by_symbol[symbol]
        self._isolated.clear()

    def catch_up(self) -> None:
        """Cross positions stand at their last marks, and none has bounds."""
        for symbol in self._allowed:
            del self.by_symbol[symbol]
            held, mark = self._account.held.get(symbol), self.marks[symbol]
            if held is not None and mark is not held.mark:
                self._account.put(HeldPerpetual.at(held.position, held.instrument, mark))
        self._allowed.clear()
        self.unseen = ZERO

    def clear(self) -> None:
        """None has bounds."""
        self._lift_isolated()
        self.catch_up()


__all__ = ["NO_BOUND", "Bound", "PriceBounds"]
