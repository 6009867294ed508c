"""What the page may do: pause, and stop for good. It never resumes, clears a halt, orders or configures.

The emergency stop sets the latch first, as from a terminal, and asks the running process to do the rest.
One that does not answer is not ended from here, where there are no keys to finish its work with: no
order leaves any more, and the page shows the command that does finish it.
"""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tradectl.control.client import ControlError, ask
from tradectl.documents.control import StateChange
from tradectl.documents.operations import StopReport
from tradectl.domain.errors import NotRunning, StateError
from tradectl.domain.states import TradingState, told_of_pause
from tradectl.storage.directory import StateDir
from tradectl.web.access import Refused

BY = "web"
REASON = "by the page"
ANSWER_S = 5.0

Kind = Literal["pause", "stop", "flatten"]


class Action(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What is asked for: on which account, with the `word` that its user typed, which is its kind."""

    kind: Kind
    account: int
    word: Annotated[str, Meta(max_length=20)]
    nonce: Annotated[str, Meta(max_length=100)]


class Allowed(Struct, kw_only=True, frozen=True):
    """What the server was started for; closing positions is a part of stopping."""

    stop: bool = False
    flatten: bool = False

    @property
    def kinds(self) -> list[str]:
        flatten = ["flatten"] if self.flatten else []
        return ["pause", "stop", *flatten] if self.stop else []

    def refuse_others(self, action: Action) -> None:
        """Raises Refused."""
        if not self.stop:
            raise Refused(
                403, "this page is read-only: it acts where it is started with --allow-stop"
            )
        if action.kind == "flatten" and not self.flatten:
            raise Refused(403, "it closes positions where it is started with --allow-flatten")
        if action.word.strip().lower() != action.kind:
            raise Refused(400, f"type the word {action.kind}")


class Acted(Struct, kw_only=True, frozen=True):
    """What came of it. `latched`: no order leaves and no run starts until `clear-halt`; `confirmed`: the
    running process did all of it and says what is `left`. `command`: what finishes it from a terminal,
    empty where nothing is left to do."""

    kind: Kind
    done: bool
    said: str
    latched: bool = False
    confirmed: bool = False
    cancelled: int = 0
    closed: int = 0
    left: list[str] = []
    unprotected: list[str] = []
    command: str = ""


def act(directory: StateDir, kind: Kind) -> Acted:
    """Do it; blocking, some seconds at most."""
    return _pause(directory) if kind == "pause" else _stop(directory, flatten=kind == "flatten")


def _pause(directory: StateDir) -> Acted:
    try:
        answer = ask(directory.socket, "pause", StateChange, timeout=ANSWER_S, reason=REASON, by=BY)
    except NotRunning as error:
        return Acted(kind="pause", done=False, said=str(error))
    except (TimeoutError, ControlError) as error:
        return Acted(
            kind="pause", done=False, said=str(error), command=_command(directory, "pause")
        )
    said = f"it is {answer.state}: {told_of_pause(answer.state)}"
    return Acted(kind="pause", done=True, said=said)


def _stop(directory: StateDir, *, flatten: bool) -> Acted:
    kind: Kind = "flatten" if flatten else "stop"
    words = ("emergency-stop", "--flatten") if flatten else ("emergency-stop",)
    command, latched, why = _command(directory, *words), True, ""
    try:
        directory.check_folder()
        directory.latch.set(
            REASON, TradingState.FLATTENING if flatten else TradingState.HALTED, by_operator=True
        )
    except StateError as error:
        latched, why = False, str(error)
    try:
        report = ask(
            directory.socket,
            "emergency_stop",
            StopReport,
            timeout=ANSWER_S,
            reason=REASON,
            by=BY,
            flatten=flatten,
        )
    except (NotRunning, ControlError, TimeoutError, OSError) as error:
        said = "; ".join(filter(None, [why, str(error)]))
        return Acted(kind=kind, done=False, said=said, latched=latched, command=command)
    return Acted(
        kind=kind,
        done=report.confirmed and latched,
        said="; ".join(filter(None, [why, report.error or ""])),
        latched=latched,
        confirmed=report.confirmed,
        cancelled=len(report.cancelled),
        closed=len(report.closed),
        left=[*report.open_orders_left, *report.positions_left],
        unprotected=report.unprotected,
        command="" if report.confirmed and latched else command,
    )


def _command(directory: StateDir, *words: str) -> str:
    return shlex.join(["tradectl", *words, "--state-dir", str(directory.path)])


__all__ = ["Acted", "Action", "Allowed", "act"]
