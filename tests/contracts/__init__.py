"""The contract of `--json`: which document each command prints, and its JSON Schema.

`python -m tests.contracts` writes the schemas anew, one file for each command. A key that goes, or whose
values change their type, breaks somebody's script: it belongs into the changelog.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from tradectl.config.render import effective
from tradectl.config.settings import Settings
from tradectl.documents.account import FillRow, OrderRow, PositionRow
from tradectl.documents.backtest import Backtest, BacktestRow
from tradectl.documents.backups import Backup, Restore, Vacuumed
from tradectl.documents.bench import BenchReport
from tradectl.documents.by_hand import HandCancel, HandClose, HandOrder
from tradectl.documents.compare import Comparison
from tradectl.documents.control import HaltCleared, StateChange, Stopped
from tradectl.documents.data import DataCheck, VolumeProfile
from tradectl.documents.drill import Scorecard
from tradectl.documents.explain import EventRow, StateAt, StateDifference
from tradectl.documents.log import LogLine
from tradectl.documents.market import (
    AvailableStrategy,
    ExchangeDetail,
    ExchangeRow,
    MarketRow,
    RecordingSummary,
    StrategyDescription,
)
from tradectl.documents.operations import (
    ChannelTest,
    Controls,
    Counterfactual,
    DoctorReport,
    Receipt,
    Reconciliation,
    ReplayReport,
)
from tradectl.documents.pnl import PnlReport
from tradectl.documents.report import Report
from tradectl.documents.risk import RiskReport
from tradectl.documents.run import AlertRow, RunRow, Status, Summary
from tradectl.documents.settings import SettingsApplied
from tradectl.documents.tca import TradingCosts
from tradectl.documents.web import WebBegun
from tradectl.documents.why import NotTraded, OrderWhy, SymbolWhy

FOLDER = Path(__file__).parent

DOCUMENTS: dict[str, Any] = {
    "alerts": list[AlertRow],
    "alerts test": ChannelTest,
    "backtest": Backtest,
    "backtests": list[BacktestRow],
    "backup": Backup,
    "bench": BenchReport,
    "clear-halt": HaltCleared,
    "compare": Comparison,
    "config apply": SettingsApplied,
    "config show": Settings,
    "data check": DataCheck,
    "data volume": list[VolumeProfile],
    "doctor": DoctorReport,
    "doctor --controls": Controls,
    "drill": Scorecard,
    "emergency-stop": Receipt,
    "events": list[EventRow],
    "exchanges": list[ExchangeRow],
    "exchanges NAME": ExchangeDetail,
    "fills": list[FillRow],
    "logs": list[LogLine],
    "markets": list[MarketRow],
    "orders": list[OrderRow],
    "pause": StateChange,
    "order": HandOrder,
    "orders --tca": TradingCosts,
    "close": HandClose,
    "cancel": HandCancel,
    "pnl": PnlReport,
    "positions": list[PositionRow],
    "reconcile": Reconciliation,
    "record": RecordingSummary,
    "replay": ReplayReport,
    "replay -c": Counterfactual,
    "report": Report,
    "restore": Restore,
    "resume": StateChange,
    "risk": RiskReport,
    "run": Summary,
    "runs": list[RunRow],
    "state": StateAt,
    "state --diff": StateDifference,
    "status": Status,
    "stop": Stopped,
    "strategies": list[AvailableStrategy],
    "strategies NAME": StrategyDescription,
    "vacuum": Vacuumed,
    "web": WebBegun,
    "why --none": NotTraded,
    "why ORDER_ID": OrderWhy,
    "why SYMBOL": SymbolWhy,
}
MANY = {"--follow", "--watch"}
"""Options with which documents come one after the other."""


def schema(name: str) -> bytes:
    """The JSON Schema of what `tradectl NAME --json` prints, as it is stored."""
    made = msgspec.json.schema(DOCUMENTS[name])
    for part in made.get("$defs", {}).values():
        if "description" in part:  # a docstring, which loses its indentation with Python 3.13
            part["description"] = cleandoc(part["description"])
        if "properties" in part:
            part["required"] = list(part["properties"])  # every key is there, whatever its value
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"tradectl {name}"}
    return msgspec.json.format(msgspec.json.encode(head | made), indent=2) + b"\n"


def _why(asked: str) -> str:
    """Orders are named in several ways; a symbol is written large and begins with a letter."""
    is_order = not asked.isupper() or not asked[0].isalpha() or asked[1:].isdigit()
    return "why ORDER_ID" if is_order else "why SYMBOL"


def stored(name: str) -> Path:
    return FOLDER / f"{'-'.join(name.replace('-', ' ').split())}.json"


def check_output(words: Sequence[object], out: str) -> None:
    """If `tradectl WORDS` has printed a document, it is exactly of the type that the contract names: no
    key is missing, none is unknown, and no value is of another type."""
    name = name_of([str(word) for word in words])
    if name is None or not out.startswith(("{", "[")):
        return
    document = msgspec.json.decode(out, type=DOCUMENTS[name])
    whole = effective(document) if isinstance(document, Settings) else document
    assert json.loads(msgspec.json.encode(whole)) == json.loads(out), name


def name_of(words: Sequence[str]) -> str | None:
    """Whose contract holds for the command; None for one that prints no document, or many."""
    if "--json" not in words or MANY & {*words}:
        return None
    if words[:2] == ["config", "show"]:
        return "config show"
    if words[0] == "why":
        return "why --none" if "--none" in words else _why(words[1])
    name = next((word for word in words if word in DOCUMENTS), None)
    of_one = name in ("strategies", "exchanges")
    if name and of_one and not words[words.index(name) + 1].startswith("-"):
        return f"{name} NAME"
    if name == "doctor" and "--controls" in words:
        return "doctor --controls"
    if name == "state" and "--diff" in words:
        return "state --diff"
    return "replay -c" if name == "replay" and {"-c", "--config"} & {*words} else name
