"""A journal's market under another configuration: what would have been decided first, and the result."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tradectl.config.settings import Settings
from tradectl.documents.compare import ComparedSide, DecisionMade, FirstDifference
from tradectl.documents.operations import (
    Counterfactual,
    DecisionDifference,
    ResultDifference,
    TradingResult,
)
from tradectl.domain.money import decimal_text
from tradectl.explain.simulated import compare_with


def counterfactual(path: Path, settings: Settings) -> Counterfactual:
    """Trade the market data of the journal `path` on paper, from its starting state, by `settings`."""
    found = compare_with(path, settings)
    a, b = found.a, found.b
    return Counterfactual(
        journal=str(path),
        run_id=a.run_id,
        events=a.records,
        first_difference=_first(found.first_difference),
        recorded=_result(a),
        simulated=_result(b),
        difference=ResultDifference(
            pnl=found.difference, fees=decimal_text(Decimal(b.fees) - Decimal(a.fees))
        ),
        comparison=found,
    )


def _first(found: FirstDifference | None) -> DecisionDifference | None:
    if found is None:
        return None
    return DecisionDifference(
        seq=found.a.seq if found.a is not None else None,
        recorded=_decision(found.a),
        simulated=_decision(found.b),
    )


def _decision(made: DecisionMade | None) -> dict[str, object] | None:
    if made is None:
        return None
    return {"at": made.time, **made.decision, "reason": made.reason}


def _result(side: ComparedSide) -> TradingResult:
    return TradingResult(
        orders=side.orders, denied=side.denied, fills=side.fills, fees=side.fees, pnl=side.pnl
    )


__all__ = ["counterfactual"]
