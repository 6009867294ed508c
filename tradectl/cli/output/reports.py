"""What operations answer, for people: replays, receipts, comparisons, findings. As in `render`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradectl.cli.output import columns, compared, figures
from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD, LOUD, PLAIN, WARN, Cell
from tradectl.cli.output.listing import Listing, console, line, names, value
from tradectl.cli.output.render import show, untraded
from tradectl.documents.operations import (
    ByBooks,
    Counterfactual,
    Divergence,
    DoctorReport,
    Finding,
    Proposal,
    ProposedBooking,
    ProposedOrder,
    ProtectiveStop,
    Receipt,
    Reconciliation,
    ReplayReport,
    Verdict,
)
from tradectl.domain.orders import OrderType
from tradectl.domain.text import harmless

SIGNED = {
    "yes": Cell("by your key", GOOD),
    "no": Cell("by nobody: it adds up, and anybody could have written it", WARN),
    "no key": Cell("by a key that is not yours, or not here: it adds up, whoever wrote it", WARN),
    "forged": Cell(
        "FORGED: it says by your key, and was written or changed by somebody else", LOUD
    ),
}
FIT, NOT_FIT = "fit to trade", "not fit to trade"
FINDING_STYLES = {Verdict.PASSED: GOOD, Verdict.WARNED: WARN, Verdict.FAILED: BAD}


def replay(report: ReplayReport) -> RenderableType:
    records = f"{figures.count(report.events)}, {figures.count(report.inputs)} of them inputs"
    speed = f"{figures.took(report.elapsed_s)}, {figures.rate(report.events_per_s)}"
    parts: list[RenderableType] = [
        _is_verified(report),
        *_difference(report.first_divergence),
        *(line("note", Cell(harmless(note), WARN)) for note in report.notes),
        line("records", Cell(records)),
        line("compared", Cell(figures.counted(report.compared, "decision"))),
        line("time", Cell(speed)),
        *untraded(report.untraded, everything=not report.fills),
        line("state", value(report.state_hash, DIM)),
        line("signed", SIGNED.get(report.signed, Cell(report.signed))),
    ]
    if report.recorded_state_hash not in (None, report.state_hash):
        parts.append(line("recorded", value(report.recorded_state_hash, BAD)))
    if report.truncated_tail:
        torn = "the last record is torn: the run was killed while writing it; the rest is whole"
        parts.append(line("tail", Cell(torn, WARN)))
    return Group(*parts)


def _is_verified(report: ReplayReport) -> Text:
    if report.verified:
        return Text("VERIFIED: every recomputed decision is the recorded one", GOOD + BOLD)
    if count := report.divergences:
        differ = "differs" if count == 1 else "differ"
        return Text(
            f"DIVERGED: {figures.counted(count, 'decision')} {differ} from the record", LOUD
        )
    return Text("NOT VERIFIED", WARN + BOLD)


def counterfactual(result: Counterfactual) -> RenderableType:
    """A is what was recorded, B what the other configuration makes of it."""
    if result.first_difference is None:
        head = Text("SAME: this configuration decides nothing differently", GOOD + BOLD)
    else:
        head = Text("OTHERWISE: this configuration decides differently", WARN + BOLD)
    return Group(head, *compared.parts(result.comparison))


def _difference(first: Divergence | None) -> list[RenderableType]:
    fields: dict[str, Any] = asdict(first) if first is not None else {}
    return [line(name, value(found, BAD)) for name, found in fields.items()]


def receipt(receipt: Receipt) -> RenderableType:
    """What was done, and what is left."""
    parts: list[RenderableType] = [_is_stopped(receipt)]
    if receipt.error:
        parts.append(line("error", value(receipt.error, BAD)))
    parts.append(line("cancelled", Cell(names(receipt.cancelled))))
    parts.append(line("closed", Cell(names(receipt.closed))))
    for name, left in (
        ("orders left", receipt.open_orders_left),
        ("positions", receipt.positions_left),
    ):
        parts.append(line(name, _left(receipt, left)))
    if receipt.foreign_orders:
        mend = "" if receipt.confirmed else ", may bind coins or margin: `--all --yes` cancels them"
        parts.append(line("not ours", Cell(f"{names(receipt.foreign_orders)}{mend}", WARN)))
    parts += [line("protected", _protection(stop)) for stop in receipt.protection]
    if receipt.unprotected:
        mend = "" if receipt.flatten else ": `tradectl emergency-stop --flatten` closes them"
        parts.append(line("UNPROTECTED", Cell(f"{names(receipt.unprotected)}{mend}", BAD)))
    parts += [line("by books", Cell(_age(row), WARN)) for row in receipt.by_books]
    if receipt.dust:
        parts.append(line("dust", Cell(f"{names(receipt.dust)}: too little to be sold", DIM)))
    parts.append(Text("trading stays refused until `tradectl clear-halt --confirm`", DIM))
    return Group(*parts)


def _age(row: ByBooks) -> str:
    """Of our books' word on an exchange that could not be asked."""
    name = harmless(row.exchange)
    if row.compared_at is None:
        return f"{name}: never compared with it"
    when = f"{figures.moment(row.compared_at)} UTC"
    return f"{name}: last compared at {when}, {figures.age(row.age_s or 0)} before"


def _protection(stop: ProtectiveStop) -> Cell:
    name, price = harmless(stop.order_id), stop.stop_price
    text = f"{harmless(stop.symbol)} by stop {name}: {stop.quantity} at {price}"
    if stop.confirmed:
        return Cell(text, GOOD)
    return Cell(f"{text}, by our books alone: the exchange did not say so", WARN)


def _left(receipt: Receipt, left: list[str]) -> Cell:
    """What nobody could look up is not said to be none."""
    if left or receipt.confirmed:
        return Cell(names(left), WARN if left else GOOD)
    return Cell("none known of", WARN)


def _is_stopped(receipt: Receipt) -> Text:
    if not receipt.latched:
        return Text("NOT LATCHED: the halt could not be written down", LOUD)
    text = Text(f"HALTED in {figures.rough(receipt.latched_ms)} ms", GOOD + BOLD)
    if not receipt.confirmed:
        return text.append(", NOT CONFIRMED: see what is left", LOUD)
    how = "the trading process" if receipt.method == "control" else "this command"
    return text.append(f", confirmed by {how} in {figures.rough(receipt.confirmed_ms)} ms", GOOD)


def reconciliation(found: Reconciliation) -> RenderableType:
    """Journal, database and exchange side by side."""
    if found.clean:
        head = Text("CLEAN: journal, database and exchange agree", GOOD)
    else:
        kinds = "external, position, fill or transfer"
        head = Text(f"NOT CLEAN: `tradectl reconcile --accept ...` says what it is: {kinds}", BAD)
    cash = found.cash
    amounts = (
        ("currency", cash.currency),
        ("journal", cash.journal),
        ("at exchange", cash.at_exchange),
        ("difference", cash.difference),
    )
    spelled = "  ".join(f"{name} {harmless(amount)}" for name, amount in amounts)
    proposal = _proposal(found.proposal, found) if found.proposal else []
    return Group(
        head,
        *proposal,
        Text(),
        Listing(columns.COMPARED_SYMBOLS, found.symbols, "no symbols"),
        Text(),
        line("cash", Cell(spelled, PLAIN if cash.ok else BAD)),
        Text(),
        Listing(columns.COMPARED_ORDERS, found.orders, "no orders"),
        *(
            line("not reached", value(f"{row.exchange}: {row.error}", BAD))
            for row in found.unreachable
        ),
    )


def _proposal(proposal: Proposal, found: Reconciliation) -> list[RenderableType]:
    """What was booked, or would be, and what would be traded then."""
    name = "booked" if found.accepted else "would book"
    parts = [line(name, Cell(_booking(row))) for row in proposal.bookings]
    if not proposal.bookings:
        parts.append(line(name, Cell("nothing: nothing differs that it could be", DIM)))
    else:
        result = f"profit {proposal.profit}, transferred {proposal.transferred}"
        parts.append(line("result", Cell(result)))
    parts += [line("stays", Cell(harmless(why), WARN)) for why in proposal.refused]
    parts += [line("later", Cell(harmless(what), WARN)) for what in proposal.follows]
    traded = [_proposed_order(order) for order in proposal.orders]
    if proposal.resizes:
        traded.append("what strategies want is sized by the new equity once trading resumes")
    parts.append(line("then trades", Cell("; ".join(traded) or "nothing", WARN if traded else DIM)))
    parts += [line("not booked", value(why, BAD)) for why in found.left_out]
    if found.left_out:
        parts.append(
            Text("trading is paused: `tradectl reconcile` shows what is left to say", WARN)
        )
    elif found.accepted:
        parts.append(Text("trading is paused: `tradectl resume` goes on", WARN))
    else:
        parts.append(Text("nothing was changed: add --confirm to book it", WARN))
    return [Text(), *parts]


def _booking(row: ProposedBooking) -> str:
    what = harmless(row.symbol) if row.symbol else "cash"
    at = f" at {row.price}" if row.price and row.ours_before != row.ours_after else ""
    ours = f"ours {row.ours_before} -> {row.ours_after}{at}"
    cost = f" that cost {row.price}" if row.price and row.ours_before == row.ours_after else ""
    return f"{what}: {ours}, external {row.external_before} -> {row.external_after}{cost}"


def _proposed_order(order: ProposedOrder) -> str:
    kind = "" if order.type is OrderType.MARKET else " by its stop"
    return f"{order.side} {order.quantity} {harmless(order.symbol)}{kind}"


# --- findings -------------------------------------------------------------------------------------


def show_findings(report: DoctorReport, *, stderr: bool = False) -> None:
    """A table on a terminal; elsewhere one line for each finding."""
    to = console(stderr=stderr)
    if to.is_terminal:
        show(findings(report), to)
    else:
        to.print(Text("\n".join(finding_lines(report))), crop=False, soft_wrap=True)


def finding_lines(report: DoctorReport) -> list[str]:
    lines = [
        f"{finding.verdict}  {finding.check}: {finding.message}"
        + (f" -> {finding.mend}" if finding.mend else "")
        for finding in report.findings
    ]
    return [*lines, _conclusion(report)]


def findings(report: DoctorReport) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", max_width=28)
    grid.add_column(overflow="fold", ratio=1)
    for finding in report.findings:
        message = Text(finding.message)
        if finding.mend:
            message.append(f"\n-> {finding.mend}", DIM)
        style = FINDING_STYLES[finding.verdict]
        grid.add_row(Text(finding.verdict, style), Text(finding.check), message)
    return Group(grid, Text(_conclusion(report), GOOD + BOLD if report.ok else LOUD))


def _conclusion(report: DoctorReport) -> str:
    counts = ", ".join(f"{_count(report.findings, verdict)} {verdict}" for verdict in Verdict)
    return f"{FIT if report.ok else NOT_FIT}: {counts}"


def _count(findings: Sequence[Finding], verdict: Verdict) -> int:
    return sum(finding.verdict is verdict for finding in findings)
