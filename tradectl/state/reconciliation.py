"""What trading at a real exchange adds to an account: symbols that are restricted, and what is not ours.

An order is ours by its client order id, a holding is ours by our fills. All else that the exchange's
account holds is *external*: coins from before, another bot's, a deposit; it is shown and compared, and
never traded. A difference that two reports in a row agree on is no fill under way:

    spot, more than expected       external by itself, and restricts nothing
    spot, less                     what is external becomes less, and no less than nothing
    spot, less than ours           restricts the symbol
    perpetual, any difference      restricts the symbol

A restriction is lifted by a report without the difference, by the trade history, where it explains what
is missing (`foreign_trades`), or by the operator's word (`adoption`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from tradectl.domain.events import (
    AccountReported,
    Event,
    ForeignTrade,
    PositionLiquidated,
    RestrictionKind,
    SymbolRestricted,
    SystemEvent,
    SystemEventKind,
    trade_key,
)
from tradectl.domain.money import ZERO, plain
from tradectl.state.income import IncomeState

ADVICE = "`tradectl reconcile` shows it, `--accept external`, `position` or `fill` says what it is"
CASH_ADVICE = "`tradectl reconcile` shows it, `tradectl reconcile --accept transfer` takes it over"
CASH = ""
"""Among the discrepancies, the quote currency."""
ENOUGH = 2
"""Reports in a row that agree on a difference, before it is believed."""
TOO_MANY = 5
"""Reports in a row that all disagree, if each in another way: somebody else trades there."""


class Discrepancy(Struct, frozen=True):
    """A difference between an exchange's word and ours, how often in a row it was reported, and how many
    reports in a row had any. Money is one sum over all exchanges: it was reported once more when each of
    those it is `awaited` of has. `at` is the exchange that told of it first."""

    difference: Decimal
    seen: int = 1
    in_a_row: int = 1
    awaited: tuple[str, ...] = ()
    at: str = ""

    @property
    def is_believed(self) -> bool:
        return self.seen >= ENOUGH or self.in_a_row >= TOO_MANY


class ReconciliationState(Struct, omit_defaults=True):
    """`restrictions` are messages by symbol and kind, `restricted` how many symbols each kind restricts.
    `external` is what an exchange holds of a symbol
    (signed quantity) beyond our position, `external_cost` what that of a perpetual cost, where that is
    known, and `external_cash` the same of money, `external_cash_at` the part of it
    at each, as far as that is known; `cash_at` what each exchange last reported (of several:
    and what was booked since) or has on paper, and `compared_at` when it did (ns UTC, by its clock if it
    tells). `bound` are coins of ours that orders of others offer. `transferred` is what transfers and the
    operator's word added to the account, the worth of what fees took of external coins among it. `income`
    is what exchanges moved by themselves, as far as it has to be remembered; trades of others in a symbol
    before `trades_since` (ns UTC) are not to be booked. `beside` is held on the other side of ours
    (signed), by an account in hedge mode: external, too, and in the way of nothing.
    """

    restrictions: dict[str, dict[RestrictionKind, str]] = {}
    external: dict[str, Decimal] = {}
    external_cost: dict[str, Decimal] = {}
    cash_at: dict[str, Decimal] = {}
    compared_at: dict[str, int] = {}
    bound: dict[str, Decimal] = {}
    trades_since: dict[str, int] = {}
    external_cash: Decimal = ZERO
    discrepancies: dict[str, Discrepancy] = {}
    transferred: Decimal = ZERO
    income: IncomeState = field(default_factory=IncomeState)
    external_cash_at: dict[str, Decimal] = {}
    restricted: dict[RestrictionKind, int] = {}
    beside: dict[str, Decimal] = {}

    def note_external_cash(self, exchange: str, moved: Decimal) -> None:
        """So much more (signed) of the money there is not ours."""
        self.external_cash += moved
        if moved:
            self.external_cash_at[exchange] = self.external_cash_at.get(exchange, ZERO) + moved

    def external_of(self, symbol: str) -> Decimal:
        """All that is held there and is not ours."""
        return self.external.get(symbol, ZERO) + self.beside.get(symbol, ZERO)

    def forget_external_cash(self) -> None:
        """All that is there is ours."""
        self.external_cash, self.external_cash_at = ZERO, {}

    def restrict(self, event: SymbolRestricted) -> None:
        kinds = self.restrictions.setdefault(event.symbol, {})
        was_restricted = event.kind in kinds
        if event.restricted:
            kinds[event.kind] = event.message
        else:
            kinds.pop(event.kind, None)
        self._count(event.kind, event.restricted - was_restricted)
        if not kinds:
            del self.restrictions[event.symbol]

    def _count(self, kind: RestrictionKind, more: int) -> None:
        count = self.restricted.pop(kind, 0) + more
        if count:
            self.restricted[kind] = count

    def begin_again(self, *, compared: bool) -> None:
        """What a new run starts from: what is wrong with its data it will find out for itself, and what
        an exchange said counts only where it is `compared` again. Reports of two runs are not in a
        row, and a symbol that is traded no more would stay suspected for ever. How long a symbol is
        held that moved too far is remembered beside it."""
        self.discrepancies, self.bound = {}, {}
        lasting = {RestrictionKind.VOLATILE}
        if compared:
            lasting |= {RestrictionKind.MISMATCH, RestrictionKind.BALANCE}
        kept = {
            symbol: {kind: message for kind, message in kinds.items() if kind in lasting}
            for symbol, kinds in self.restrictions.items()
        }
        self.restrictions = {symbol: kinds for symbol, kinds in kept.items() if kinds}
        self.restricted = {}
        for kinds in self.restrictions.values():
            for kind in kinds:
                self._count(kind, 1)

    def close(self, event: PositionLiquidated, external: Decimal) -> None:
        """What was closed by no order of ours is booked; `external` is left of what is not ours."""
        self.income.book(event.exchange, event.liquidation_id, event.ts)
        if external or event.symbol in self.external:
            if external != self.external.get(event.symbol):
                self.external_cost.pop(event.symbol, None)
            self.external[event.symbol] = external

    def expected_at(self, exchange: str, cash: Decimal) -> Decimal:
        """What is to be there of money, if `cash` is in the books and the others said what is theirs."""
        elsewhere = sum((n for name, n in self.cash_at.items() if name != exchange), ZERO)
        return cash + self.external_cash - elsewhere

    def money_moved(self, exchange: str, reported: Decimal, cash: Decimal) -> Decimal:
        """Note what `exchange` says to be the money there, and what of it is neither in our books nor
        known to be outside of them."""
        self.cash_at[exchange] = reported
        self.discrepancies.pop(CASH, None)
        return sum(self.cash_at.values(), ZERO) - self.external_cash - cash

    def is_new_trade(self, exchange: str, trade: ForeignTrade | PositionLiquidated) -> bool:
        """It is to be booked."""
        if isinstance(trade, PositionLiquidated):
            known_as = trade.liquidation_id
        else:
            known_as = trade_key(trade.symbol, trade.trade_id)
        is_ours = trade.ts >= self.trades_since.get(trade.symbol, 0)
        return is_ours and self.income.is_new(exchange, known_as, trade.ts)

    def believed(self, symbol: str) -> Decimal:
        """How much more the exchange holds than we expected (signed), once its reports agree on that."""
        found = self.discrepancies.get(symbol)
        return found.difference if found is not None and found.is_believed else ZERO

    def without_debt(self) -> Decimal:
        """What others lost, or paid as fees, beyond the money that is theirs (below zero): it was taken
        of ours, and external money is never less than nothing."""
        taken = min(self.external_cash, ZERO)
        if taken:
            self.forget_external_cash()
        return taken

    def shrink(self, what: str, difference: Decimal) -> None:
        """A part of a difference is explained: `difference` is left of it."""
        found = self.discrepancies.pop(what)
        if difference:
            self.discrepancies[what] = replace(found, difference=difference)

    def copy(self) -> ReconciliationState:
        return ReconciliationState(
            {symbol: dict(kinds) for symbol, kinds in sorted(self.restrictions.items())},
            dict(self.external),
            dict(self.external_cost),
            dict(self.cash_at),
            dict(self.compared_at),
            dict(self.bound),
            dict(self.trades_since),
            self.external_cash,
            dict(self.discrepancies),
            self.transferred,
            self.income.copy(),
            dict(self.external_cash_at),
            dict(self.restricted),
            dict(self.beside),
        )


def compare_position(
    known: ReconciliationState, symbol: str, reported: Decimal, ours: Decimal, *, can_short: bool
) -> Iterator[Event]:
    """What follows from the quantity of a symbol that an exchange reports to hold, where `ours` is our
    position (signed). Notes it in `known`."""
    difference = reported - ours - known.external.get(symbol, ZERO)
    if not _agrees(known, symbol, difference) and not can_short:
        difference = yield from _take_for_external(known, symbol, difference)
    if known.believed(symbol):
        expected = f"our books {plain(reported - difference)}"
        message = f"{symbol}: the exchange holds {plain(reported)}, {expected}: {ADVICE}"
        yield from _restrict(known, symbol, RestrictionKind.MISMATCH, message)
        yield from _lift(known, symbol, RestrictionKind.UNRECONCILED)
    elif symbol not in known.discrepancies:
        yield from _lift(known, symbol, RestrictionKind.MISMATCH)
        yield from _lift(known, symbol, RestrictionKind.UNRECONCILED)


def note_beside(known: ReconciliationState, symbol: str, reported: Decimal) -> Iterator[Event]:
    """What an account in hedge mode is `reported` to hold on the other side of ours."""
    moved = reported - known.beside.get(symbol, ZERO)
    if not moved:
        return
    known.beside.pop(symbol, None)
    if reported:
        known.beside[symbol] = reported
    yield SystemEvent(
        source_component="state",
        kind=SystemEventKind.EXTERNAL_CHANGED,
        component=f"symbol:{symbol}",
        message=f"{symbol}: {plain(reported)} is held beside ours (hedge mode): it is not ours, and is "
        "never traded",
    )


def _take_for_external(
    known: ReconciliationState, symbol: str, difference: Decimal
) -> Generator[Event, None, Decimal]:
    """What is left of the difference: what is missing of ours."""
    before = known.external.get(symbol, ZERO)
    taken = max(difference, -max(before, ZERO))
    if taken:
        known.external[symbol] = before + taken
        yield says_external(symbol, taken, before + taken)
        known.shrink(symbol, difference - taken)
    return difference - taken


def compare_cash(
    known: ReconciliationState, report: AccountReported, cash: Decimal, *, is_spot: bool
) -> Iterator[Event]:
    """What follows from the money that a report tells of: where it does, it tells of every symbol that is
    traded at this exchange. `cash` is the account's; `is_spot`: no exchange has a perpetual, so that none
    of it is a result that nobody told us of."""
    if report.cash is None:
        return
    known.cash_at[report.exchange] = report.cash
    total = sum(known.cash_at.values(), ZERO)
    expected = cash + known.external_cash
    difference = total - expected
    if abs(difference) <= report.tolerance * max(abs(expected), abs(cash)):
        difference = ZERO
    agrees = _agrees(known, CASH, difference, report.exchange, (*known.cash_at,))
    if not agrees and is_spot:
        taken = max(difference, -max(known.external_cash, ZERO))
        if taken:
            known.note_external_cash(known.discrepancies[CASH].at, taken)
            yield says_external("", taken, known.external_cash)
            known.shrink(CASH, difference - taken)
            agrees = difference == taken
            expected += taken
    books = f"our books {plain(expected)}: {CASH_ADVICE}"
    message = f"{report.exchange}: its balance makes {plain(total)}, {books}"
    for symbol in report.positions:
        if not agrees:
            yield from _restrict(known, symbol, RestrictionKind.BALANCE, message)
        elif CASH not in known.discrepancies:
            yield from _lift(known, symbol, RestrictionKind.BALANCE)


def _agrees(
    known: ReconciliationState,
    what: str,
    difference: Decimal,
    by: str = "",
    of: tuple[str, ...] = (),
) -> bool:
    """False once one difference was reported often enough in a row, or differences one after another. A
    sum `of` several exchanges is, when all of them have, which `by` is one of."""
    if not difference:
        known.discrepancies.pop(what, None)
        return True
    before = known.discrepancies.get(what)
    same = before is not None and before.difference == difference
    seen, awaited, at = 1, of, by
    if before is not None and same:
        awaited = tuple(name for name in before.awaited if name != by)
        seen, at = before.seen, before.at
        if not awaited:
            seen, awaited = min(seen + 1, ENOUGH), of
    in_a_row = min(before.in_a_row + 1, TOO_MANY) if before is not None else 1
    found = known.discrepancies[what] = Discrepancy(difference, seen, in_a_row, awaited, at)
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


def says_external(symbol: str, moved: Decimal, now: Decimal) -> SystemEvent:
    """Of a symbol, or of money: how much of what is there is not ours."""
    what = f"{symbol}: " if symbol else "cash: "
    makes = f"`tradectl reconcile --accept {'position' if symbol else 'transfer'}` makes it ours"
    return SystemEvent(
        source_component="state",
        kind=SystemEventKind.EXTERNAL_CHANGED,
        component=f"symbol:{symbol}" if symbol else "account",
        message=f"{what}{plain(abs(moved))} {_more(moved)} there: {plain(now)} is not ours, and is "
        f"never traded; {makes}",
    )


def _more(difference: Decimal) -> str:
    return "more" if difference > 0 else "less"


__all__ = [
    "ADVICE",
    "CASH",
    "CASH_ADVICE",
    "ENOUGH",
    "Discrepancy",
    "ReconciliationState",
    "compare_cash",
    "compare_position",
    "says_external",
]
