"""What stands in the journals of a simulated system, read as it is written."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.simulated_os.system import SimulatedOS
from tradectl.domain.events import OrderInitialized, OrderSubmitted, Record
from tradectl.domain.orders import client_order_id


class DurableIntents:
    """What stands in the journals, as far as it would survive a loss of power."""

    def __init__(self, system: SimulatedOS, journals: Path) -> None:
        self._machine = system
        self._journals = journals
        self._read: dict[Path, int] = {}
        self._accounts: dict[Path, str] = {}
        self.intents: dict[str, str] = {}
        """client order id -> order id"""
        self.children: dict[str, set[str]] = {}
        """order id of one with a plan -> client order ids of its children"""

    def look(self) -> None:
        for path in self._journals.glob("*.jsonl"):
            start, end = self._read.get(path, 0), self._machine.durable_bytes(path)
            if end <= start:
                continue
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(end - start)
            whole = data.rfind(b"\n") + 1
            self._read[path] = start + whole
            for line in data[:whole].splitlines():
                self._take(path, line)

    def _take(self, path: Path, line: bytes) -> None:
        if line.startswith(b'{"header":'):
            header = msgspec.json.decode(line)["header"]
            self._accounts[path] = header["state"]["account_id"]
        elif b'"parent_id":' in line and b'"type":"order_initialized"' in line:
            child = msgspec.json.decode(line, type=Record).event
            assert isinstance(child, OrderInitialized)
            known_as = client_order_id(self._accounts[path], child.order.order_id)
            self.children.setdefault(child.order.parent_id, set()).add(known_as)
        elif b'"type":"order_submitted"' in line:
            event = msgspec.json.decode(line, type=Record).event
            assert isinstance(event, OrderSubmitted)
            known_as = client_order_id(self._accounts[path], event.order_id)
            self.intents[known_as] = event.order_id


__all__ = ["DurableIntents"]
