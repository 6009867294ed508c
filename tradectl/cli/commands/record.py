"""`record`: market data of an exchange, written down."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.commands.public_venue import chosen, open_public_venue
from tradectl.cli.options import ConfigOption, JsonOption, print_data, say
from tradectl.domain.errors import UsageError

if TYPE_CHECKING:
    from tradectl.documents.market import RecordingProgress, RecordingSummary

NOTHING_CAME = 1
CHANNELS = ("trades", "quotes", "book")

HELP = """Write market data down, until Ctrl-C or the duration, as a journal.

`tradectl run --data FILE` plays it, `tradectl replay FILE` verifies it. It needs no key, and does not
touch the account. A file that is there already is never overwritten.

Examples:

    tradectl record --exchange binance --symbol BTCUSDT

    tradectl record --exchange kraken --symbol BTC/USD --channel trades --channel book --duration 3600
"""


def register(app: typer.Typer) -> None:
    app.command("record", help=HELP, short_help="Write market data of an exchange down.")(record)


def record(
    exchange: Annotated[
        str, typer.Option(help="A name of the configuration, or an id.", show_default=False)
    ],
    symbol: Annotated[
        list[str] | None,
        typer.Option("--symbol", help="Repeatable. Default: those of the configuration."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            "--channel", help="trades, quotes or book; repeatable. Default: trades, quotes."
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(help="End after this many seconds.", min=0.001)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="The file. Default: EXCHANGE-SYMBOLS-TIME.jsonl.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    import asyncio

    summary = asyncio.run(_record(exchange, symbol, channel, duration, output, config))
    print_data(summary, as_json, "render.recording")
    if not summary.events:
        say(f"tradectl: nothing came from {summary.source}", err=True)
        raise typer.Exit(NOTHING_CAME)


async def _record(
    exchange: str,
    symbols: list[str] | None,
    channels: list[str] | None,
    duration: float | None,
    output: Path | None,
    config: Path | None,
) -> RecordingSummary:
    from tradectl.bus.clock import WallClock
    from tradectl.exchange.symbols import by_exchange
    from tradectl.exchange.venue import Channel
    from tradectl.operations.recorder import default_path
    from tradectl.operations.recorder import record as record_to
    from tradectl.runtime.exchanges import set_by_exchanges

    settings, place = chosen(exchange, config)
    wanted = _channels(channels or place.channels)
    name = place.prefix
    places = by_exchange(tuple(dict.fromkeys(symbols or settings.symbols)), settings.exchanges)
    if not places[name]:
        raise UsageError(f"none of the symbols is of {name}: name some with --symbol")
    elsewhere = [symbol for other, there in places.items() if other != name for symbol in there]
    if symbols and elsewhere:
        raise UsageError(f"{elsewhere[0]} is of another exchange: record each by itself")
    names = list(places[name])
    clock = WallClock(by_exchange=True)
    path = output or default_path(name, names, Path(), clock.wall())
    if path.exists():
        raise UsageError(f"{path} is there already: name another file with --output")
    async with open_public_venue(place, places[name], clock.now) as venue:
        await set_by_exchanges(clock, [venue])
        return await record_to(
            {name: venue},
            dict.fromkeys(names, name),
            {name: tuple(Channel(word) for word in wanted)},
            path,
            duration=duration,
            stale_after=settings.feed.stale_after_seconds,
            polls={name: place.poll_seconds},
            on_progress=_ProgressLine(path).show,
            clock=clock,
        )


def _channels(words: Sequence[str]) -> list[str]:
    for word in words:
        if word not in CHANNELS:
            raise typer.BadParameter(
                f"expected {', '.join(CHANNELS[:-1])} or {CHANNELS[-1]}, got {word!r}",
                param_hint="'--channel'",
            )
    return list(dict.fromkeys(words))


class _ProgressLine:
    """What happens while it records, on stderr: a line that is renewed, where somebody can see it."""

    def __init__(self, path: Path) -> None:
        self._is_seen = sys.stderr.isatty()
        self._say(f"recording to {path}, until Ctrl-C")

    def show(self, progress: RecordingProgress, message: str) -> None:
        from tradectl.cli.output.figures import duration
        from tradectl.domain.text import counted

        if message:
            self._say(message)
        elif self._is_seen:
            line = f"{duration(progress.elapsed_s)}  {counted(progress.events, 'event')}"
            if reconnects := progress.counts.get("reconnects"):
                line += f"  {counted(reconnects, 'reconnect')}"
            self._write(f"\r{line}\x1b[K")

    def _say(self, line: str) -> None:
        self._write(f"\r{line}\x1b[K\n" if self._is_seen else f"{line}\n")

    @staticmethod
    def _write(text: str) -> None:
        """Nobody may be reading any more; that is no reason to stop recording."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()
