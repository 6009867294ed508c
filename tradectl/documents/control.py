"""What a running process answers to a command, where that is not a status or a report."""

from __future__ import annotations

from msgspec import Struct


class Done(Struct, kw_only=True, frozen=True):
    """A command without an answer of its own was obeyed."""


class StateChange(Struct, kw_only=True, frozen=True):
    """`pause`, `resume`: the state afterwards."""

    state: str


class Stopping(Struct, kw_only=True, frozen=True):
    """The run ends; `journal` is its, which has a footer once it has ended whole."""

    journal: str


class Stopped(Struct, kw_only=True, frozen=True):
    stopped: bool = True


class HaltCleared(Struct, kw_only=True, frozen=True):
    """`clear-halt`: whether there was one, what was open when the account was last seen, and the ids of
    the alerts that are `acknowledged` by it."""

    cleared: bool
    open_orders: list[str] = []
    positions: list[str] = []
    acknowledged: list[str] = []
