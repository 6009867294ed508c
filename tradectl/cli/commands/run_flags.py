"""What is typed after `run`: the flags, those that do nothing together, the settings they stand for."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tradectl.cli.options import refuse_useless
from tradectl.domain.errors import UsageError

if TYPE_CHECKING:
    from tradectl.config.settings import Settings

LARGEST_SEED = 2**63


class Fill(StrEnum):
    """Where on candles an order trades."""

    NEXT_OPEN = "next-open"
    CLOSE = "close"
    INTRABAR = "intrabar"


LiveOption = Annotated[
    bool | None,
    typer.Option("--live/--paper", help="Trade with money, or on paper.", show_default=False),
]
ExchangeOption = Annotated[
    str | None,
    typer.Option(help="On the market data of this exchange, by its name.", show_default=False),
]
DataOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--data", help="Recorded trades, quotes or candles, or a journal; see `data check`."
    ),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        help="With --data: which column is which, by name or number: time=Date,price=4,qty=Volume.",
        metavar="<role=column,...>",
        show_default=False,
    ),
]
TruncatedOption = Annotated[
    bool,
    typer.Option("--allow-truncated", help="With --data: play a compressed file that breaks off."),
]
SpeedOption = Annotated[
    str | None,
    typer.Option(help="With --data: a multiple of real time, or `max`.", show_default="max"),
]
FillOption = Annotated[
    Fill | None,
    typer.Option(
        help="With --data: what is decided on a candle trades at its close, at the next one's open, or "
        "meets the finer data beside it.",
        show_default="next-open",
    ),
]
FlattenOption = Annotated[
    bool, typer.Option("--flatten-at-end", help="With --data: close every position at its end.")
]
SymbolOption = Annotated[
    list[str] | None, typer.Option("--symbol", help="Trade only this symbol; repeatable.")
]
StrategyOption = Annotated[
    list[str] | None,
    typer.Option("--strategy", help="A name, or path/to/file.py:ClassName; repeatable."),
]
FundingOption = Annotated[
    Path | None,
    typer.Option(
        help="Funding rates of perpetuals on paper: a CSV of time, symbol and rate.",
        show_default=False,
    ),
]
DurationOption = Annotated[
    float | None, typer.Option(help="End after this many seconds.", min=0.001)
]
SeedOption = Annotated[
    int | None, typer.Option(help="Of the simulated market and the slippage; of any size.")
]
FreshOption = Annotated[
    bool, typer.Option("--fresh", help="Open a new account, and forget the last one.")
]
HeadlessOption = Annotated[
    bool, typer.Option("--headless", help="Plain lines instead of the panel.")
]
MetricsPortOption = Annotated[
    int | None,
    typer.Option(
        help="Figures for Prometheus, /health and /ready on this port of 127.0.0.1.",
        min=1024,
        max=65_535,
        show_default=False,
    ),
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="With --live: do not ask for a typed confirmation.")
]


class RunFlags(NamedTuple):
    """As typed; None, False or nothing where a flag was not."""

    live: bool | None
    exchange: str | None
    data: list[Path]
    speed: str | None
    fill: Fill | None
    flatten_at_end: bool
    symbols: list[str]
    strategies: list[str]
    assignments: list[str]
    funding: Path | None
    seed: int | None
    fresh: bool
    yes: bool
    columns: str | None
    allow_truncated: bool
    trust_journal: bool = False
    metrics_port: int | None = None

    def refuse_useless(self) -> None:
        """Raises UsageError for a flag that would be passed over in silence."""
        data, live = bool(self.data), bool(self.live)
        refuse_useless(
            {
                "--speed is of recorded data: add --data FILE": self.speed is not None and not data,
                "--flatten-at-end is of recorded data: add --data FILE": self.flatten_at_end
                and not data,
                "--fill is of recorded data: add --data FILE": self.fill is not None and not data,
                "--columns is of recorded data: add --data FILE": self.columns is not None
                and not data,
                "--allow-truncated is of recorded data: add --data FILE": self.allow_truncated
                and not data,
                "--exchange brings its own market data: leave out --data, or --exchange": bool(
                    self.exchange and data
                ),
                "--trust-journal is of an account that goes on, recorded data has its own: leave it "
                "out": self.trust_journal and data,
                "--fresh is needless, recorded data has its own account: leave it out": self.fresh
                and data,
                "--metrics-port is of a run that goes on: leave it out with --data": bool(
                    data and self.metrics_port
                ),
                "--yes confirms that money is traded: add --live": self.yes and not live,
                "--funding is of paper trading, live it comes from the exchange: leave it out": bool(
                    live and self.funding
                ),
                "--seed is of paper trading, and --live is not: leave it out": live
                and self.seed is not None,
                **self._said_twice(),
            }
        )

    def _said_twice(self) -> dict[str, bool]:
        """For each flag that is a setting: whether `--set` has that, too."""
        assigned = {assignment.partition("=")[0].strip() for assignment in self.assignments}
        return {
            f"{flag} and --set {key} are one setting: leave out one of them": value is not None
            and key in assigned
            for flag, key, value in (
                ("--fill", "paper.fill", self.fill),
                ("--funding", "paper.funding_file", self.funding),
                ("--metrics-port", "monitoring.metrics_port", self.metrics_port),
                ("--seed", "seed", self.seed),
                ("--symbol", "symbols", self.symbols or None),
            )
        }

    def settings(self, config: Path | None) -> Settings:
        """Those of the file, with what was typed. Raises ConfigError, UsageError."""
        from tradectl.cli.commands.live_approval import check_mode
        from tradectl.config.load import load_settings

        loaded = load_settings(config, self._overrides(), assignments=self.assignments)
        settings = check_mode(loaded, self.live)
        if self.exchange is not None:
            from tradectl.runtime.exchanges import on_exchange

            settings = on_exchange(settings, self.exchange)
        if self.data and settings.mode == "live":
            raise UsageError("recorded data is traded on paper: add --paper")
        return settings

    def columns_named(self) -> dict[str, str]:
        """By role. Raises UsageError."""
        return columns_named(self.columns)

    def _currency_of_data(self) -> dict[str, Any]:
        """An account on recorded data is in what its symbols are quoted in."""
        from tradectl.domain.currencies import quote_in

        quotes = {quote_in(symbol) for symbol in self.symbols} - {None}
        said = any(a.partition("=")[0].strip() == "account.currency" for a in self.assignments)
        if not self.data or said or len(quotes) != 1:
            return {}
        return {"account": {"currency": quotes.pop()}}

    def _overrides(self) -> dict[str, Any]:
        """Flags as settings; what was not given is left to the file."""
        flags: dict[str, Any] = {}
        if self.symbols:
            flags["symbols"] = self.symbols
            flags |= self._currency_of_data()
        if self.metrics_port is not None:
            flags["monitoring"] = {"metrics_port": self.metrics_port}
        if self.strategies:
            flags["strategies"] = [{"name": _short(s), "strategy": s} for s in self.strategies]
        if self.seed is not None:
            known = -LARGEST_SEED <= self.seed < LARGEST_SEED
            flags["seed"] = self.seed if known else _folded(self.seed)
        paper = {
            "fill": None if self.fill is None else self.fill.value,
            "funding_file": None if self.funding is None else str(self.funding),
        }
        if given := {name: value for name, value in paper.items() if value is not None}:
            flags["paper"] = given
        return flags


def columns_named(text: str | None) -> dict[str, str]:
    """What `--columns` says, by role. Raises UsageError."""
    from tradectl.feeds.csv.names import parse_columns

    try:
        return parse_columns(text or "")
    except ValueError as error:
        raise UsageError(f"--columns: {error}") from None


def _folded(seed: int) -> int:
    """A seed that a journal can keep: always the same for the same one."""
    import hashlib

    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:8], signed=True)


def _short(strategy: str) -> str:
    """An instance's name: the class for a file, else the strategy's own name."""
    return strategy.rsplit(":", 1)[-1]
