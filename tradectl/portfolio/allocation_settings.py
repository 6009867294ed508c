"""How symbols share the equity: by what method, from how much history, within what limits."""

from decimal import Decimal
from typing import Annotated, Literal

from tradectl.domain.errors import ConfigError
from tradectl.domain.setting import Bounds, Reload, Section

Method = Literal[
    "equal_weight",
    "inverse_volatility",
    "minimum_variance",
    "maximum_sharpe",
    "risk_parity",
    "hierarchical_risk_parity",
    "kelly",
]
PLAIN = ("equal_weight", "inverse_volatility")
"""Methods that need no more than the standard library, as long as nothing but caps holds them."""

Cap = Annotated[Decimal | None, Bounds(gt=0)]
BY_WEIGHTS = Reload(refused="weights that are in force were worked out by it")


class AllocationSettings(Section, frozen=True, kw_only=True, omit_defaults=True):
    """How symbols share the equity, with `portfolio.sizing = "allocation"`: `portfolio.max_weight` caps
    each symbol, and `portfolio.cash_reserve` is never allotted."""

    section = "allocation"
    reload = BY_WEIGHTS

    method: Annotated[
        Method,
        "how the wanted symbols share the equity; all but equal_weight and inverse_volatility need the "
        "extra: pip install 'tradectl[quant]'",
    ] = "inverse_volatility"
    allocator: Annotated[
        str,
        "path/to/file.py:Name of your own, in place of the method: called with targets and history, it "
        "gives the share of each symbol; constraints hold for it, too",
    ] = ""
    every_hours: Annotated[
        float,
        Bounds(ge=0.01, le=8_760),
        "how often weights are worked out; also when other symbols are wanted than before",
    ] = 24.0
    min_history: Annotated[
        int, Bounds(ge=2, le=5_000), "returns that a symbol needs before it gets a weight"
    ] = 30
    covariance: Annotated[
        Literal["shrunk", "exponential", "sample"],
        "shrunk: Ledoit and Wolf's, to the scaled identity; exponential: newer returns count more",
    ] = "shrunk"
    half_life: Annotated[
        float, Bounds(gt=0, le=5_000), "exponential: periods after which a return counts half"
    ] = 40.0
    budgets: Annotated[
        dict[str, Decimal], "risk_parity: a symbol's part of the risk; of those left out 1"
    ] = {}
    kelly_fraction: Annotated[
        Decimal, Bounds(gt=0, le=1), "kelly: the part of the bet that grows fastest"
    ] = Decimal("0.25")
    long_only: Annotated[
        bool, "no symbol is held against what strategies want of it, as a hedge of another"
    ] = True
    gross: Annotated[
        Cap, "largest sum of all weights, as if all were long; left out: 1 less the cash reserve"
    ] = None
    net: Annotated[Cap, "largest difference between what is long and what is short, either way"] = (
        None
    )
    strategies: Annotated[
        Literal["fixed", "equal", "inverse_volatility", "risk_adjusted"],
        "how strategies share the portfolio: fixed by their own allocation, equally, or by their profits "
        "of the history: the calmer, or the better for its risk, the more",
    ] = "fixed"
    strategy_least: Annotated[
        Decimal, Bounds(ge=0, le=1), "the smallest share of a strategy, where shares follow profits"
    ] = Decimal("0.05")
    strategy_most: Annotated[Decimal, Bounds(gt=0, le=1), "the largest one"] = Decimal("0.6")
    risk_aversion: Annotated[
        Decimal,
        Bounds(gt=0),
        "rebalancing: what being off its weight is worth avoiding; 1 is who wants the fastest growth",
    ] = Decimal(3)
    horizon_periods: Annotated[
        int,
        Bounds(ge=1),
        "rebalancing: periods of history over which that has to pay for the trade",
    ] = 30
    groups: Annotated[dict[str, str], "symbol to the name of its group"] = {}
    group_caps: Annotated[dict[str, Decimal], "group to its largest share of equity"] = {}
    turnover: Annotated[
        Cap, "largest sum of all changes of weights at one time: 0.2 trades a fifth of the equity"
    ] = None
    max_correlation: Annotated[
        Decimal | None,
        Bounds(gt=-1, lt=1),
        "symbols that move together more than this share one symbol's max_weight",
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, table in (("budgets", self.budgets), ("group_caps", self.group_caps)):
            for key, share in table.items():
                if not share.is_finite() or share < 0:
                    raise ConfigError(f"allocation.{name}.{key}: expected 0 or more, got {share}")
        unknown = sorted({*self.group_caps} - {*self.groups.values()})
        if unknown:
            raise ConfigError(
                f"allocation.group_caps: no symbol is in the group {unknown[0]!r:.60}: expected some of "
                f"{', '.join(sorted({*self.groups.values()})) or 'allocation.groups'}"
            )

    @property
    def follows_profits(self) -> bool:
        return self.strategies in ("inverse_volatility", "risk_adjusted")

    @property
    def is_plain(self) -> bool:
        """It needs nothing but the standard library."""
        free = (self.gross, self.net, self.turnover, self.max_correlation) == (None,) * 4
        plain = bool(self.allocator) or self.method in PLAIN
        return plain and free and not self.group_caps
