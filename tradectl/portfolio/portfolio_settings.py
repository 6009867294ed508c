"""How much the portfolio puts behind what strategies ask for, and when a change is worth an order."""

from decimal import Decimal
from typing import Annotated, Literal

from tradectl.domain.errors import ConfigError
from tradectl.domain.money import ZERO
from tradectl.domain.setting import (
    HIGHER_IS_LOOSER,
    HOT,
    LOWER_IS_LOOSER,
    Bounds,
    Reload,
    Section,
)

Part = Annotated[Decimal, Bounds(gt=0)]
Amount = Annotated[Decimal, Bounds(ge=0)]

SizingName = Literal[
    "fixed_quantity", "fixed_fraction", "equal_weight", "inverse_volatility", "allocation"
]
EntryType = Literal["market", "limit"]

MADE_AT_THE_START = Reload(refused="targets that are there were sized by it")
RESTING = Reload(refused="stops that rest were placed by it")


class PortfolioSettings(Section, frozen=True, kw_only=True, omit_defaults=True):
    """How much the portfolio puts behind what strategies ask for, and when a change is worth an order."""

    section = "portfolio"

    sizing: Annotated[
        SizingName,
        "how a net target signal becomes a quantity; allocation: by weights of all symbols together, "
        "as [allocation] says",
        MADE_AT_THE_START,
    ] = "fixed_fraction"
    fraction: Annotated[
        Part,
        "fixed_fraction: share of equity in a position asked for with full strength (0.2 is 20%)",
        HIGHER_IS_LOOSER,
    ] = Decimal("0.2")
    quantity: Annotated[
        Amount, "fixed_quantity: coins in a position asked for with full strength", HIGHER_IS_LOOSER
    ] = ZERO
    conflict: Annotated[
        Literal["net", "strongest", "agree"],
        "where strategies want the opposite of each other in a symbol: all count; only the side that has "
        "more behind it, by allocation, confidence and strength; or nobody is followed",
        MADE_AT_THE_START,
    ] = "net"
    max_weight: Annotated[
        Part,
        "largest share of equity in one symbol, long or short; fixed_quantity does not look at it",
        HIGHER_IS_LOOSER,
    ] = Decimal("0.3")
    cash_reserve: Annotated[
        Decimal,
        Bounds(ge=0, lt=1),
        "share of equity that is never allotted by equal_weight, inverse_volatility and allocation: it "
        "pays the fees",
        LOWER_IS_LOOSER,
    ] = Decimal("0.02")
    drift: Annotated[
        Amount, "share of the target by which a position may be off before it is rebalanced", HOT
    ] = Decimal("0.25")
    min_trade_notional: Annotated[
        Amount,
        "quote currency; a smaller change is not worth its cost, unless it closes the position",
        HOT,
    ] = Decimal(10)
    trade_cost_bps: Annotated[
        Amount,
        "fees and slippage of a trade, in hundredths of a percent; half the spread comes to it where "
        "quotes tell it. A drift that is not worth it is not rebalanced",
        HOT,
    ] = Decimal(15)
    order_type: Annotated[
        EntryType,
        "of orders that only add to a position; what reduces or turns one always goes to market",
        HOT,
    ] = "market"
    turn: Annotated[
        Literal["one_order", "two_orders"],
        "from long to short or back: one order for all of it; or one that closes, and once it is filled "
        "one that opens, of the size that it has then",
        HOT,
    ] = "one_order"
    limit_offset_bps: Annotated[
        Decimal,
        Bounds(gt=-10_000, lt=10_000),
        "hundredths of a percent from the mark to a limit entry's price: buys below, sells above it "
        "(negative: through the mark)",
        HOT,
    ] = ZERO
    replace_bps: Annotated[
        Decimal | None,
        Bounds(gt=0, lt=10_000),
        "a resting limit entry is cancelled, and replaced once that is confirmed, when the price it "
        "would be given now is further from its own than this (1/10,000)",
        HOT,
    ] = None
    stop_loss_pct: Annotated[
        Decimal | None,
        Bounds(gt=0, lt=100),
        "a reduce-only stop rests at the exchange so far from each position's entry price, in percent; "
        "what it closed is entered again when a strategy asks for something else than before",
        RESTING,
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sizing == "fixed_quantity" and not self.quantity:
            raise ConfigError(
                "portfolio.quantity: sizing 'fixed_quantity' needs a quantity above 0, in coins"
            )
