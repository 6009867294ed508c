"""Which module has which command: one is loaded when it is asked for, and help asks for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from tradectl.cli.quick_options import QuickCommand, quick

MODULES = {
    "run": "run",
    "strategies": "strategies",
    "status": "account",
    "positions": "account",
    "orders": "account",
    "fills": "account",
    "runs": "account",
    "events": "events",
    "state": "events",
    "logs": "logs",
    "why": "why",
    "compare": "compare",
    "pause": "control",
    "resume": "control",
    "stop": "control",
    "emergency-stop": "control",
    "clear-halt": "control",
    "order": "by_hand",
    "close": "by_hand",
    "cancel": "by_hand",
    "replay": "replay",
    "reconcile": "reconcile",
    "doctor": "doctor",
    "record": "record",
    "backtest": "backtest",
    "backtests": "backtest",
    "report": "report",
    "pnl": "pnl",
    "risk": "risk",
    "export": "export",
    "data": "data",
    "exchanges": "exchange",
    "markets": "exchange",
    "alerts": "alerts",
    "drill": "drill",
    "bench": "bench",
    "backup": "backup",
    "restore": "backup",
    "vacuum": "vacuum",
    "config": "config",
    "new": "new",
    "top": "top",
    "web": "web",
}
"""In the order of the help."""


class OfOneModule(typer.Typer):
    """What a module registers its commands with."""

    def command(self, *name: Any, **attributes: Any) -> Any:
        return super().command(*name, cls=QuickCommand, **attributes)


class Commands(Mapping[str, Any]):
    """The parser's commands by name. A module of the table has `register(app)` for its own."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            app = OfOneModule(rich_markup_mode=None)
            import_module(f"tradectl.cli.commands.{MODULES[name]}").register(app)
            self._loaded.update(get_group(app).commands)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


class CommandGroup(TyperGroup):
    """All commands of the program."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands()  # type: ignore[assignment]  # the parser only reads it

    def get_params(self, ctx: Any) -> list[Any]:
        return quick(super().get_params(ctx))


__all__ = ["MODULES", "CommandGroup"]
