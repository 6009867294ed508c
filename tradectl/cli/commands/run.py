"""`run`: the main job, in the foreground."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    SetOption,
    StateDirOption,
    parse_speed,
    print_data,
    refuse_useless,
)
from tradectl.domain.errors import UsageError

if TYPE_CHECKING:
    from tradectl.runtime.run import Screen

LARGEST_SEED = 2**63


class Fill(StrEnum):
    """Where on candles an order trades."""

    NEXT_OPEN = "next-open"
    CLOSE = "close"


HELP = """Trade, in the foreground, until Ctrl-C, `tradectl stop`, the end of the data or the duration.

Without options: on paper, on a simulated market, with the default strategy and a live panel. A run goes
on with the account of the last one; --fresh opens a new one. Recorded data always gets its own account.
With --exchange the market data is real and the money is not; with --live both are.

Examples:

    tradectl run

    tradectl run --strategy rsi-reversion --symbol BTCUSDT --duration 60

    tradectl run --data trades.csv.gz --headless

    tradectl run --data hours.csv --strategy donchian-breakout --set strategy.entry=50

    tradectl run -c tradectl.toml --data btc.csv --data eth.csv --speed 10

    tradectl run --paper --exchange binance --symbol BTCUSDT

    tradectl run --live -c live.toml
"""


def register(app: typer.Typer) -> None:
    app.command("run", help=HELP, short_help="Trade, in the foreground, until Ctrl-C.")(run)
    app.command("strategies", help="The strategies there are, with their parameters.")(strategies)


def run(
    live: Annotated[
        bool | None,
        typer.Option("--live/--paper", help="Trade with money, or on paper.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    exchange: Annotated[
        str | None,
        typer.Option(help="On the market data of this exchange, by its name.", show_default=False),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", help="Recorded trades, quotes or candles (CSV, CSV.gz) or a journal."
        ),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(help="With --data: a multiple of real time, or `max`.", show_default="max"),
    ] = None,
    fill: Annotated[
        Fill | None,
        typer.Option(
            help="With --data: what is decided on a candle trades at its close, or the next one's open.",
            show_default="next-open",
        ),
    ] = None,
    flatten_at_end: Annotated[
        bool,
        typer.Option("--flatten-at-end", help="With --data: close every position at its end."),
    ] = False,
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", help="Trade only this symbol; repeatable.")
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option("--strategy", help="A name, or path/to/file.py:ClassName; repeatable."),
    ] = None,
    settings_set: SetOption = None,
    funding: Annotated[
        Path | None,
        typer.Option(
            help="Funding rates of perpetuals on paper: a CSV of time, symbol and rate.",
            show_default=False,
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(help="End after this many seconds.", min=0.001)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the simulated market and the slippage; of any size.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Open a new account, and forget the last one.")
    ] = False,
    headless: Annotated[
        bool, typer.Option("--headless", help="Plain lines instead of the panel.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --live: do not ask for a typed confirmation.")
    ] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    multiple = parse_speed(speed)
    refuse_useless(
        {
            "--speed is of recorded data: add --data FILE": speed is not None and not data,
            "--flatten-at-end is of recorded data: add --data FILE": flatten_at_end and not data,
            "--fill is of recorded data: add --data FILE": fill is not None and not data,
            "--exchange brings its own market data: leave out --data, or --exchange": bool(
                exchange and data
            ),
            "--fresh is needless, recorded data has its own account: leave it out": bool(
                fresh and data
            ),
            "--yes confirms that money is traded: add --live": yes and not live,
            "--funding is of paper trading, live it comes from the exchange: leave it out": bool(
                live and funding
            ),
            "--seed is of paper trading, and --live is not: leave it out": bool(
                live and seed is not None
            ),
            **_said_twice(
                settings_set or [],
                {
                    "--fill": ("paper.fill", fill),
                    "--funding": ("paper.funding_file", funding),
                    "--seed": ("seed", seed),
                    "--symbol": ("symbols", symbol or None),
                },
            ),
        }
    )
    import asyncio

    from tradectl.cli.commands.live_approval import approval, check_mode
    from tradectl.cli.panel.screens import PanelScreen  # which keeps what is printed under it
    from tradectl.config.load import load_settings
    from tradectl.runtime.run import trade
    from tradectl.runtime.run_options import RunOptions
    from tradectl.storage.directory import StateDir
    from tradectl.strategy.own_process import stdout_to_stderr

    overrides = _overrides(symbol, strategy, seed, fill, funding)
    settings = check_mode(load_settings(config, overrides, assignments=settings_set or ()), live)
    if exchange is not None:
        from tradectl.runtime.exchanges import on_exchange

        settings = on_exchange(settings, exchange)
    if data and settings.mode == "live":
        raise UsageError("recorded data is traded on paper: add --paper")
    options = RunOptions(
        settings=settings,
        state_dir=StateDir(state_dir),
        data=tuple(data or ()),
        symbols=tuple(symbol or ()),
        speed=multiple,
        duration=duration,
        flatten_at_end=flatten_at_end,
        fresh=fresh,
        approve=approval(yes, config) if settings.mode == "live" else None,
    )
    screen = _screen(headless=headless)
    with nullcontext() if isinstance(screen, PanelScreen) else stdout_to_stderr():
        summary = asyncio.run(trade(options, screen))
    print_data(summary, as_json, "render.summary")
    raise typer.Exit(summary.exit_code)


def _said_twice(assignments: list[str], flags: dict[str, tuple[str, object]]) -> dict[str, bool]:
    """For each flag with the setting that it is for and its value: whether `--set` has that, too."""
    assigned = {assignment.partition("=")[0].strip() for assignment in assignments}
    return {
        f"{flag} and --set {key} are one setting: leave out one of them": value is not None
        and key in assigned
        for flag, (key, value) in flags.items()
    }


def _overrides(
    symbols: list[str] | None,
    strategies: list[str] | None,
    seed: int | None,
    fill: Fill | None,
    funding: Path | None,
) -> dict[str, Any]:
    """Flags as settings; what was not given is left to the file."""
    flags: dict[str, Any] = {}
    if symbols:
        flags["symbols"] = symbols
    if strategies:
        flags["strategies"] = [{"name": _short(s), "strategy": s} for s in strategies]
    if seed is not None:
        flags["seed"] = seed if -LARGEST_SEED <= seed < LARGEST_SEED else _folded(seed)
    paper = {
        "fill": None if fill is None else fill.value,
        "funding_file": None if funding is None else str(funding),
    }
    if given := {name: value for name, value in paper.items() if value is not None}:
        flags["paper"] = given
    return flags


def _folded(seed: int) -> int:
    """A seed that a journal can keep: always the same for the same one."""
    import hashlib

    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:8], signed=True)


def _short(strategy: str) -> str:
    """An instance's name: the class for a file, else the strategy's own name."""
    return strategy.rsplit(":", 1)[-1]


def _screen(*, headless: bool) -> Screen:
    from tradectl.cli.panel.screens import LineScreen, PanelScreen

    if headless or not sys.stdout.isatty():
        return LineScreen()
    from tradectl.cli.output.listing import console as make_console
    from tradectl.cli.panel import panel

    console = make_console()
    return PanelScreen(console) if panel.suits(console) else LineScreen()


def strategies(as_json: JsonOption = False) -> None:
    from tradectl.documents.market import AvailableStrategy
    from tradectl.strategy.catalog import available

    rows = [
        AvailableStrategy(
            name=info.name,
            description=info.summary,
            parameters={name: p.default for name, p in info.parameters.items()},
            origin=info.origin,
            problem=info.problem,
        )
        for info in available()
    ]
    print_data(rows, as_json, "render.strategies")
