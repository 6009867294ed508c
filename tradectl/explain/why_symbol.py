"""`why SYMBOL`: what held a symbol back at a point of a run, or does so now."""

from __future__ import annotations

from pathlib import Path

from tradectl.config.settings import Settings
from tradectl.documents.why import SymbolWhy, WantedRow
from tradectl.domain.errors import UsageError
from tradectl.domain.money import decimal_text
from tradectl.domain.text import harmless, suggest
from tradectl.domain.time import SECOND, from_iso, iso
from tradectl.explain.decided_again import Judge, SystemAt, decide_to, only_ours
from tradectl.explain.gates import Gates, first
from tradectl.explain.state_at import Point


def why_symbol(
    path: Path,
    symbol: str,
    point: Point | None = None,
    judge: Judge = only_ours,
    silent: int = 0,
) -> SymbolWhy:
    """In the run of the journal `path`; `silent` (ns) is how long ago it wrote its last record, where it
    goes on. Raises UsageError for a symbol that it has nothing to do with."""
    found = decide_to(path, point, judge)
    if isinstance(point, int) and found.seq < point:
        raise UsageError(f"{path} has no record {point} so far: its last one is {found.seq}")
    _refuse_unknown(symbol, found)
    system, books = found.system, found.system.books
    at = found.at + silent if found.is_last else found.at
    made = books.data_time(symbol)
    mark = books.mark(symbol)
    then = max(at, from_iso(point)) if isinstance(point, str) and not found.is_last else at
    wanted = _wanted(symbol, found)  # the gates ask the portfolio, which keeps what it answers
    state = books.trading_state
    left_out = Settings.load(found.header.config).strategies if found.note else ()
    gates = Gates(system, found.last, symbol, at, left_out).shut()
    return SymbolWhy(
        run_id=found.header.run_id,
        journal=str(path),
        symbol=symbol,
        seq=found.seq,
        time=iso(then if isinstance(point, str) else found.at) if found.at else None,
        state=state,
        price=None if mark is None else decimal_text(mark),
        data_age_s=round((then - made) / SECOND, 3) if made else None,
        position=decimal_text(books.position(symbol).quantity),
        wanted=wanted,
        held_by=first(gates),
        gates=gates,
        note=found.note,
    )


def _refuse_unknown(symbol: str, found: SystemAt) -> None:
    books, settings = found.system.books, found.system.settings
    traded = {*books.last, *books.account.positions}
    known = {
        *traded, *settings.symbols, *books.account.targets,
        *(s for each in settings.strategies for s in (*each.symbols, each.trades) if s),
    }  # fmt: skip
    if symbol not in known:
        raise UsageError(
            f"run {found.header.run_id} knows no order and no symbol {harmless(symbol, 60)!r}: "
            f"{suggest(symbol, sorted(traded if found.header.source == 'recorded' else known))}"
        )


def _wanted(symbol: str, found: SystemAt) -> list[WantedRow]:
    books = found.system.books
    targets, held = books.targets(symbol), books.holdings(symbol)
    rows = []
    for name in dict.fromkeys([*targets, *held]):
        target, said = targets.get(name), found.last.signal(name, symbol)
        own = held.get(name)
        quantity = target.quantity if target is not None else None
        rows.append(
            WantedRow(
                strategy=name,
                share=decimal_text(target.size) if target is not None else "0",
                quantity=None if quantity is None else decimal_text(quantity),
                held="0" if own is None else decimal_text(own.quantity),
                stopped_out=target is not None and target.stopped,
                signal=said[0].reason or said[0].action if said else "",
                signal_at=iso(said[1]) if said else None,
            )
        )
    return rows


__all__ = ["why_symbol"]
