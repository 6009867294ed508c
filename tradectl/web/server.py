"""The page's server: its three files for everybody, all that they show for who has the token.

    GET  /  /page.js  /page.css               the page: nothing of any account is in it
    GET  /api/stream?account=N                a view a second, a line of JSON each, until it is closed
    GET  /api/orders|fills|runs?account=N     the newest hundred
    POST /api/report {account, run_id}        an address that shows one report, once
    POST /api/nonce                           what one action needs
    POST /api/act {kind, account, word, nonce}
    GET  /report/TICKET                       the report, in a sandbox of the browser's

The token comes in a header, so the page fetches even the stream: no address of data has it, no cookie.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Struct

from tradectl.bus.clock import ComputerClock
from tradectl.control.client import ControlError, ask
from tradectl.documents.control import Done
from tradectl.domain.errors import NotRunning, TradectlError, UsageError
from tradectl.domain.text import harmless
from tradectl.storage.directory import RUN_ID
from tradectl.web.access import Access, Refused
from tradectl.web.accounts import LOOK_EVERY_S, Accounts, WatchedAccount
from tradectl.web.actions import Action, Allowed, act

LARGEST_REQUEST = 4096
MOST_STREAMS = 16
MOST_REPORTS = 8
REPORT_S = 30.0
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The report's own policy names its style and its script by their hash, and holds beside this one."""
FILES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Ticket(NamedTuple):
    """For one report, until `ends` (monotonic s)."""

    account: WatchedAccount
    run_id: str
    ends: float


class WantedReport(Struct, forbid_unknown_fields=True, frozen=True):
    account: int
    run_id: str


class WebServer:
    """Serves `accounts` to who passes `access`, and does what is `allowed`; `say` hears of it."""

    def __init__(
        self, accounts: Accounts, access: Access, allowed: Allowed, say: Callable[[str], None]
    ) -> None:
        self._accounts = accounts
        self._access = access
        self._allowed = allowed
        self._say = say
        self._streams = 0
        self._tickets: dict[str, Ticket] = {}
        self._acting = asyncio.Lock()
        self._reporting = asyncio.Lock()
        self._telling: set[asyncio.Future[Any]] = set()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._judged], client_max_size=LARGEST_REQUEST)
        for path in FILES:
            app.router.add_get(path, self._file)
        app.router.add_get("/report/{ticket}", self._report)
        app.router.add_get("/api/stream", self._stream)
        for name in ("orders", "fills", "runs"):
            app.router.add_get(f"/api/{name}", self._rows)
        app.router.add_post("/api/report", self._ticket)
        app.router.add_post("/api/nonce", self._nonce)
        app.router.add_post("/api/act", self._act)
        return app

    @web.middleware
    async def _judged(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every request, whatever it asks for; every answer has the same headers."""
        try:
            self._access.host(request.headers)
            if request.path.startswith("/api/"):
                await self._with_token(request)
            if request.method == "POST":
                self._access.act(request.headers)
            return await handler(request)
        except Refused as error:
            return _told(error.status, str(error))
        except web.HTTPException as error:
            return _told(error.status, error.reason)
        except (TradectlError, OSError) as error:
            if isinstance(error, ConnectionError):  # it went away
                raise
            return _told(400 if isinstance(error, UsageError) else 503, harmless(error))

    async def _with_token(self, request: web.Request) -> None:
        try:
            self._access.token_of(request.headers)
        except Refused:
            times, wait = self._access.failed()
            self._warn(times, request)
            self._access.waiting += 1
            try:
                await asyncio.sleep(wait)
            finally:
                self._access.waiting -= 1
            raise

    def _warn(self, times: int, request: web.Request) -> None:
        """Once a minute at most: on the terminal, on the page, and as an alert of what runs."""
        if times != 1:
            return
        why = f"the page was asked without its token from {request.remote} ({request.path})"
        self._accounts.warning = harmless(why)
        self._say(why)
        for directory in self._accounts.directories():
            told = asyncio.ensure_future(asyncio.to_thread(_raise_alert, directory.socket, why))
            self._telling.add(told)
            told.add_done_callback(self._telling.discard)

    # --- what is shown --------------------------------------------------------------------------------

    async def _file(self, request: web.Request) -> web.Response:
        name, kind = FILES[request.path]
        text = files(__package__).joinpath(name).read_text("utf-8")
        return _answer(text, kind)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self._streams >= MOST_STREAMS:
            raise Refused(429, f"{MOST_STREAMS} pages are open already: close one")
        account = _account(request)
        self._accounts.view(account)
        response = web.StreamResponse(
            headers={**HEADERS, "Content-Security-Policy": POLICY, "X-Accel-Buffering": "no"}
        )
        response.content_type = "application/x-ndjson"
        self._streams += 1
        try:
            await response.prepare(request)
            while True:
                view = msgspec.json.encode(self._accounts.view(account))
                await response.write(view + b"\n")
                await asyncio.sleep(LOOK_EVERY_S)
        except ConnectionError:
            return response  # the page was closed
        finally:
            self._streams -= 1

    async def _rows(self, request: web.Request) -> web.Response:
        account = self._accounts[_account(request)]
        rows: Callable[[], object] = getattr(account, request.path.rpartition("/")[2])
        return _json(await asyncio.to_thread(rows))

    # --- reports --------------------------------------------------------------------------------------

    async def _ticket(self, request: web.Request) -> web.Response:
        wanted = await _read(request, WantedReport)
        if RUN_ID.fullmatch(wanted.run_id) is None:
            raise Refused(400, "expected the id of a run")
        now = ComputerClock.monotonic()
        self._tickets = {name: each for name, each in self._tickets.items() if each.ends > now}
        if len(self._tickets) >= MOST_REPORTS:
            raise Refused(429, "too many reports are asked for: wait a while")
        account = self._accounts[wanted.account]
        name = secrets.token_urlsafe(32)
        self._tickets[name] = Ticket(account, wanted.run_id, now + REPORT_S)
        return _json({"path": f"/report/{name}"})

    async def _report(self, request: web.Request) -> web.Response:
        ticket = self._tickets.pop(request.match_info["ticket"], None)
        if ticket is None or ticket.ends <= ComputerClock.monotonic():
            raise Refused(404, "this address was good once: open the report from the page again")
        async with self._reporting:
            text = await asyncio.to_thread(ticket.account.report, ticket.run_id)
        return _answer(text, "text/html", REPORT_POLICY)

    # --- what acts ------------------------------------------------------------------------------------

    async def _nonce(self, request: web.Request) -> web.Response:
        return _json({"nonce": self._access.nonce()})

    async def _act(self, request: web.Request) -> web.Response:
        action = await _read(request, Action)
        self._access.spend(action.nonce)
        self._allowed.refuse_others(action)
        directory = self._accounts[action.account].directory
        async with self._acting:
            self._say(f"{action.kind} of {directory.path}, from {request.remote}")
            return _json(await asyncio.to_thread(act, directory, action.kind))


def _raise_alert(socket: Path, why: str) -> None:
    try:
        ask(socket, "web_refused", Done, timeout=2.0, message=harmless(why))
    except (NotRunning, TimeoutError, ControlError):
        return  # nothing runs there that could be told


def _account(request: web.Request) -> int:
    asked = request.query.get("account", "0")
    if not (asked.isascii() and asked.isdigit() and len(asked) < 5):
        raise Refused(400, "account: expected a number")
    return int(asked)


async def _read(request: web.Request, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"expected JSON: {harmless(error)}") from error


def _json(document: object) -> web.Response:
    return _answer(msgspec.json.encode(document).decode(), "application/json")


def _told(status: int, why: str) -> web.Response:
    return _answer(why, "text/plain", status=status)


def _answer(text: str, kind: str, policy: str = POLICY, status: int = 200) -> web.Response:
    return web.Response(
        text=text,
        content_type=kind,
        charset="utf-8",
        status=status,
        headers={**HEADERS, "Content-Security-Policy": policy},
    )


def secure(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer by these files. Raises UsageError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"cannot use the certificate {harmless(certificate)} with the key {harmless(key)}: "
            f"{harmless(error.strerror or error)}"
        ) from error
    return context


__all__ = ["WebServer", "secure"]
