"""`run`: the main job, in the foreground."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import typer

from tradectl.cli.commands.run_flags import (
    ColumnsOption,
    DataOption,
    DurationOption,
    ExchangeOption,
    FillOption,
    FlattenOption,
    FreshOption,
    FundingOption,
    HeadlessOption,
    LiveOption,
    MetricsPortOption,
    RunFlags,
    SeedOption,
    SpeedOption,
    StrategyOption,
    SymbolOption,
    TruncatedOption,
    YesOption,
)
from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    SetOption,
    StateDirOption,
    TrustJournalOption,
    parse_speed,
    print_data,
    say,
    telling,
)
from tradectl.domain.errors import Halted

if TYPE_CHECKING:
    from tradectl.documents.run import Summary
    from tradectl.runtime.run import Screen
    from tradectl.runtime.run_options import RunOptions

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


def run(
    live: LiveOption = None,
    config: ConfigOption = None,
    exchange: ExchangeOption = None,
    data: DataOption = None,
    columns: ColumnsOption = None,
    allow_truncated: TruncatedOption = False,
    speed: SpeedOption = None,
    fill: FillOption = None,
    flatten_at_end: FlattenOption = False,
    symbol: SymbolOption = None,
    strategy: StrategyOption = None,
    settings_set: SetOption = None,
    funding: FundingOption = None,
    duration: DurationOption = None,
    seed: SeedOption = None,
    fresh: FreshOption = False,
    trust_journal: TrustJournalOption = False,
    metrics_port: MetricsPortOption = None,
    headless: HeadlessOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    multiple = parse_speed(speed)
    flags = RunFlags(
        live, exchange, data or [], speed, fill, flatten_at_end, symbol or [], strategy or [],
        settings_set or [], funding, seed, fresh, yes, columns, allow_truncated,
        trust_journal, metrics_port,
    )  # fmt: skip
    flags.refuse_useless()
    from tradectl.domain.keys import take_keys

    keys = take_keys(os.environ)  # before a strategy runs
    from tradectl.cli.commands.live_approval import approval
    from tradectl.monitoring.service_manager import ADDRESS
    from tradectl.runtime.run_options import RunOptions, Typed
    from tradectl.storage.directory import StateDir

    settings = flags.settings(config)
    options = RunOptions(
        settings=settings,
        typed=Typed(settings, lambda: flags.settings(config)),
        state_dir=telling(StateDir(state_dir, environ=keys)),
        data=tuple(flags.data),
        columns=flags.columns_named(),
        allow_truncated=allow_truncated,
        symbols=tuple(flags.symbols),
        speed=multiple,
        duration=duration,
        flatten_at_end=flatten_at_end,
        fresh=fresh,
        trust_journal=trust_journal,
        environ=keys,
        approve=approval(yes, config) if settings.mode == "live" else None,
        config=config,
    )
    manager = os.environ.get(ADDRESS, "")  # it is taken out while the run goes on
    try:
        summary = _traded(options, headless=headless)
    except Halted as error:
        _stand_by(options, manager, str(error))
        raise
    print_data(summary, as_json, "render.summary")
    if flatten_at_end:
        _tell_what_is_open(summary)
    if summary.exit_code:
        _stand_by(options, manager)
    raise typer.Exit(summary.exit_code)


def _tell_what_is_open(summary: Summary) -> None:
    """What was to be flat at the end of data, and is not."""
    held = sorted({position.symbol for each in summary.strategies for position in each.positions})
    if held:
        why = "as dust or for want of volume"
        if summary.reason != "end of data":
            why = f"as the run ended before its data did ({summary.reason})"
        say(f"--flatten-at-end: left open, {why}: {', '.join(held)}", err=True)


def _stand_by(options: RunOptions, manager: str, why: str = "") -> None:
    """Where a halt is still to be told on."""
    if not options.settings.alert_escalations or options.data:
        return
    from tradectl.domain.errors import TradectlError
    from tradectl.domain.time import iso
    from tradectl.runtime.standing_by import stand_by

    def tell(due: int) -> None:
        line = (
            f"the halt is told on at {iso(due)[:19]}Z unless somebody acknowledges it: `tradectl alerts "
            "ack ID`; Ctrl-C ends this, and leaves it to the next run"
        )
        say(f"{why}; {line}" if why else line, err=True)

    try:
        stand_by(options.settings, options.state_dir, options.environ, tell, manager)
    except TradectlError as error:
        say(f"the halt is not told on: {error}", err=True)


def _traded(options: RunOptions, *, headless: bool) -> Summary:
    """The run, on a panel or in lines; without a panel what strategies print goes to stderr."""
    import asyncio

    from tradectl.cli.panel.screens import PanelScreen  # which keeps what is printed under it
    from tradectl.runtime.trade import trade
    from tradectl.strategy.own_process import stdout_to_stderr

    screen = _screen(headless=headless)
    with nullcontext() if isinstance(screen, PanelScreen) else stdout_to_stderr():
        return asyncio.run(trade(options, screen))


def _screen(*, headless: bool) -> Screen:
    from tradectl.cli.panel.screens import LineScreen, PanelScreen

    if headless or not sys.stdout.isatty():
        return LineScreen()
    from tradectl.cli.output.listing import console as make_console
    from tradectl.cli.panel import panel

    console = make_console()
    return PanelScreen(console) if panel.suits(console) else LineScreen()
