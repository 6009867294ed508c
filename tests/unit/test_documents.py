"""The documents of `--json` are a contract: their schema is stored, and every key is always there."""

from __future__ import annotations

import json

import msgspec
import pytest
from msgspec import Struct

from tests.contracts import DOCUMENTS, FOLDER, check_output, schema, stored
from tests.fixtures.rows import each_row
from tradectl.documents.account import (
    AccountStatus,
    FillRow,
    Halt,
    OrderRow,
    Paused,
    PortfolioTotals,
    PositionRow,
)
from tradectl.documents.operations import Receipt, ReplayReport
from tradectl.documents.run import (
    AlertRow,
    BusFigures,
    ComponentRow,
    LiveStatus,
    Status,
    Summary,
)


@each_row("name", DOCUMENTS)
def test_a_document_is_as_its_stored_schema_says(name: str) -> None:
    told = f"the documents of {name} have changed: `python -m tests.contracts` writes the schema"
    assert stored(name).read_bytes() == schema(name), told


def test_every_stored_schema_is_of_a_document() -> None:
    assert {*FOLDER.glob("*.json")} == {*map(stored, DOCUMENTS)}


PROMISED: dict[type[Struct], str] = {
    Status: """running mode run_id state components portfolio positions open_orders bus halt last_seq
        state_hash strategies exchanges data_age_s max_drawdown_pct
        paused""",
    ComponentRow: "status last_heartbeat error_count message",
    PortfolioTotals: """equity cash realized_pnl unrealized_pnl fees margin_used drawdown_pct
        max_drawdown_pct""",
    PositionRow: """symbol side size entry_price current_price unrealized_pnl realized_pnl""",
    OrderRow: """order_id client_order_id symbol side type quantity filled price status created_at""",
    BusFigures: "published processed failed dropped queue_depth",
    Halt: "reason since",
    Paused: "reason since",
    FillRow: """trade_id order_id client_order_id symbol side quantity price fee fee_currency liquidity
        time""",
    AlertRow: "id type severity message component created_at status count",
    ReplayReport: """events inputs compared divergences first_divergence state_hash
        recorded_state_hash verified truncated_tail elapsed_s events_per_s""",
    Receipt: """latched latched_ms confirmed confirmed_ms method cancelled closed open_orders_left
        positions_left""",
    Summary: "run_id exit_code journal max_drawdown_pct",
}
"""What scripts rely on, whatever else becomes of the documents."""


@each_row("kind", PROMISED, ids=lambda kind: kind.__name__)
def test_what_was_promised_to_scripts_is_there(kind: type[Struct]) -> None:
    assert {*PROMISED[kind].split()} <= {*kind.__struct_fields__}


def test_the_status_of_nothing_has_every_key() -> None:
    shown = json.loads(msgspec.json.encode(Status()))
    assert shown.keys() == {*Status.__struct_fields__}
    assert {*AccountStatus.__struct_fields__} < {*Status.__struct_fields__}
    assert {*Status.__struct_fields__} < {*LiveStatus.__struct_fields__}


@pytest.mark.parametrize(
    "out",
    ['{"stopped": true, "more": 1}', '{"stopped": "yes"}', "{}"],
    ids=["an unknown key", "another type", "a missing key"],
)
def test_what_breaks_the_contract_is_found(out: str) -> None:
    check_output(["stop", "--json"], '{"stopped": true}')
    with pytest.raises((AssertionError, msgspec.ValidationError)):
        check_output(["stop", "--json"], out)
