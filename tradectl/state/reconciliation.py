"""What trading at a real exchange adds to an account: what is held back, and what is not ours.

The exchange's account may hold more than ours: coins from before, another bot's, a deposit. So what it
states is compared with our position plus what was `external` of it when the account was opened. A
difference that two statements in a row agree on is no fill under way: it holds the symbol back, and only
a statement without it, or the operator's word, lets it go.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.events import AccountReported, RestrictionKind, SymbolRestricted
from tradectl.domain.money import ZERO, plain

SETTLE = "`tradectl reconcile` shows it, `tradectl reconcile --accept exchange` settles it"
CASH = ""
"""Among the discrepancies, the quote currency."""
ENOUGH = 2
TOO_MANY = 5
"""Statements in a row that all disagree, if each in another way: somebody else trades there."""


class Discrepancy(Struct, frozen=True):
    """A difference between an exchange's word and ours, how often in a row it was stated, and how many
    statements in a row had any."""

    difference: Decimal
    seen: int = 1
    in_a_row: int = 1


class ReconciliationState(Struct, omit_defaults=True):
    """`holds` are messages by symbol and kind. `external` is what an exchange holds of a symbol (signed
    quantity) beyond our position, `cash_outside` the same of money; `cash_at` what each exchange last
    stated. `transferred` is what the operator's word added to the account, and `fees_elsewhere` what
    fees cost that were paid in a third currency.
    """

    holds: dict[str, dict[RestrictionKind, str]] = {}
    external: dict[str, Decimal] = {}
    cash_at: dict[str, Decimal] = {}
    cash_outside: Decimal = ZERO
    discrepancies: dict[str, Discrepancy] = {}
    transferred: Decimal = ZERO
    fees_elsewhere: Decimal = ZERO

    def hold(self, event: SymbolRestricted) -> None:
        kinds = self.holds.setdefault(event.symbol, {})
        if event.held:
            kinds[event.kind] = event.message
        else:
            kinds.pop(event.kind, None)
        if not kinds:
            del self.holds[event.symbol]

    def begin_again(self, *, compared: bool) -> None:
        """What a new run starts from: what is wrong with its data it will find out for itself, and what
        an exchange said counts only where it is `compared` again. Statements of two runs are not in a
        row, and a symbol that is traded no more would stay suspected for ever."""
        self.discrepancies = {}
        lasting = (RestrictionKind.MISMATCH, RestrictionKind.BALANCE) if compared else ()
        kept = {
            symbol: {kind: message for kind, message in kinds.items() if kind in lasting}
            for symbol, kinds in self.holds.items()
        }
        self.holds = {symbol: kinds for symbol, kinds in kept.items() if kinds}

    def money_moved(self, exchange: str, stated: Decimal, cash: Decimal) -> Decimal:
        """Note what `exchange` says to be the money there, and what of it is neither in our books nor
        known to be outside of them."""
        self.cash_at[exchange] = stated
        self.discrepancies.pop(CASH, None)
        return sum(self.cash_at.values(), ZERO) - self.cash_outside - self.fees_elsewhere - cash

    def copy(self) -> ReconciliationState:
        return ReconciliationState(
            {symbol: dict(kinds) for symbol, kinds in sorted(self.holds.items())},
            dict(self.external),
            dict(self.cash_at),
            self.cash_outside,
            dict(self.discrepancies),
            self.transferred,
            self.fees_elsewhere,
        )


def compare(
    known: ReconciliationState,
    report: AccountReported,
    ours: dict[str, Decimal],
    cash: Decimal,
) -> Iterator[SymbolRestricted]:
    """What follows from a report: holds to begin and to end. Notes the discrepancies in `known`.

    `ours` are our positions by symbol, `cash` is the account's. Where the money is stated, so is every
    symbol that is traded at this exchange.
    """
    for symbol, stated in report.positions.items():
        expected = ours.get(symbol, ZERO) + known.external.get(symbol, ZERO)
        if not _agrees(known, symbol, stated - expected):
            yield from _hold(
                known, symbol, RestrictionKind.MISMATCH, _mismatch(symbol, stated, expected)
            )
        elif symbol not in known.discrepancies:
            yield from _let_go(known, symbol, RestrictionKind.MISMATCH)
            yield from _let_go(known, symbol, RestrictionKind.UNRECONCILED)
    if report.cash is not None:
        yield from _compare_cash(known, report, report.cash, cash)


def _compare_cash(
    known: ReconciliationState, report: AccountReported, stated: Decimal, cash: Decimal
) -> Iterator[SymbolRestricted]:
    known.cash_at[report.exchange] = stated
    total = sum(known.cash_at.values(), ZERO)
    expected = cash + known.fees_elsewhere + known.cash_outside
    difference = total - expected
    if abs(difference) <= report.tolerance * max(abs(expected), abs(cash)):
        difference = ZERO
    books = f"our books {plain(expected)}: {SETTLE}"
    message = f"{report.exchange}: its balance makes {plain(total)}, {books}"
    agrees = _agrees(known, CASH, difference)
    for symbol in report.positions:
        if not agrees:
            yield from _hold(known, symbol, RestrictionKind.BALANCE, message)
        elif CASH not in known.discrepancies:
            yield from _let_go(known, symbol, RestrictionKind.BALANCE)


def _agrees(known: ReconciliationState, what: str, difference: Decimal) -> bool:
    """False once one difference was stated often enough in a row, or differences one after another."""
    if not difference:
        known.discrepancies.pop(what, None)
        return True
    before = known.discrepancies.get(what)
    same = before is not None and before.difference == difference
    seen = min(before.seen + 1, ENOUGH) if before is not None and same else 1
    in_a_row = min(before.in_a_row + 1, TOO_MANY) if before is not None else 1
    known.discrepancies[what] = Discrepancy(difference, seen, in_a_row)
    return seen < ENOUGH and in_a_row < TOO_MANY


def _hold(
    known: ReconciliationState, symbol: str, kind: RestrictionKind, message: str
) -> Iterator[SymbolRestricted]:
    if kind not in known.holds.get(symbol, {}):
        yield SymbolRestricted(source_component="state", symbol=symbol, kind=kind, message=message)


def _let_go(
    known: ReconciliationState, symbol: str, kind: RestrictionKind
) -> Iterator[SymbolRestricted]:
    if kind in known.holds.get(symbol, {}):
        yield SymbolRestricted(source_component="state", symbol=symbol, kind=kind, held=False)


def _mismatch(symbol: str, stated: Decimal, expected: Decimal) -> str:
    return f"{symbol}: the exchange holds {plain(stated)}, our books {plain(expected)}: {SETTLE}"


__all__ = ["CASH", "SETTLE", "Discrepancy", "ReconciliationState", "compare"]
