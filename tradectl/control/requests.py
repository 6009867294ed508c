"""What can be asked over the control socket, each with its arguments.

A request is checked against these before anything acts on it: its type, its texts (UTF-8, bounded) and
that it has no argument which nobody knows. So nothing that comes in can become an event that cannot
be written down. What is asked for in vain is not done later: it carries the time up to which its asker
waits. Only what ends trading is done however late.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from tradectl.domain.acceptance import wrong_beside
from tradectl.domain.errors import UsageError
from tradectl.domain.event import Acceptance, wire_name
from tradectl.domain.money import Side
from tradectl.domain.plans import Algorithm
from tradectl.domain.text import LONGEST, harmless

VERSION = 4
OF_ALL = ("v", "deadline")

Reason = Annotated[str, Meta(max_length=LONGEST)]
Symbol = Annotated[str, Meta(min_length=1, max_length=100)]
OrderName = Annotated[str, Meta(min_length=1, max_length=200)]
By = Literal["", "web", "panel"]
"""By whom, where it is not a terminal."""
ConfigPath = Annotated[str, Meta(max_length=4096)]
PlanName = Annotated[str, Meta(max_length=20)]
AlertId = Annotated[str, Meta(min_length=1, max_length=100)]


class Request(
    Struct,
    tag_field="command",
    tag=wire_name,
    forbid_unknown_fields=True,
    frozen=True,
    kw_only=True,
):
    """Base of all; `command` is the name of its class in snake_case. `deadline`: until when the asker
    waits, in seconds of this computer's monotonic clock."""

    done_late: ClassVar[bool] = False

    v: int
    deadline: float | None = None

    def arguments(self) -> dict[str, Any]:
        """By name, without what every request has."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name not in OF_ALL}

    def refuse_late(self, now: float) -> None:
        """Raises UsageError where its asker has given up."""
        if self.deadline is not None and now > self.deadline and not self.done_late:
            raise UsageError("it came too late: whoever asked for it had given up waiting")


class Status(Request, frozen=True, kw_only=True):
    """How is it?"""


class Live(Request, frozen=True, kw_only=True):
    """How is it, with what a live screen shows?"""


class Risk(Request, frozen=True, kw_only=True):
    """What is at stake?"""


class Flush(Request, frozen=True, kw_only=True):
    """Have the database show the present."""


class Pause(Request, frozen=True, kw_only=True):
    done_late = True

    reason: Reason = "by command"
    by: By = ""


class Resume(Request, frozen=True, kw_only=True):
    by: By = ""


class Stop(Request, frozen=True, kw_only=True):
    done_late = True


class EmergencyStop(Request, frozen=True, kw_only=True):
    done_late = True

    reason: Reason
    by: By = ""
    flatten: bool = False
    everything: bool = False
    drop_protection: bool = False

    def arguments(self) -> dict[str, Any]:
        """It takes as long as its asker waits."""
        return {**super().arguments(), "deadline": self.deadline}


class Reconcile(Request, frozen=True, kw_only=True):
    accept: Acceptance | None = None
    symbols: tuple[Symbol, ...] = ()
    price: Decimal | None = None
    confirm: bool = False

    def __post_init__(self) -> None:
        wrong = wrong_beside(self.accept, self.symbols, self.price, confirm=self.confirm)
        if wrong is not None:
            raise ValueError(f"{wrong[0]}: {wrong[1]}")


class Order(Request, frozen=True, kw_only=True):
    """One order by hand; without `confirm` only what would become of it."""

    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal | None = None
    algorithm: Algorithm | None = None
    horizon: Decimal | None = None
    interval: Decimal | None = None
    reason: Reason = "by hand"
    confirm: bool = False


class Close(Request, frozen=True, kw_only=True):
    """The position of one symbol."""

    symbol: Symbol
    reason: Reason = "closed by hand"


class Cancel(Request, frozen=True, kw_only=True):
    """One order, by any of its ids."""

    order: OrderName
    reason: Reason = "cancelled by hand"


class AcknowledgeAlert(Request, frozen=True, kw_only=True):
    alert_id: AlertId


class ResolveAlert(Request, frozen=True, kw_only=True):
    alert_id: AlertId


class ApplySettings(Request, frozen=True, kw_only=True):
    """Have what the run's configuration file says hold from now on; with `dry_run` only say what that
    would be. `confirm`: also where it loosens a limit. `plan`: only where the differences are just those
    that had this name. `file` is the one that is meant, to be sure."""

    file: ConfigPath = ""
    confirm: bool = False
    dry_run: bool = False
    plan: PlanName = ""


class WebRefused(Request, frozen=True, kw_only=True):
    """The page was asked by somebody without its token."""

    message: Reason


class FailedEvents(Request, frozen=True, kw_only=True):
    """Which events could a handler not handle? With `retry` it gets them once more."""

    retry: bool = False


KINDS: tuple[type[Request], ...] = (
    Status, Live, Risk, Flush, Pause, Resume, Stop, EmergencyStop, Reconcile, Order, Close, Cancel,
    AcknowledgeAlert, ResolveAlert, WebRefused, FailedEvents, ApplySettings,
)  # fmt: skip
COMMANDS = {wire_name(kind.__name__): kind for kind in KINDS}


def spell(command: str, **arguments: Any) -> bytes:
    """The line that asks for `command`. Raises UsageError for arguments that would be refused."""
    try:
        request = msgspec.convert(
            {"v": VERSION, **arguments, "command": command}, COMMANDS[command]
        )
        return msgspec.json.encode(request) + b"\n"
    except UnicodeEncodeError as error:
        raise UsageError(f"{command}: {harmless(error.object, 60)!r} is not UTF-8 text") from error
    except msgspec.ValidationError as error:
        raise UsageError(f"{command}: {_plain(error)}") from error


def understand(line: bytes) -> tuple[str, Request]:
    """Command and arguments of a line that asks. Raises UsageError, with what is wrong with it."""
    try:
        request = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError("expected one line of JSON in UTF-8") from error
    if not isinstance(request, dict) or "v" not in request:
        raise UsageError("expected an object with `v`, `command` and its arguments")
    if request["v"] != VERSION:
        raise UsageError(
            f"the process that runs here speaks version {VERSION} of the protocol: "
            "use the tradectl that started it"
        )
    command = request.get("command")
    if not isinstance(command, str) or command not in COMMANDS:
        raise UsageError(f"expected one of the commands {', '.join(sorted(COMMANDS))}")
    try:
        return command, msgspec.convert(request, COMMANDS[command])
    except msgspec.ValidationError as error:
        raise UsageError(f"{command}: {_plain(error)}") from error


def _plain(error: msgspec.ValidationError) -> str:
    """`Expected ... - at $.reason` with the place first."""
    what, _, place = harmless(str(error), 200).replace("`", "").partition(" - at $.")
    return f"{place}: {what[:1].lower()}{what[1:]}" if place else what[:1].lower() + what[1:]
