"""One order, one cancel, one position by hand, through the gate of the run that trades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tradectl.cli.options import JsonOption, StateDirOption, print_data

if TYPE_CHECKING:
    from tradectl.documents.by_hand import HandOrder

T = TypeVar("T")
ORDER_HELP = """One order by hand, judged by risk like every other: `tradectl order BTCUSDT buy 0.1`.

Without --confirm nothing is ordered: it shows what risk would say now. At market without --limit. What it
buys or sells is a position of its own, `by-hand`, which no strategy undoes; stops protect it.

Exit code 1 when it is denied or its exchange refuses it, 4 when nothing runs, 6 when trading is halted.

Examples:

    tradectl order BTCUSDT buy 0.1 --limit 60000

    tradectl order BTCUSDT sell 0.5 --algorithm twap --horizon 600 --interval 30 --confirm
"""
CLOSE_HELP = """Close the position of one symbol at market, whoever holds it; again until it is closed.

Its working orders are cancelled first. No strategy enters again before it asks for something else.
"""
CANCEL_HELP = """Cancel one working order, by our id or its exchange's; of a child all of what it works.

A strategy's entry is held then until its target changes. A protective stop stays: close the position.
"""
ABOVE_ZERO = "expected a number above 0 and below 1e15"
ALGORITHMS = ("twap", "vwap", "arrival", "pov", "iceberg", "peg")
ReasonOption = Annotated[str, typer.Option("--reason", help="Kept in the journal.")]


def register(app: typer.Typer) -> None:
    command = app.command
    command("order", help=ORDER_HELP, short_help="One order by hand, through the same gate.")(order)
    command("close", help=CLOSE_HELP, short_help="Close the position of one symbol.")(close)
    command("cancel", help=CANCEL_HELP, short_help="Cancel one working order.")(cancel)


def order(
    symbol: Annotated[str, typer.Argument(help="Such as BTCUSDT.")],
    side: Annotated[str, typer.Argument(help="buy or sell.")],
    quantity: Annotated[str, typer.Argument(help="In coins.")],
    limit: Annotated[
        str | None, typer.Option("--limit", help="At this price or better.", show_default=False)
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            help="By child orders: twap, vwap, arrival, pov, iceberg, peg.", show_default=False
        ),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(help="With --algorithm: seconds to its end.", show_default=False),
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(help="With --algorithm: seconds between children.", show_default=False),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Order what is shown without it.")
    ] = False,
    reason: ReasonOption = "by hand",
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.documents.by_hand import HandOrder

    wanted = side.lower()
    if wanted not in ("buy", "sell"):
        raise typer.BadParameter(f"expected buy or sell, got {side!r:.40}", param_hint="'SIDE'")
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise typer.BadParameter(
            f"expected one of {', '.join(ALGORITHMS)}, got {algorithm!r:.40}",
            param_hint="'--algorithm'",
        )
    if algorithm is None and (horizon or interval):
        raise typer.BadParameter("expected --algorithm with it", param_hint="'--horizon'")
    answer = _ask(
        state_dir, "order", HandOrder, symbol=_named("SYMBOL", symbol), side=wanted,
        quantity=_above_zero("QUANTITY", quantity), price=_above_zero("--limit", limit),
        algorithm=algorithm, horizon=_above_zero("--horizon", horizon),
        interval=_above_zero("--interval", interval), reason=reason, confirm=confirm,
    )  # fmt: skip
    print_data(answer, as_json, "by_hand.order")
    raise typer.Exit(_exit_code(answer))


def close(
    symbol: Annotated[str, typer.Argument(help="Such as BTCUSDT.")],
    reason: ReasonOption = "closed by hand",
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.documents.by_hand import HandClose

    answer = _ask(state_dir, "close", HandClose, symbol=_named("SYMBOL", symbol), reason=reason)
    print_data(answer, as_json, "by_hand.close")


def cancel(
    order_id: Annotated[
        str, typer.Argument(metavar="ORDER", help="As `tradectl orders` shows it.")
    ],
    reason: ReasonOption = "cancelled by hand",
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.documents.by_hand import HandCancel

    answer = _ask(state_dir, "cancel", HandCancel, order=_named("ORDER", order_id), reason=reason)
    print_data(answer, as_json, "by_hand.cancel")


def _exit_code(answer: HandOrder) -> int:
    from tradectl.domain.errors import Halted

    if answer.denied is None:
        not_taken = answer.order is not None and answer.order.status in ("rejected", "expired")
        return int(not_taken)
    return Halted.exit_code if answer.denied.code in ("HALTED", "REDUCING") else 1


def _ask(state_dir: Path | None, command: str, kind: type[T], **arguments: Any) -> T:
    """The running process's word. Raises NotRunning, and Halted where no process runs because trading is
    halted."""
    from tradectl.control.client import ask
    from tradectl.domain.errors import Halted, NotRunning
    from tradectl.storage.directory import StateDir

    directory = StateDir(state_dir)
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return ask(directory.socket, command, kind, **given)
    except NotRunning:
        halt = directory.latch.read()
        if halt is not None:
            raise Halted(
                f"trading is halted: {halt.reason}; `tradectl clear-halt --confirm` ends that"
            ) from None
        raise


def _above_zero(name: str, text: str | None) -> str | None:
    """A number as the protocol takes it."""
    if text is None:
        return None
    from tradectl.domain.money import number

    try:
        if number(text) > 0:
            return text
    except ValueError:
        pass
    raise typer.BadParameter(f"{ABOVE_ZERO}, got {text!r:.40}", param_hint=f"'{name}'")


def _named(what: str, text: str) -> str:
    """Of a symbol or an order."""
    if text.strip():
        return text
    raise typer.BadParameter(f"expected a name, got {text!r:.40}", param_hint=f"'{what}'")
