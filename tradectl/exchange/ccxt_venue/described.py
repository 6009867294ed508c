"""What is known of each exchange: by ccxt's word, by its table, and by the tests that it has passed.

A test speaks ccxt's way to a playback of the exchange, on this machine: none was run at the exchange
itself. Of an exchange without a table what ccxt says is shown, and nothing is proven.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.resources
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tradectl.documents.market import ExchangeDetail, ExchangeRow, ProvenKind
from tradectl.domain.errors import UsageError
from tradectl.domain.orders import OrderType
from tradectl.exchange.ccxt_venue.order_calls import takes_stops
from tradectl.exchange.ccxt_venue.quirks import Quirks
from tradectl.exchange.ccxt_venue.tables import ExchangeTable, described_exchanges, table_of

KINDS = {"spot": "spot", "perpetual": "swap"}
UNTESTED = (
    "untested with the real exchange: proven are the tests that are named, with a playback of it"
)
UNDESCRIBED = (
    "nobody has described it here: nothing is proven, and it works by ccxt's defaults or not"
)


def exchange_rows() -> list[ExchangeRow]:
    """Those that tell trades or an order book, the described ones first. Loads ccxt."""
    ccxt = importlib.import_module("ccxt")
    described, proofs = described_exchanges(), _proofs()
    names = sorted(ccxt.exchanges, key=lambda name: (name not in described, name))
    made = ((name, _client(name)) for name in names)
    return [
        msgspec.convert(_row(name, client, proofs), ExchangeRow)
        for name, client in made
        if client.has.get("fetchTrades") or client.has.get("fetchOrderBook")
    ]


@functools.cache
def exchange_detail(name: str) -> ExchangeDetail:
    """The same one each time. Raises UsageError for an exchange that there is not."""
    ccxt = importlib.import_module("ccxt")
    if name not in ccxt.exchanges:
        near = difflib.get_close_matches(name.lower(), ccxt.exchanges, 3)
        hint = f": did you mean {', '.join(near)}?" if near else ""
        raise UsageError(f"ccxt knows no exchange {name!r}{hint}")
    proofs, table = _proofs(), table_of(name)
    client = _client(name)
    row = _row(name, client, proofs)
    proven = [
        ProvenKind(
            kind=kind,
            tests=found["tests"],
            cases=found["cases"],
            cannot=[f"{case}: {why}" for case, why in found["cannot"].items()],
            source=found["source"],
        )
        for kind, found in _proven(name, proofs).items()
    ]
    return msgspec.convert(
        {
            **row,
            "proven": msgspec.to_builtins(proven),
            "fence": table.fence.rule,
            "fence_read_in": table.fence.read_in,
            "cannot": [
                *(f"{kind}: {why}" for kind, why in table.quirks.not_traded.items()),
                *_cannot(row, _pushed(client, table.quirks)),
            ],
            "note": "; ".join([UNTESTED if row["described"] else UNDESCRIBED, *_elsewhere(table)]),
        },
        ExchangeDetail,
    )


def _client(name: str) -> Any:
    pro = importlib.import_module("ccxt.pro")
    module = pro if name in pro.exchanges else importlib.import_module("ccxt")
    return getattr(module, name)()


def _row(name: str, client: Any, proofs: Mapping[str, Any]) -> dict[str, Any]:
    table = table_of(name)
    quirks = table.quirks
    kinds = [
        kind
        for kind, theirs in KINDS.items()
        if client.has.get(theirs) and kind not in quirks.not_traded
    ]
    row = {
        "id": name,
        "name": client.name,
        "certified": bool(client.certified),
        "websocket": bool(client.has.get("ws")),
        "spot": "spot" in kinds,
        "perpetual": "perpetual" in kinds,
        "testnet": bool(client.urls.get("test")),
        "passphrase": bool(client.requiredCredentials.get("password")),
        "described": _is_described(name, table),
        "user_stream": bool(_pushed(client, quirks)),
        "lookup_by_client_id": bool(quirks.client_id_param),
        "stops": [
            kind for kind in kinds if takes_stops(client, quirks, kind, OrderType.STOP_MARKET)
        ],
        "dead_man_switch": sorted(quirks.dead_man),
        "funding_history": bool(table.income),
        "position_modes": list(quirks.position_modes),
        "tested_by": [test for kind in _proven(name, proofs).values() for test in kind["tests"]],
    }
    for kind, other in table.elsewhere.items():
        _add(row, kind, _row(other, _client(other), proofs))
    return row


def _add(row: dict[str, Any], kind: str, other: Mapping[str, Any]) -> None:
    """To what an exchange can, what it can in a kind of market that ccxt has under another name."""
    row[kind] = other[kind]
    row["stops"] += [each for each in other["stops"] if each == kind]
    row["dead_man_switch"] += [each for each in other["dead_man_switch"] if each == kind]
    row["position_modes"] = sorted({*row["position_modes"], *other["position_modes"]}, reverse=True)
    row["funding_history"] = row["funding_history"] or other["funding_history"]


def _elsewhere(table: ExchangeTable) -> list[str]:
    return [f"its {kind} is {other} to ccxt: other keys" for kind, other in table.elsewhere.items()]


def _proven(name: str, proofs: Mapping[str, Any]) -> dict[str, Any]:
    """By kind of market."""
    others = {k: proofs.get(other, {}).get(k) for k, other in table_of(name).elsewhere.items()}
    return dict(proofs.get(name, {})) | {kind: found for kind, found in others.items() if found}


def _pushed(client: Any, quirks: Quirks) -> list[str]:
    """What of an account's news ccxt pushes, and reads right."""
    known = (("watchOrders", "orders"), ("watchMyTrades", "fills"))
    return [what for w, what in known if client.has.get(w) is True and what in quirks.streamed]


def _is_described(name: str, table: ExchangeTable) -> bool:
    return name in described_exchanges() or name in table.also


def _cannot(row: Mapping[str, Any], pushed: Sequence[str]) -> list[str]:
    """What a configuration may want and is not there, in words."""
    kinds = [kind for kind in KINDS if row[kind]]
    found = [f"no stops that rest there on {kind}" for kind in kinds if kind not in row["stops"]]
    if not row["lookup_by_client_id"]:
        found.append("an order is not looked up by our id: lists are searched, those of late only")
    asked_for = [what for what in ("orders", "fills") if what not in pushed]
    if asked_for:
        found.append(f"{' and '.join(asked_for)} are not pushed: they are asked for")
    if not row["dead_man_switch"]:
        found.append("no dead-man switch that leaves others' orders alone")
    if row["perpetual"] and not row["funding_history"]:
        found.append("funding is not told as such: it shows as a difference of the balance")
    if "hedge" in row["position_modes"]:
        found.append(
            "nothing enters in hedge mode, what is ours is protected and closed: positions are netted"
        )
    return found


def _proofs() -> Any:
    folder = importlib.resources.files("tradectl.exchange.ccxt_venue.tables")
    return msgspec.json.decode((folder / "proofs.json").read_bytes())


__all__ = ["exchange_detail", "exchange_rows"]
