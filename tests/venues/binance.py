"""Binance: the loopback exchange as it is, whose own language this is."""

from __future__ import annotations

from typing import Any

from tests.venues.acts import Act
from tests.venues.dialect import Dialect
from tests.venues.wrong import Said
from tradectl.testkit.symbols import Rules


def name(rules: Rules) -> str:
    return rules.symbol


def refusal(said: Said, _: Act) -> Any:
    return {"code": int(said.code), "msg": said.text}


DIALECTS = {
    kind: Dialect(
        exchange_id="binance",
        kind=kind,
        name=name,
        routes={},
        words={},
        refusal=refusal,
        shapes={},
        is_native=True,
    )
    for kind in ("spot", "perpetual")
}
