"""What is shared out among strategies adds up to the last digit.

Strategies trade one account. What comes to all of them together, a fill, a fee, a cross, is shared out in
proportion: each share is rounded to a step, and what rounding leaves goes to the last. So the shares are
always exactly the whole, and products of them with a price stay within decimal's 28 digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.money import ZERO, round_to


class Share(Struct, frozen=True, gc=False):
    """A strategy's part, signed: coins bought (+) or sold (-) for it."""

    strategy: str
    quantity: Decimal


class StrategyTarget(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a strategy wants of a symbol. `size` is its signed strength, -1 (short) to 1 (long);
    `confidence` is 0 to 1. `quantity` is the signed position that this makes; None as long as there was
    no price to work it out by. `stopped`: a stop or an exchange closed the position or a part of it, and
    it is not entered again before the strategy asks for something else."""

    strategy: str
    size: Decimal
    confidence: Decimal
    quantity: Decimal | None = None
    stopped: bool = False

    def is_same_word(self, before: StrategyTarget | None) -> bool:
        """It asks for what the strategy asked for before."""
        if before is None:
            return False
        return self.size == before.size and self.confidence == before.confidence

    def stopped_out(self, left: Decimal = ZERO) -> StrategyTarget:
        """As it is once a stop, or an exchange, has closed the position, or all of it but what is
        `left`."""
        return replace(self, quantity=left, stopped=True) if self.size else self


def shared_out(whole: Decimal, weights: Mapping[str, Decimal], step: Decimal) -> dict[str, Decimal]:
    """`whole` in proportion to `weights`, in steps; the last takes what is left. Weights may be of both
    signs, as long as they do not add up to zero."""
    total = sum(weights.values(), ZERO)
    shares = {name: round_to(whole * weight / total, step) for name, weight in weights.items()}
    last = next(reversed(shares))
    shares[last] += whole - sum(shares.values(), ZERO)
    return shares


def part_of(wants: Mapping[str, Decimal], net: Decimal, step: Decimal) -> dict[str, Decimal]:
    """As much of all `wants`, in proportion, as adds up to `net`, which is no more than they do. What
    rounding leaves is handed on by who has all that it wants."""
    if net == sum(wants.values(), ZERO):
        return dict(wants)
    shares, left = shared_out(net, wants, step), ZERO
    for name in reversed(list(wants)):
        want, share = wants[name], shares[name] + left
        shares[name] = min(max(share, min(want, ZERO)), max(want, ZERO))
        left = share - shares[name]
    shares[next(reversed(shares))] += left
    return shares


def fitted(wants: Mapping[str, Decimal], net: Decimal, step: Decimal) -> dict[str, Decimal]:
    """The part of the `wants`, signed quantities, that adds up to `net`: the buys or the sells are cut,
    in proportion, so that nobody gets more than it wanted. Those left with nothing are left out.

    With a net of zero it is what the strategies can trade with each other.
    """
    buys = {name: want for name, want in wants.items() if want > 0}
    sells = {name: want for name, want in wants.items() if want < 0}
    bought, sold = sum(buys.values(), ZERO), sum(sells.values(), ZERO)
    if bought + sold > net:
        buys = part_of(buys, max(net - sold, ZERO), step) if buys else buys
    elif bought + sold < net:
        sells = part_of(sells, min(net - bought, ZERO), step) if sells else sells
    cut = buys | sells
    return {name: cut[name] for name in wants if cut.get(name)}


__all__ = ["Share", "StrategyTarget", "fitted", "part_of", "shared_out"]
