"""The page of a real trading process: what it shows, what it may do, and who cannot.

The server is run in this process, and asked by a client of its own; one test starts the real command, and
those in a browser press its buttons.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.fixtures.browser import CHROMIUM, Tab, browser
from tests.fixtures.command import (
    BUSY,
    Running,
    command,
    environment,
    events_of,
    journals,
    running,
    tradectl,
    wait_until,
)
from tests.fixtures.processes import start
from tests.profiles import in_turn
from tradectl.documents.web import WebBegun
from tradectl.domain.event import Command
from tradectl.domain.events import CommandReceived, EmergencyStopReceived
from tradectl.storage.directory import StateDir
from tradectl.web.actions import Allowed
from tradectl.web.serve import Served, serve

ALL = Allowed(stop=True, flatten=True)
API = ("stream", "orders", "fills", "runs")


class Page(NamedTuple):
    """A server's page, and a client that has its token, or who says that it has."""

    session: aiohttp.ClientSession
    url: str
    token: str

    @property
    def origin(self) -> str:
        return self.url.partition("/#")[0]

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.session.get(self.origin + path, headers=self._with(headers)) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, body: object, **headers: str) -> tuple[int, Any]:
        sent = self._with({"Origin": self.origin, "Content-Type": "application/json", **headers})
        data = json.dumps(body)
        async with self.session.post(self.origin + path, data=data, headers=sent) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.ok else text

    def _with(self, headers: dict[str, str]) -> dict[str, str]:
        given = {"Authorization": f"Bearer {self.token}", **headers}
        return {name.replace("_", "-"): value for name, value in given.items()}

    async def views(self) -> AsyncIterator[dict[str, Any]]:
        """The stream, for ever."""
        async with self.session.get(f"{self.origin}/api/stream", headers=self._with({})) as answer:
            assert answer.status == 200
            async for line in answer.content:
                yield json.loads(line)

    async def view(self, **wanted: str) -> dict[str, Any]:
        """The first view of the account whose status has this."""
        async for view in self.views():
            status = view["status"]
            if status and all(status[name] == value for name, value in wanted.items()):
                return view
        raise AssertionError("the stream ended")

    async def act(self, kind: str, word: str | None = None, account: int = 0) -> tuple[int, Any]:
        _, given = await self.post("/api/nonce", {})
        wanted = {"kind": kind, "word": kind if word is None else word, "account": account}
        return await self.post("/api/act", {**wanted, **given})


@contextlib.asynccontextmanager
async def page(
    *folders: Path, allowed: Allowed = ALL, said: list[str] | None = None
) -> AsyncIterator[Page]:
    directories = [StateDir(folder) for folder in folders]
    served = Served(
        directories=directories,
        host="127.0.0.1",
        port=0,
        certificate=None,
        key=None,
        allowed=allowed,
    )
    begun: asyncio.Future[WebBegun] = asyncio.get_running_loop().create_future()
    says = (said if said is not None else []).append
    task = asyncio.ensure_future(serve(served, begun.set_result, says))
    try:
        url = (await begun).url
        async with aiohttp.ClientSession() as session:
            yield Page(session, url, url.partition("#")[2])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One run for all that leaves it as it is."""
    folder = tmp_path_factory.mktemp("trading")
    quiet = BUSY.replace("ticks_per_second = 1000", "ticks_per_second = 10")
    quiet = quiet.replace("interval_seconds = 0.1", "interval_seconds = 1")
    assert quiet.count("interval_seconds = 1") == 1
    (folder / "quiet.toml").write_text(quiet)
    with running(folder / "state", "-c", folder / "quiet.toml") as run:
        run.line("FILL")
        yield run


async def test_nothing_is_told_without_the_token(trading: Running) -> None:
    said: list[str] = []
    async with page(trading.folder, said=said) as shown:
        async with page(trading.folder) as other:
            old = other.token
        for token in ("", old):
            without = shown._replace(token=token)
            asked = [without.get(f"/api/{name}") for name in API]
            sent = [without.post(f"/api/{name}", {}) for name in ("report", "nonce", "act")]
            told = [*await asyncio.gather(*asked), *await asyncio.gather(*sent)]
            assert {status for status, _ in told} == {401}
        assert len(said) == 1, said  # once a minute
        wait_until(
            lambda: (
                "web_access"
                in {row["type"] for row in tradectl(trading.folder, "alerts", "--json").document()}
            )
        )
        assert "without its token" in (await shown.view())["warning"]


async def test_nobody_else_gets_in_with_it(trading: Running) -> None:
    async with page(trading.folder) as shown:
        for path in ("/", "/page.js", "/api/runs", "/api/stream", "/report/x"):
            assert (await shown.get(path, Host="evil.example"))[0] == 421
            assert (await shown.get(path, Host="127.0.0.1:1"))[0] == 421
            assert (await shown.get(path, Origin="http://evil.example"))[0] == 403
            assert (await shown.get(path, Sec_Fetch_Site="cross-site"))[0] == 403
        assert (await shown.post("/api/nonce", {}, Origin="http://evil.example"))[0] == 403
        assert (await shown.post("/api/nonce", {}, Content_Type="text/plain"))[0] == 415
        async with shown.session.options(shown.origin + "/api/stream") as preflight:
            assert preflight.status == 401
            assert not [name for name in preflight.headers if name.startswith("Access-Control")]


async def test_the_page_runs_nothing_but_its_own_files(trading: Running) -> None:
    async with page(trading.folder) as shown:
        async with shown.session.get(shown.origin + "/") as answer:
            policy, text = answer.headers["Content-Security-Policy"], await answer.text()
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Set-Cookie" not in answer.headers
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "<style" not in text
        assert "//" not in text.replace("<!doctype", "")  # nothing from elsewhere
        script = (await shown.get("/page.js"))[1]
        for way in ("innerHTML =", "insertAdjacentHTML", "outerHTML", "document.write", "eval("):
            assert way not in script


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/act", []),
        ("/api/act", {"kind": "resume", "account": 0, "word": "resume", "nonce": ""}),
        ("/api/act", {"kind": "stop", "account": 0, "word": "stop", "nonce": "", "more": 1}),
        ("/api/act", {"kind": "stop", "account": "0", "word": "stop", "nonce": ""}),
        ("/api/act", "x" * 5000),
        ("/api/report", {"account": 0, "run_id": "../../etc/passwd"}),
        ("/api/report", {"account": 99, "run_id": "20261128T194707000-12a8"}),
        ("/api/report", {"account": -1, "run_id": "20261128T194707000-12a8"}),
    ],
)
async def test_bad_input_is_refused_in_a_line(trading: Running, path: str, body: object) -> None:
    async with page(trading.folder) as shown:
        status, text = await shown.post(path, body)
        assert 400 <= status < 500
        assert "\n" not in text
        assert "Traceback" not in text
        for odd in ("-1", "x", "9999999", "99", "%00", ""):
            assert (await shown.get(f"/api/orders?account={odd}"))[0] in (400, 404)


async def test_it_shows_what_status_shows(tmp_path: Path) -> None:
    """Of a run that has ended nothing changes any more."""
    (tmp_path / "c.toml").write_text(BUSY)
    tradectl(
        tmp_path / "s", "run", "--headless", "--duration", 0.3, "-c", tmp_path / "c.toml", "--json"
    )
    status = tradectl(tmp_path / "s", "status", "--json").document()
    async with page(tmp_path / "s", tmp_path / "none") as shown:
        view = await shown.view()
        assert view["status"] == status
        assert view["accounts"][0]["equity"] == status["portfolio"]["equity"]
        assert [each["path"] for each in view["accounts"]] == [
            str(tmp_path / "s"),
            str(tmp_path / "none"),
        ]
        for name in ("orders", "fills"):
            listed = tradectl(tmp_path / "s", name, "--json").document()
            assert json.loads((await shown.get(f"/api/{name}"))[1]) == listed[-100:][::-1]
        (run,) = json.loads((await shown.get("/api/runs"))[1])
        assert run["run_id"] == status["run_id"]


async def test_a_report_opens_once_in_a_sandbox(trading: Running) -> None:
    run_id = journals(trading.folder)[0].stem
    async with page(trading.folder) as shown:
        status, told = await shown.post("/api/report", {"account": 0, "run_id": run_id})
        assert status == 200
        async with shown.session.get(shown.origin + told["path"]) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-scripts;")
            assert run_id in await answer.text()
        assert (await shown.get(told["path"]))[0] == 404


async def test_it_acts_only_as_it_was_allowed_to(trading: Running) -> None:
    async with page(trading.folder, allowed=Allowed()) as shown:
        assert (await shown.view())["actions"] == []
        for kind in ("pause", "stop", "flatten"):
            assert (await shown.act(kind))[0] == 403
    async with page(trading.folder, allowed=Allowed(stop=True)) as shown:
        assert (await shown.act("flatten"))[0] == 403
        assert (await shown.act("stop", word="yes"))[0] == 400
    assert tradectl(trading.folder, "status", "--json").document()["state"] == "RUNNING"


async def test_pause_and_stop_are_written_down_as_the_pages(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.line("FILL")
        async with page(tmp_path) as shown:
            _, given = await shown.post("/api/nonce", {})
            wanted = {"kind": "pause", "account": 0, "word": "pause", **given}
            status, answer = await shown.post("/api/act", wanted)
            assert (status, answer["done"]) == (200, True)
            assert (await shown.post("/api/act", wanted))[0] == 409  # said twice
            assert (await shown.view(state="PAUSED"))["status"]["paused"]["reason"] == "by the page"
            _, answer = await shown.act("flatten")
            assert (answer["latched"], answer["confirmed"], answer["left"]) == (True, True, [])
            assert answer["command"] == ""
        assert run.end().code == 6
    (path,) = journals(tmp_path)
    commands = [e for e in events_of(path, CommandReceived) if e.command is Command.PAUSE]
    assert [each.source_component for each in commands] == ["web"]
    stops = events_of(path, EmergencyStopReceived)
    assert {each.source_component for each in stops} == {"web"}
    assert tradectl(tmp_path, "status", "--json").document()["positions"] == []
    assert tradectl(tmp_path, "replay", path).code == 0


async def test_a_trader_that_hangs_is_latched_and_the_command_shown(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.line("FILL")
        run.send(signal.SIGSTOP)
        async with page(tmp_path) as shown:
            status, answer = await shown.act("stop")
            assert status == 200
            assert (answer["latched"], answer["confirmed"]) == (True, False)
            assert answer["command"] == f"tradectl emergency-stop --state-dir {tmp_path}"
            assert (await shown.view(state="HALTED"))["accounts"][0]["running"] in (True, False)
        words = answer["command"].split()[1:]
        receipt = command(*words, "--json").document()
        assert receipt["confirmed"]


async def test_where_nothing_runs_a_stop_latches(tmp_path: Path) -> None:
    tradectl(tmp_path, "run", "--headless", "--duration", 0.2, "--json")
    async with page(tmp_path) as shown:
        _, answer = await shown.act("pause")
        assert (answer["done"], answer["said"][:15]) == (False, "nothing is runn")
        _, answer = await shown.act("stop")
        assert (answer["latched"], answer["confirmed"]) == (True, False)
    assert tradectl(tmp_path, "run", "--headless").code == 6


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A state directory with a journal that is none, and no database."""
    folder = tmp_path / "broken" / "journals"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    (folder / "20261128T194707000-12a8.jsonl").write_text("{}")
    return folder.parent


async def test_one_account_that_is_broken_leaves_the_others(trading: Running, broken: Path) -> None:
    async with page(trading.folder, broken) as shown:
        async for view in shown.views():
            if view["status"] and view["accounts"][1]["problem"]:
                break
        assert view["accounts"][0]["state"] == "RUNNING"


# --- the command ---------------------------------------------------------------------------------------


def test_the_command_serves_until_it_is_ended(tmp_path: Path) -> None:
    words = ["web", "--port", "0", "--json", "--state-dir", str(tmp_path)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    env = environment(TRADECTL_BINANCE_API_KEY="k" * 40, TRADECTL_BINANCE_API_SECRET="s" * 40)
    with start(words, env, **pipes) as process:
        assert process.stdout is not None
        told = json.JSONDecoder().raw_decode("".join(iter(process.stdout.readline, "}\n")) + "}")[0]
        assert told["url"].startswith("http://127.0.0.1:")
        assert told["actions"] == []
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        assert "k" * 40 not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "--tls-cert"),
        (["--allow-flatten"], "--allow-stop"),
        (["--tls-cert", "a.pem"], "go together"),
        (["--tls-cert", "a.pem", "--tls-key", "b.pem"], "cannot use the certificate a.pem"),
        (["--host", "203.0.113.7", "--tls-cert", "a", "--tls-key", "b"], "cannot"),
        (["--port", "70000"], "--port"),
    ],
)
def test_what_it_cannot_be_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    answer = tradectl(tmp_path, "web", *words)
    assert answer.code == 2
    assert said in answer.complaint()


def test_a_state_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    answer = tradectl(tmp_path / "missing", "web", "--port", "0")
    assert answer.code == 2
    assert "there is no state directory" in answer.complaint()
    assert not (tmp_path / "missing").exists()


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "--port 0" in tradectl(tmp_path, "web", "--port", port).complaint()


async def test_with_files_of_tls_it_speaks_nothing_else(tmp_path: Path, trading: Running) -> None:
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", "key.pem", "-out", "cert.pem"]  # fmt: skip
    made = await asyncio.create_subprocess_exec(*words, cwd=tmp_path, stderr=subprocess.DEVNULL)
    assert await made.wait() == 0
    served = Served(
        directories=[StateDir(trading.folder)], host="127.0.0.1", port=0, allowed=ALL,
        certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem",
    )  # fmt: skip
    begun: asyncio.Future[WebBegun] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(serve(served, begun.set_result, print))
    try:
        url, _, token = (await begun).url.partition("/#")
        assert url.startswith("https://")
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/api/runs", ssl=context, headers=headers) as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await session.get(url.replace("https", "http"))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- in a browser --------------------------------------------------------------------------------------

in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH")
WIDE = "document.documentElement.scrollWidth > innerWidth"


@in_a_browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), in_turn([(1280, 900), (390, 844)], 2))
async def test_every_button_works_and_agrees_with_status(
    tmp_path: Path, width: int, height: int
) -> None:
    state = tmp_path / "state"
    with running(state) as run:
        run.line("FILL")
        async with page(state) as shown, browser(tmp_path) as tab:
            await tab.open(shown.url, width, height)
            await tab.says("#connection", "live")
            for view, has in (
                ("positions", "Positions"), ("working", "Working orders"), ("strategies", "ema-cross"),
                ("alerts", "Alerts"), ("components", "monitor"), ("orders", "Strategy"),
                ("fills", "Liquidity"), ("runs", journals(state)[0].stem), ("overview", "Equity"),
            ):  # fmt: skip
                await tab.click(f"[data-view={view}]")
                await tab.says("#view", has)
                assert not await tab.ask(WIDE), f"{view} is wider than the screen"
            await confirmed(tab, "pause", "Done: it is PAUSED")
            await tab.says("#headline", "PAUSED")
            status = tradectl(state, "status", "--json").document()
            assert (await tab.shown("#headline")).count(status["run_id"]) == 1
            assert f"since {status['paused']['since'][:19].replace('T', ' ')}" in await tab.shown(
                "#notices"
            )
            await tab.click("#ask-cancel")
            await confirmed(tab, "flatten", "Confirmed: ")
            await tab.says("#headline", "HALTED")
            (tmp_path / f"{width}.png").write_bytes(await tab.screenshot())
            assert tab.faults == []
        assert run.end().code == 6
    assert tradectl(state, "status", "--json").document()["positions"] == []


async def confirmed(tab: Tab, kind: str, said: str) -> None:
    """Ask for it, type its word, wait for what comes of it."""
    await tab.click(f"[data-action={kind}]")
    await tab.until("document.activeElement.id === 'ask-word'")
    assert await tab.ask("document.querySelector('#ask-do').disabled")
    await tab.type(kind)
    await tab.click("#ask-do")
    await tab.says("#ask-said", said)


@in_a_browser
@pytest.mark.slow
async def test_texts_are_texts_and_other_pages_see_nothing(
    trading: Running, tmp_path: Path
) -> None:
    odd = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    tradectl(trading.folder, "pause", "--reason", odd)
    try:
        async with page(trading.folder) as shown, browser(tmp_path) as tab:
            await tab.open(shown.url)
            await tab.says("#notices", "<img src=x")
            assert await tab.ask("document.images.length") == 0
            assert tab.faults == []
            async with page(trading.folder) as foreign:  # a page of another port
                await tab.open(foreign.origin)
                await tab.until("document.title === 'tradectl'")
                for way in ("'cors'", "'no-cors'"):
                    got = await tab.ask(
                        f"fetch('{shown.origin}/api/runs', {{mode: {way}, headers: "
                        f"{{Authorization: 'Bearer {shown.token}'}}}})"
                        ".then(r => r.text()).catch(() => 'refused')"
                    )
                    assert got in ("refused", "")
            await tab.open(shown.origin)  # without the token
            await tab.until(
                "document.querySelector('#connection')?.textContent.includes('no token')"
            )
    finally:
        tradectl(trading.folder, "resume")
