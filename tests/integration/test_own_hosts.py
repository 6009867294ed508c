"""Keys go where the user's own configuration says, and nowhere else, whatever a journal names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import journals, reseal
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.rows import each_row
from tests.fixtures.run_inputs import Character
from tests.profiles import in_turn
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.exchange.credentials import read_proxy
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.journal.reader import read_header
from tradectl.runtime.own_hosts import hosts_of, refuse_other_hosts
from tradectl.storage.directory import StateDir
from tradectl.testkit import loopback_thread

NOT_CONFIRMED = 5


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHarness]:
    """A live run that bought, and was killed."""
    with live_harness(tmp_path_factory.mktemp("own"), Character.KEEN) as live:
        with live.running() as run:
            run.line(" FILL ")
            run.kill()
        yield live


@pytest.fixture
def forger() -> Iterator[Any]:
    """Somebody else's exchange, which would confirm anything."""
    with loopback_thread(seed=2) as made:
        yield made


def forge(live: LiveHarness, journal: bytes, **exchange: Any) -> None:
    """The journal names another exchange, and its seals are right."""
    path = journals(live.folder)[-1]
    lines = journal[: journal.rindex(b"\n")].split(b"\n")
    header = json.loads(lines[0])
    header["header"]["config"]["exchanges"][0].update(exchange)
    lines[0] = json.dumps(header).encode()
    path.write_bytes(reseal(lines))
    assert read_header(path).config["exchanges"][0]["id"]


FORGED = [
    ("url", "noted"), ("url", "named"), ("proxy", "named"), ("proxy", "noted"),
    ("name and url", "noted"), ("name and url", "named"),
]  # fmt: skip
"""What the journal names, and how the hosts of the configuration are known."""


@pytest.mark.slow
@pytest.mark.parametrize(("forged", "how"), in_turn(FORGED, 2))
def test_a_host_that_a_journal_names_is_sent_nothing(
    killed: LiveHarness, forger: Any, how: str, forged: str
) -> None:
    """Neither key nor signature; the emergency stop says so, and confirms nothing."""
    path = journals(killed.folder)[-1]
    whole = path.read_bytes()
    others = {"proxy": {"proxy": forger.url}, "url": {"url": forger.url}}
    forge(killed, whole, **others.get(forged, {"url": forger.url, "name": "other"}))
    words = ("-c", killed.config) if how == "named" else ()
    keys = {"TRADECTL_OTHER_API_KEY": "a", "TRADECTL_OTHER_API_SECRET": "b"}
    asked = len(killed.exchange.truth.requests())
    try:
        stopped = killed.tradectl("emergency-stop", "--json", *words, **keys)
        compared = killed.tradectl("reconcile", *words, **keys)
        examined = killed.tradectl("doctor", "--json", "-c", killed.config, **keys)
    finally:
        path.write_bytes(whole)
        killed.tradectl("clear-halt", "--confirm")
    receipt = json.loads(stopped.out)
    assert (stopped.code, receipt["latched"], receipt["confirmed"]) == (NOT_CONFIRMED, True, False)
    assert "no keys are sent: the journal has" in receipt["error"]
    assert "no keys are sent" in compared.complaint()
    assert forger.truth.requests() == []
    (told,) = (f for f in json.loads(examined.out)["findings"] if f["check"] == "hosts")
    assert told["verdict"] == "failed"
    assert len(killed.exchange.truth.requests()) > asked  # which `doctor` alone has asked


@pytest.mark.slow
def test_the_host_of_the_configuration_is_known_without_naming_it(killed: LiveHarness) -> None:
    """And where nothing of it was noted, as for a directory that was moved, it is named."""
    known = StateDir(killed.folder).hosts
    note = known.path.read_bytes()
    known.path.unlink()
    lost = json.loads(killed.tradectl("emergency-stop", "--json").out)
    assert (
        "no configuration of yours that says so is known here; name yours with -c" in lost["error"]
    )
    named = killed.tradectl("emergency-stop", "--json", "-c", killed.config)
    assert (named.code, json.loads(named.out)["confirmed"]) == (0, True)
    known.path.write_bytes(note)
    noted = killed.tradectl("emergency-stop", "--json", "--flatten")
    assert (noted.code, json.loads(noted.out)["confirmed"]) == (0, True)
    assert killed.tradectl("clear-halt", "--confirm").code == 0


def test_a_configuration_that_cannot_be_read_is_no_reason_not_to_stop(
    typed: Any, tmp_path: Path
) -> None:
    answer = typed(f"emergency-stop --json -c {tmp_path / 'none.toml'}")
    assert answer.code == 0
    assert "there is no such file" in answer.err


def test_ccxts_own_address_needs_no_word_and_another_does(tmp_path: Path) -> None:
    known = StateDir(tmp_path).hosts
    for exchange in (ExchangeSettings(id="binance"), ExchangeSettings(id="binance", testnet=True)):
        refuse_other_hosts([exchange], known)
    for exchange in (
        ExchangeSettings(id="okx", name="binance"),  # whose keys would be sent to another exchange
        ExchangeSettings(id="binance", url="https://127.0.0.1"),
        ExchangeSettings(id="binance", proxy="http://127.0.0.1:1"),
    ):
        with pytest.raises(ConfigError, match="no keys are sent"):
            refuse_other_hosts([exchange], known)
        known.given = hosts_of([exchange])
        refuse_other_hosts([exchange], known)
        with pytest.raises(ConfigError, match="no keys are sent"):
            refuse_other_hosts([ExchangeSettings(id="binance", testnet=True)], known)
        known.given = None


@each_row("host", ["example.com", "10.0.0.1", "127.0.0.1.example.com", "[2001:db8::1]"])
def test_plain_http_goes_to_this_machine_only(host: str) -> None:
    with pytest.raises(ConfigError, match="plain http goes to this machine only"):
        ExchangeSettings(id="binance", url=f"http://{host}")
    ExchangeSettings(id="binance", url=f"https://{host}")
    here = [f"http://{name}:1" for name in ("127.0.0.1", "localhost", "[::1]", "127.9.9.9")]
    at = [ExchangeSettings(id="binance", url=url) for url in here]
    through = {"TRADECTL_BINANCE_PROXY": f"http://me:hush@{host}:3128"}
    for exchange in at:
        with pytest.raises(UsageError, match="no proxy on another machine may read"):
            read_proxy(exchange, through)
        assert read_proxy(exchange, {"TRADECTL_BINANCE_PROXY": here[0]}) == here[0]
    assert Settings(exchanges=(at[0],)).exchanges[0].url == here[0]
