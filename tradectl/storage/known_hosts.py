"""Where an account's keys may be sent, by the user's own word: noted outside of its state directory.

A journal says which exchange its account is at, and whoever can put one there could name a host of his
own. So what the configuration of the last run with money said is kept where only the user writes, and
what a journal says counts for nothing that this does not confirm.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from tradectl.files.own import open_own, read_own
from tradectl.files.places import make_private, name_of, private_home
from tradectl.files.trust import is_private

LARGEST = 64 * 1024


class Host(Struct, frozen=True):
    """What an exchange is reached by: ccxt's `id`, its test network, a `url` in place of its own."""

    id: str
    testnet: bool = False
    url: str = ""
    proxy: str = ""


Hosts = dict[str, Host]


class KnownHosts:
    """Of the account in `state_dir`: by the name of each exchange. `given` goes before what is noted."""

    def __init__(self, state_dir: Path) -> None:
        self.path = private_home() / f"hosts-{name_of(state_dir)}"
        self.given: Hosts | None = None

    def note(self, hosts: Hosts) -> None:
        """Where that cannot be, an emergency stop without a process is told by `-c`."""
        if hosts == self.read():
            return
        with contextlib.suppress(OSError):
            make_private(self.path.parent)
            fd = open_own(self.path, os.O_WRONLY | os.O_CREAT)
            with os.fdopen(fd, "wb") as file:
                file.truncate()
                file.write(msgspec.json.encode(hosts))
                file.flush()
                os.fsync(fd)

    def read(self) -> Hosts:
        """None at all where nothing is known."""
        if self.given is not None:
            return self.given
        with contextlib.suppress(OSError, msgspec.DecodeError):
            content = read_own(self.path, LARGEST)
            if is_private(self.path.parent):
                return msgspec.json.decode(content, type=Hosts)
        return {}


__all__ = ["Host", "Hosts", "KnownHosts"]
