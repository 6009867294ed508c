"""The error tree. Every error that a user may meet is one of these, with one line that helps.

TradectlError
├── UsageError            wrong flag, file or name            exit 2
│   └── ConfigError       wrong configuration                 exit 2
├── DataError             a data file that cannot be traded   exit 1
├── JournalError          a journal that cannot be used       exit 1
│   ├── JournalDamaged    a record does not match its seal    exit 1
│   ├── JournalMissing    the last run's is not there any more exit 1
│   ├── JournalForged     nobody knows who wrote it           exit 1
│   └── JournalFailed     the disk refused a write: fail-stop exit 1
├── StateError            durable state that cannot be used   exit 1
│   └── DatabaseError     what SQLite refused                 exit 1
│       └── DatabaseDamaged  the journals can make it anew    exit 1
├── NotRunning            no process to talk to               exit 4
├── Halted                the emergency stop is latched       exit 6
├── AlreadyRunning        another process owns the directory  exit 7
├── ExchangeError         what an exchange answered, or failed to
│   ├── VenueRefusal      it said no: nothing was done
│   ├── NotExecuted       nothing was done, and it may be asked again
│   ├── OutcomeUnknown    it may have been done, or not: only the exchange can tell
│   └── AccessLost        keys or account do not work: trading must halt
├── AllocationFailed      there are no weights that keep to all constraints
└── CoreError             the core broke its own rule: halts
    ├── IllegalTransition an order asked for a step that its status does not have
    └── RunawayCascade    one input caused events without end

Interrupted is none of them: it is the operator's Ctrl-C, where that is not the event loop's to catch.
"""

from __future__ import annotations

from typing import ClassVar

from tradectl.domain.refusals import RefusalCause


class TradectlError(Exception):
    """Base of all errors with a message made for the user; `exit_code` is the command line's."""

    exit_code: ClassVar[int] = 1


class Interrupted(KeyboardInterrupt):
    """A signal from outside: no strategy can have raised it, and none may keep it."""

    exit_code: ClassVar[int] = 130


class UsageError(TradectlError):
    exit_code = 2


class ConfigError(UsageError):
    pass


class WrongOption(UsageError):
    """What the run that trades says of an option of a command."""


class AllocationFailed(TradectlError):
    pass


class DataError(TradectlError):
    pass


class JournalError(TradectlError):
    pass


class JournalDamaged(JournalError):
    """`seq` is the first record that cannot be trusted."""

    def __init__(self, message: str, seq: int) -> None:
        super().__init__(message)
        self.seq = seq


class JournalMissing(JournalError):
    pass


class JournalForged(JournalError):
    """Not signed by this user's key, or not the newest there was."""


class JournalFailed(JournalError):
    pass


class StateError(TradectlError):
    pass


class DatabaseError(StateError):
    pass


class DatabaseDamaged(DatabaseError):
    pass


class NotRunning(TradectlError):
    exit_code = 4


class Halted(TradectlError):
    exit_code = 6


class AlreadyRunning(TradectlError):
    exit_code = 7


class ExchangeError(TradectlError):
    pass


class VenueRefusal(ExchangeError):
    """`cause` is what the exchange's reason comes to."""

    def __init__(self, message: str, cause: RefusalCause = RefusalCause.OTHER) -> None:
        super().__init__(message)
        self.cause = cause


class NotExecuted(ExchangeError):
    """`retry_after` is the pause (s) that the exchange asks for, 0 where it names none."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(ExchangeError):
    pass


class AccessLost(ExchangeError):
    pass


class CoreError(TradectlError):
    pass


class IllegalTransition(CoreError):
    pass


class RunawayCascade(CoreError):
    pass
