"""The controls that regulators ask for of who trades by machine, numbered, each with its setting.

The list is that of the SEC's market access rule (15c3-5), Regulation SCI, and the technical standards
for algorithmic trading under MiFID II (RTS 6), as far as they are about orders. Law for you or not, each
stands for something that has gone wrong somewhere. Of each there is a test that trips it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from tradectl.config.settings import Settings
from tradectl.documents.operations import ControlRow, Controls
from tradectl.domain.money import plain

OFF = "off"
EXCHANGES = "exchanges."


class Control(NamedTuple):
    """`settings` are keys of the configuration; without any the control is always on. `switches` are
    those of them by which it is on at all; all of them where none are named."""

    name: str
    settings: tuple[str, ...]
    does: str
    switches: tuple[str, ...] = ()


CONTROLS: dict[int, Control] = {
    1: Control(
        "price collar",
        ("risk.price_collar_pct",),
        "denies an entry whose limit or stop price is further from the mark",
    ),
    2: Control(
        "maximum order value",
        ("risk.max_order_notional",),
        "denies an entry that is worth more",
    ),
    3: Control(
        "maximum order quantity",
        ("risk.max_order_quantity",),
        "denies an entry of more coins, by symbol",
    ),
    4: Control(
        "position limit",
        ("risk.max_position_notional",),
        "denies an entry by which a symbol's position could become larger, working orders counted",
    ),
    5: Control(
        "gross limit and leverage",
        ("risk.max_gross_notional", "risk.max_leverage"),
        "denies an entry by which all positions could, in money or as a multiple of equity; alerts "
        "where the market brings them there",
    ),
    6: Control(
        "credit or capital threshold",
        ("risk.min_equity", "risk.fee_margin_pct"),
        "denies an entry below this equity, and always one that cash, coins or collateral do not cover",
        ("risk.fee_margin_pct",),
    ),
    7: Control(
        "duplicate orders",
        ("risk.duplicate_window_ms",),
        "denies an order whose id was there before, and one that repeats the last of its symbol",
    ),
    8: Control(
        "repeated-execution throttle",
        ("risk.max_repeated_executions", "risk.repeated_window_seconds"),
        "pauses trading until `tradectl resume` where the same strategy has traded the same way so often",
        ("risk.max_repeated_executions",),
    ),
    9: Control(
        "message limit that counts cancels",
        ("risk.max_messages_per_second", "risk.max_orders_per_second", "risk.rate_window_seconds"),
        "denies entries while so many orders and cancels went out; exits, stops and cancels go on",
        ("risk.max_messages_per_second", "risk.max_orders_per_second"),
    ),
    10: Control(
        "self-match prevention",
        ("risk.self_match_prevention",),
        "denies an entry that would trade with a resting order of ours",
    ),
    11: Control(
        "kill switch",
        (),
        "`tradectl emergency-stop`: a durable latch that every send asks, and orders cancelled, from "
        "any process, whatever the trading process does",
    ),
    12: Control(
        "cancel on disconnect",
        ("exchanges.dead_man_seconds",),
        "has the exchange cancel our entries when it hears nothing of us for so long, where it can",
    ),
    13: Control(
        "stale-data block",
        ("risk.max_data_age_seconds", "feed.stale_after_seconds"),
        "denies entries on older data; on an exchange's data the second applies where the first is off",
        ("risk.max_data_age_seconds", "feed.stale_after_seconds"),
    ),
    14: Control(
        "alert to a person within 5 s",
        (),
        "hands every alert to the screen, the log and each notification handler at once; one that does "
        "not answer holds up no other, and is itself an alert",
    ),
    15: Control(
        "reconciliation",
        ("exchanges.reconcile_seconds",),
        "compares orders, fills, positions and balances with the exchange so often; what differs is not "
        "entered before it is explained",
    ),
    16: Control(
        "immediate post-trade record",
        ("journal.durability",),
        "writes every fill to the journal before anything follows from it, and to the database at once",
    ),
    17: Control(
        "restricted symbols",
        ("risk.restricted_symbols",),
        "denies entries in these; what is held of them may be reduced",
    ),
}
"""By the number that they are known by."""


def controls_of(settings: Settings) -> Controls:
    return Controls(controls=[_row(number, each, settings) for number, each in CONTROLS.items()])


def _row(number: int, control: Control, settings: Settings) -> ControlRow:
    values = {key: value for name in control.settings for key, value in _values(name, settings)}
    switches = control.switches or control.settings
    switched = [value for name in switches for _, value in _values(name, settings)]
    on = any(value != OFF for value in switched) or not control.settings
    return ControlRow(number=number, name=control.name, on=on, settings=values, does=control.does)


def _values(name: str, settings: Settings) -> list[tuple[str, str]]:
    """A key may have a value for each exchange; paper, which is in this process, needs none of these."""
    if name.startswith(EXCHANGES):
        field = name.removeprefix(EXCHANGES)
        return [
            (f"exchanges[{each.prefix}].{field}", _text(getattr(each, field)))
            for each in settings.exchanges
        ] or [(name, "no exchange is configured")]
    section, field = name.split(".")
    return [(name, _text(getattr(getattr(settings, section), field)))]


def _text(value: object) -> str:
    if value is None or value is False or value in ((), {}) or value == 0:
        return OFF
    if value is True:
        return "on"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


__all__ = ["CONTROLS", "controls_of"]
