"""What trading costs on paper: slippage for those who take, fees for all."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from random import Random

from tradectl.domain.events import Liquidity
from tradectl.domain.money import BPS, Side
from tradectl.exchange.exchange_settings import PaperSettings

FEE_STEP = Decimal("1e-8")
BUY, TAKER = Side.BUY, Liquidity.TAKER
JITTER_STEPS = 10_000


class SlippageModel:
    """A taker's price is the market's, made worse by `slippage + impact * quantity / usual + jitter` and
    then rounded to the tick, against us; without any it is the market's to the last digit. The same seed
    and the same calls give the same prices."""

    def __init__(self, settings: PaperSettings, seed: int) -> None:
        self._slippage = settings.slippage_bps * BPS
        self._impact = settings.impact_bps * BPS
        self._jitter_step = settings.slippage_jitter_bps * BPS / JITTER_STEPS
        self._random = Random(f"slippage {seed}")

    def taker_price(
        self, price: Decimal, side: Side, tick: Decimal, quantity: Decimal, usual: Decimal
    ) -> Decimal:
        """What taking `quantity` at `price` comes to, in ticks of `tick`.

        `usual` is the quantity that the market trades at once; zero, where unknown, has no impact.
        """
        slippage = self._slippage
        if self._impact and usual:
            slippage += self._impact * quantity / usual
        if self._jitter_step:
            slippage += self._jitter_step * self._random.randrange(JITTER_STEPS + 1)
        if not slippage:
            return price
        if side is BUY:
            return ((price + price * slippage) / tick).to_integral_value(ROUND_CEILING) * tick
        worse = ((price - price * slippage) / tick).to_integral_value(ROUND_FLOOR) * tick
        return worse if worse > 0 else min(price, tick)


class FeeModel:
    """A fee is `notional * rate`, in the quote currency, rounded half to even to eight decimals: over
    many fills that favours nobody. Below zero it is a rebate."""

    def __init__(self, settings: PaperSettings) -> None:
        self._maker_rate = settings.maker_fee
        self._taker_rate = settings.taker_fee

    def fee(self, notional: Decimal, liquidity: Liquidity) -> Decimal:
        rate = self._taker_rate if liquidity is TAKER else self._maker_rate
        return (notional * rate).quantize(FEE_STEP, ROUND_HALF_EVEN)


__all__ = ["FeeModel", "SlippageModel"]
