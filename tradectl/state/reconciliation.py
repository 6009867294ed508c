"""What trading at a real exchange adds to an account: symbols that are restricted, and what is not ours.

The exchange's account may hold more than ours: coins from before, another bot's, a deposit. So what an
account report says is compared with our position plus what was `external` of it when the account was
opened. A difference that two reports in a row agree on is no fill under way: it restricts the symbol, and
only a report without it, or the operator's word, lifts that.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct, field

from tradectl.domain.events import (
    AccountReported,
    PositionLiquidated,
    RestrictionKind,
    SymbolRestricted,
)
from tradectl.domain.money import ZERO, plain
from tradectl.state.income import IncomeState

ADVICE = "`tradectl reconcile` shows it, `tradectl reconcile --accept exchange` takes it"
CASH = ""
"""Among the discrepancies, the quote currency."""
ENOUGH = 2
"""Reports in a row that agree on a difference, before it is believed."""
TOO_MANY = 5
"""Reports in a row that all disagree, if each in another way: somebody else trades there."""


class Discrepancy(Struct, frozen=True):
    """A difference between an exchange's word and ours, how often in a row it was reported, and how many
    reports in a row had any."""

    difference: Decimal
    seen: int = 1
    in_a_row: int = 1

    @property
    def is_believed(self) -> bool:
        return self.seen >= ENOUGH or self.in_a_row >= TOO_MANY


class ReconciliationState(Struct, omit_defaults=True):
    """`restrictions` are messages by symbol and kind. `external` is what an exchange holds of a symbol
    (signed quantity) beyond our position, `external_cash` the same of money; `cash_at` what each exchange
    last reported. `transferred` is what transfers and the operator's word added to the account, and
    `fees_elsewhere` what fees cost that were paid in a third currency. `income` is what exchanges moved
    by themselves, as far as it has to be remembered.
    """

    restrictions: dict[str, dict[RestrictionKind, str]] = {}
    external: dict[str, Decimal] = {}
    cash_at: dict[str, Decimal] = {}
    external_cash: Decimal = ZERO
    discrepancies: dict[str, Discrepancy] = {}
    transferred: Decimal = ZERO
    fees_elsewhere: Decimal = ZERO
    income: IncomeState = field(default_factory=IncomeState)

    def restrict(self, event: SymbolRestricted) -> None:
        kinds = self.restrictions.setdefault(event.symbol, {})
        if event.restricted:
            kinds[event.kind] = event.message
        else:
            kinds.pop(event.kind, None)
        if not kinds:
            del self.restrictions[event.symbol]

    def begin_again(self, *, compared: bool) -> None:
        """What a new run starts from: what is wrong with its data it will find out for itself, and what
        an exchange said counts only where it is `compared` again. Reports of two runs are not in a
        row, and a symbol that is traded no more would stay suspected for ever."""
        self.discrepancies = {}
        lasting = (RestrictionKind.MISMATCH, RestrictionKind.BALANCE) if compared else ()
        kept = {
            symbol: {kind: message for kind, message in kinds.items() if kind in lasting}
            for symbol, kinds in self.restrictions.items()
        }
        self.restrictions = {symbol: kinds for symbol, kinds in kept.items() if kinds}

    def close(self, event: PositionLiquidated, external: Decimal, fee: Decimal = ZERO) -> None:
        """What a real exchange closed is booked, with `external` what it left of what is not ours, and
        `fee` what was paid in a third currency."""
        self.income.book(event.exchange, event.liquidation_id, event.ts)
        if external or event.symbol in self.external:
            self.external[event.symbol] = external
        self.fees_elsewhere += fee

    def expected_at(self, exchange: str, cash: Decimal) -> Decimal:
        """What is to be there of money, if `cash` is in the books and the others said what is theirs."""
        elsewhere = sum((n for name, n in self.cash_at.items() if name != exchange), ZERO)
        return cash + self.fees_elsewhere + self.external_cash - elsewhere

    def money_moved(self, exchange: str, reported: Decimal, cash: Decimal) -> Decimal:
        """Note what `exchange` says to be the money there, and what of it is neither in our books nor
        known to be outside of them."""
        self.cash_at[exchange] = reported
        self.discrepancies.pop(CASH, None)
        return sum(self.cash_at.values(), ZERO) - self.external_cash - self.fees_elsewhere - cash

    def believed(self, symbol: str) -> Decimal:
        """How much more the exchange holds than we expected (signed), once its reports agree on that."""
        found = self.discrepancies.get(symbol)
        return found.difference if found is not None and found.is_believed else ZERO

    def copy(self) -> ReconciliationState:
        return ReconciliationState(
            {symbol: dict(kinds) for symbol, kinds in sorted(self.restrictions.items())},
            dict(self.external),
            dict(self.cash_at),
            self.external_cash,
            dict(self.discrepancies),
            self.transferred,
            self.fees_elsewhere,
            self.income.copy(),
        )


def compare(
    known: ReconciliationState,
    report: AccountReported,
    ours: dict[str, Decimal],
    cash: Decimal,
) -> Iterator[SymbolRestricted]:
    """What follows from a report: restrictions that begin and end. Notes the discrepancies in `known`.

    `ours` are our positions by symbol, `cash` is the account's. Where the money is reported, so is
    every symbol that is traded at this exchange.
    """
    for symbol, reported in report.positions.items():
        expected = ours.get(symbol, ZERO) + known.external.get(symbol, ZERO)
        if not _agrees(known, symbol, reported - expected):
            yield from _restrict(
                known, symbol, RestrictionKind.MISMATCH, _mismatch(symbol, reported, expected)
            )
            yield from _lift(known, symbol, RestrictionKind.UNRECONCILED)
        elif symbol not in known.discrepancies:
            yield from _lift(known, symbol, RestrictionKind.MISMATCH)
            yield from _lift(known, symbol, RestrictionKind.UNRECONCILED)
    if report.cash is not None:
        yield from _compare_cash(known, report, report.cash, cash)


def _compare_cash(
    known: ReconciliationState, report: AccountReported, reported: Decimal, cash: Decimal
) -> Iterator[SymbolRestricted]:
    known.cash_at[report.exchange] = reported
    total = sum(known.cash_at.values(), ZERO)
    expected = cash + known.fees_elsewhere + known.external_cash
    difference = total - expected
    if abs(difference) <= report.tolerance * max(abs(expected), abs(cash)):
        difference = ZERO
    books = f"our books {plain(expected)}: {ADVICE}"
    message = f"{report.exchange}: its balance makes {plain(total)}, {books}"
    agrees = _agrees(known, CASH, difference)
    for symbol in report.positions:
        if not agrees:
            yield from _restrict(known, symbol, RestrictionKind.BALANCE, message)
        elif CASH not in known.discrepancies:
            yield from _lift(known, symbol, RestrictionKind.BALANCE)


def _agrees(known: ReconciliationState, what: str, difference: Decimal) -> bool:
    """False once one difference was reported often enough in a row, or differences one after another."""
    if not difference:
        known.discrepancies.pop(what, None)
        return True
    before = known.discrepancies.get(what)
    same = before is not None and before.difference == difference
    seen = min(before.seen + 1, ENOUGH) if before is not None and same else 1
    in_a_row = min(before.in_a_row + 1, TOO_MANY) if before is not None else 1
    found = known.discrepancies[what] = Discrepancy(difference, seen, in_a_row)
    return not found.is_believed


def _restrict(
    known: ReconciliationState, symbol: str, kind: RestrictionKind, message: str
) -> Iterator[SymbolRestricted]:
    if kind not in known.restrictions.get(symbol, {}):
        yield SymbolRestricted(source_component="state", symbol=symbol, kind=kind, message=message)


def _lift(
    known: ReconciliationState, symbol: str, kind: RestrictionKind
) -> Iterator[SymbolRestricted]:
    if kind in known.restrictions.get(symbol, {}):
        yield SymbolRestricted(source_component="state", symbol=symbol, kind=kind, restricted=False)


def _mismatch(symbol: str, reported: Decimal, expected: Decimal) -> str:
    return f"{symbol}: the exchange holds {plain(reported)}, our books {plain(expected)}: {ADVICE}"


__all__ = ["ADVICE", "CASH", "ENOUGH", "Discrepancy", "ReconciliationState", "compare"]
