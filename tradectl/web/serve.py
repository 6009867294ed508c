"""`tradectl web`, from its address to its end."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web
from msgspec import Struct

from tradectl.bus.clock import ComputerClock
from tradectl.documents.web import WebBegun
from tradectl.domain.errors import UsageError
from tradectl.domain.text import harmless
from tradectl.exchange.exchange_settings import is_loopback
from tradectl.runtime.signals import ended_by_signals
from tradectl.storage.directory import StateDir
from tradectl.web.access import Access
from tradectl.web.accounts import Accounts
from tradectl.web.actions import Allowed
from tradectl.web.server import WebServer, secure

ENDS_WITHIN_S = 1.0
OWN_PORT = {"http": 80, "https": 443}
"""Which a browser leaves out of an address."""
ANY = ("0.0.0.0", "::", "")


class Served(Struct, frozen=True, kw_only=True):
    """What to serve, and where: beyond this machine only with `certificate` and `key`, files of TLS."""

    directories: Sequence[StateDir]
    host: str
    port: int
    certificate: Path | None
    key: Path | None
    allowed: Allowed

    def check(self) -> None:
        """Raises UsageError, StateError."""
        if (self.certificate is None) is not (self.key is None):
            raise UsageError("--tls-cert and --tls-key go together")
        if not self.is_of_this_machine and self.certificate is None:
            raise UsageError(
                f"--host {self.host} can be reached by others: add --tls-cert and --tls-key, or leave "
                "--host out and come by `ssh -L`"
            )
        if self.host in ANY:
            raise UsageError(
                f"--host {self.host} is no name: give the one that the page is opened by"
            )
        if self.allowed.flatten and not self.allowed.stop:
            raise UsageError("--allow-flatten closes positions when it stops: add --allow-stop")
        for directory in self.directories:
            directory.check_folder()
            if not os.path.lexists(directory.path):
                raise UsageError(
                    f"there is no state directory {harmless(directory.path)}: name another with "
                    "--state-dir"
                )

    @property
    def is_of_this_machine(self) -> bool:
        return is_loopback(f"http://{self._name}")

    @property
    def _name(self) -> str:
        """As a browser spells it."""
        host = self.host.lower()
        return f"[{host}]" if ":" in host else host

    def origins(self, port: int) -> tuple[str, ...]:
        """What the page is called, the first as it is printed; this machine has another name."""
        scheme = "http" if self.certificate is None else "https"
        place = "" if port == OWN_PORT[scheme] else f":{port}"
        names = [self._name]
        if self.is_of_this_machine and self.host != "localhost":
            names.append("localhost")
        return tuple(f"{scheme}://{name}{place}" for name in names)


async def serve(
    served: Served, begun: Callable[[WebBegun], None], say: Callable[[str], None]
) -> None:
    """Until a signal ends it; `begun` is told the address once it answers. Raises UsageError for an
    address that cannot be had, or files that are none of TLS."""
    context = _context(served)
    over = asyncio.Event()
    with _listening(served) as listening, ended_by_signals(lambda _: over.set()):
        origins = served.origins(listening.getsockname()[1])
        access = Access(origins, ComputerClock.monotonic)
        accounts = Accounts(served.directories, served.allowed.kinds)
        server = WebServer(accounts, access, served.allowed, say)
        runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=ENDS_WITHIN_S)
        await runner.setup()
        try:
            await web.SockSite(runner, listening, ssl_context=context).start()
            accounts.start()
            begun(
                WebBegun(
                    url=f"{origins[0]}/#{access.token}",
                    accounts=[str(each.path) for each in served.directories],
                    actions=served.allowed.kinds,
                )
            )
            await over.wait()
        finally:
            await accounts.stop()
            await runner.cleanup()


def _context(served: Served) -> ssl.SSLContext | None:
    if served.certificate is None or served.key is None:
        return None
    return secure(served.certificate, served.key)


def _listening(served: Served) -> socket.socket:
    try:
        return socket.create_server(
            (served.host, served.port),
            family=socket.AF_INET6 if ":" in served.host else socket.AF_INET,
        )
    except OSError as error:
        raise UsageError(
            f"cannot listen on {served.host}:{served.port}: {error.strerror or error}; "
            "--port 0 takes one that is free"
        ) from error


__all__ = ["Served", "serve"]
