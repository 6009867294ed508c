"""`pnl` and `export equity`: what an account made, and what it was worth, over time."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.values import Amount, Time


class PnlRow(Struct, kw_only=True, frozen=True):
    """Of one `period` (a day such as 2026-11-29, a week 2026-W48, a month 2026-11), and of `name` where
    it is by symbol or strategy. `pnl` is `realized` + `unrealized` - `fees` + `funding` + `insurance` +
    `interest` + `rebates`, all of them as they changed in it; nothing is rounded."""

    period: str
    name: str | None
    fills: int
    realized: Amount
    unrealized: Amount
    fees: Amount
    funding: Amount
    insurance: Amount
    interest: Amount
    rebates: Amount
    pnl: Amount


class PnlReport(Struct, kw_only=True, frozen=True):
    """`total` is the sum of the `rows`, to the last digit. `missing` are runs of the account whose
    journals are not here: what they made is in the row of the period `missing`."""

    account_id: str
    currency: str
    by: str
    lots: str
    time_zone: str
    per: str | None
    rows: list[PnlRow]
    total: PnlRow
    missing: list[str] = []


class EquityRow(Struct, kw_only=True, frozen=True):
    """What the account was worth at the end of a step of time, by the prices that were known then."""

    time: Time
    run_id: str
    equity: Amount
    cash: Amount
    unrealized_pnl: Amount
    realized_pnl: Amount
    fees: Amount
    exposure: Amount
