"""`reconcile`: our books beside the exchange's."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    StateDirOption,
    TrustJournalOption,
    print_data,
    telling,
)

if TYPE_CHECKING:
    from tradectl.exchange.base import Accepted

HELP = """The live account by the journal, the database and the exchange, side by side.

What is not by our fills is external: shown, compared, never traded. More on spot is external by itself.
Less than ours, and any difference on a perpetual, holds entries back until the exchange's trade history
explains it, or --accept says what it is:

external: it is not ours. position: what is there is our position, as a transfer. fill: what differs was
traded for us, as profit or loss; both at --price, or the mark. transfer: money was put in or taken out.
Of a perpetual that is external --price is what it cost: without it what closing it makes is not known
to be external, and the money differs then.

--accept shows what would be booked and traded; with --confirm it is booked, and trading is left paused.

Exit code 1 when they differ, or nothing was confirmed.
"""
KINDS = ("external", "position", "fill", "transfer")


def register(app: typer.Typer) -> None:
    app.command("reconcile", help=HELP, short_help="Compare our books with the exchange.")(
        reconcile
    )


def reconcile(
    accept: Annotated[
        str | None,
        typer.Option(
            help="What differs is: external, position, fill, transfer.", show_default=False
        ),
    ] = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(help="With --accept: this symbol alone; can be repeated.", show_default=False),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(
            help="With --accept fill, position or external of one --symbol: at what.",
            show_default=False,
        ),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="With --accept: book what is shown without it.")
    ] = False,
    config: ConfigOption = None,
    trust_journal: TrustJournalOption = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    accepted = _check(accept, symbol, price, confirm)
    from tradectl.runtime.in_process_reconcile import reconcile as compare
    from tradectl.storage.directory import StateDir

    directory = telling(StateDir(state_dir))
    if config is not None:
        from tradectl.config.load import load_settings
        from tradectl.runtime.own_hosts import hosts_of

        directory.hosts.given = hosts_of(load_settings(config, keys=True).exchanges)
    found = compare(directory, accepted, confirm=confirm, trusting=trust_journal)
    print_data(found, as_json, "reports.reconciliation")
    if not found.clean or (found.proposal is not None and not found.accepted):
        raise typer.Exit(1)


def _check(
    accept: str | None, symbols: list[str] | None, price: str | None, confirm: bool
) -> Accepted | None:
    from tradectl.domain.acceptance import wrong_beside
    from tradectl.domain.event import Acceptance
    from tradectl.exchange.base import Accepted

    if accept is not None and accept not in KINDS:
        mend = " (`exchange` took the coins of others for ours: say what they are)"
        raise typer.BadParameter(
            f"expected {', '.join(KINDS[:-1])} or {KINDS[-1]}, got {accept!r}"
            + (mend if accept == "exchange" else ""),
            param_hint="'--accept'",
        )
    try:
        at = None if price is None else Decimal(price)
    except InvalidOperation:
        raise typer.BadParameter(
            f"expected a price above zero, got {price!r}", param_hint="'--price'"
        ) from None
    kind, named = None if accept is None else Acceptance(accept), tuple(symbols or ())
    if wrong := wrong_beside(kind, named, at, confirm=confirm):
        raise typer.BadParameter(wrong[1], param_hint=f"'--{wrong[0]}'")
    return None if kind is None else Accepted(kind, named, at)
