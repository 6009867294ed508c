"""The doctor as a whole: connecting, time, secrets, and the command."""

from __future__ import annotations

import asyncio
import io
import json
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.fixtures.doctor import (
    LISTEN_S,
    NEVER,
    DoctorHarness,
    PatientVenue,
    doctor_in,
    event,
    stands_in,
)
from tradectl.cli.commands import doctor as doctor_cmd
from tradectl.cli.output.reports import findings as render_findings
from tradectl.doctor import examination as doctor
from tradectl.doctor import probe as doctor_probe
from tradectl.doctor.examination import diagnose
from tradectl.doctor.finding import failed, is_fit, passed, report_of, shown, warned
from tradectl.documents.operations import Finding, Verdict
from tradectl.domain.errors import AccessLost, ConfigError, NotExecuted, UsageError
from tradectl.exchange.exchange_settings import ExchangeSettings

FAILED = Verdict.FAILED
CONFIG = 'mode = "live"\nsymbols = ["BTCUSDT"]\n[[exchanges]]\nid = "binance"\n'


@pytest.fixture
def harness(tmp_path: Path) -> DoctorHarness:
    return doctor_in(tmp_path)


async def diagnosed(
    harness: DoctorHarness, *venues: PatientVenue | Exception, connect_s: float = 5.0
) -> dict[str, Finding]:
    """Of the harness's own exchange unless others stand there."""
    names = [exchange.prefix for exchange in harness.settings.exchanges]
    with stands_in(dict(zip(names, venues or (harness.venue,), strict=True))):
        found = await diagnose(
            harness.settings, harness.state_dir, listen_s=LISTEN_S, connect_s=connect_s
        )
    return {finding.check: finding for finding in found}


def failures(found: dict[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.verdict is FAILED]


# --- connecting -------------------------------------------------------------------------------------


async def test_a_system_that_is_well_passes_and_is_closed(harness: DoctorHarness) -> None:
    found = await diagnosed(harness)
    assert is_fit(found.values())
    assert {"configuration", "disk", "binance: connection", "binance: keys"} <= set(found)
    assert harness.venue.closed == 1


async def test_without_an_exchange_there_is_only_the_machine(harness: DoctorHarness) -> None:
    harness.set(exchanges=(), mode="paper")
    found = await diagnose(harness.settings, harness.state_dir)
    assert found[-1].message == "none: the simulated market is traded on paper"
    assert is_fit(found)


@pytest.mark.parametrize(
    ("opening", "check", "words"),
    [
        (NotExecuted("markets: no route to host"), "binance: connection", "no route to host"),
        (NEVER, "binance: connection", "no answer within 0.05 s"),
        (AccessLost("keys: not known"), "binance: keys", "TRADECTL_BINANCE_API_KEY"),
        (
            UsageError("unknown symbol 'BTCUSDTT'"),
            "binance: connection",
            "tradectl markets binance",
        ),
    ],
    ids=["error", "silence", "keys", "symbol"],
)
async def test_an_exchange_that_cannot_be_reached_is_one_failure(
    harness: DoctorHarness, opening: object, check: str, words: str
) -> None:
    harness.venue.opening = opening
    found = await diagnosed(harness, connect_s=0.05)
    assert failures(found) == [check]
    assert [name for name in found if name.startswith("binance")] == [check]
    assert words in f"{found[check].message} -> {found[check].mend}"
    assert "nothing else was looked at" in found[check].message
    assert harness.venue.closed == 1


async def test_what_can_be_reached_is_looked_at_all_the_same(harness: DoctorHarness) -> None:
    harness.set(
        symbols=("BTCUSDT", "kraken:BTCUSDT"),
        exchanges=(ExchangeSettings(id="binance"), ExchangeSettings(id="kraken")),
    )
    well = PatientVenue("kraken", news=[event("kraken:BTCUSDT")])
    well.rules = {"kraken:BTCUSDT": well.rules["BTCUSDT"]}
    found = await diagnosed(harness, PatientVenue(opening=NotExecuted("down")), well)
    assert failures(found) == ["binance: connection"]
    assert found["kraken: data"].verdict is Verdict.PASSED


async def test_without_keys_what_is_public_is_looked_at(harness: DoctorHarness) -> None:
    found = await diagnosed(harness, ConfigError("binance: no keys: set TRADECTL_BINANCE_API_KEY"))
    assert failures(found) == ["keys"]
    assert "TRADECTL_BINANCE_API_KEY" in found["keys"].message
    assert found["binance: data"].verdict is Verdict.PASSED
    assert "binance: balance" not in found


@pytest.mark.virtual_time
async def test_the_whole_is_bounded_whatever_never_answers(harness: DoctorHarness) -> None:
    silent = harness.venue
    silent.held = silent.orders = silent.may = silent.offset = silent.price = silent.news = NEVER
    limits = {"ASK_S": 0.2, "DEAD_MAN_S": 0.1}
    started = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(doctor_probe, name, value)
        found = await diagnosed(harness)
    assert time.monotonic() - started < 2.0
    assert {"binance: clock", "binance: data", "binance: keys"} <= set(failures(found))


def test_the_limits_add_up_to_fifteen_seconds() -> None:
    asking = max(doctor_probe.ASK_S + 2 * doctor_probe.DEAD_MAN_S, doctor.LISTEN_S + 1)
    assert doctor.CONNECT_S + asking <= 15


async def test_a_cancelled_examination_leaves_nothing_behind(harness: DoctorHarness) -> None:
    venue = harness.venue
    venue.held = venue.news = venue.arming = NEVER
    task = asyncio.ensure_future(diagnosed(harness))
    await venue.touched.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert harness.venue.closed == 1
    assert harness.venue.armed[-1] == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- what may be shown ------------------------------------------------------------------------------


def test_a_secret_of_the_environment_is_in_no_finding() -> None:
    environ = {
        "TRADECTL_BINANCE_API_KEY": "canarykey",
        "TRADECTL_BINANCE_API_SECRET": "canarykey-and-more",
        "TRADECTL_STATE_DIR": "/visible",
        "TRADECTL_X_PASSPHRASE": "abc",  # too short to be one: every text would be full of holes
    }
    leaks = [failed("canarykey", "with canarykey-and-more", "canarykey /visible abc")]
    assert shown(leaks, environ) == [failed("***", "with ***", "*** /visible abc")]


async def test_what_an_exchange_says_shows_no_key(
    harness: DoctorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADECTL_BINANCE_API_SECRET", "canary-4711")
    harness.venue.held = AccessLost("signature of canary-4711 is wrong")
    harness.venue.offset = harness.venue.orders = harness.venue.price = NotExecuted("canary-4711")
    found = await diagnosed(harness)
    assert "canary" not in repr(found)
    assert "signature of *** is wrong" in found["binance: keys"].message


def test_what_an_exchange_says_is_harmless() -> None:
    [finding] = shown([passed("a", "red \x1b[31m\nnext")], {})
    assert finding.message == "red ?[31m next"


# --- the command ------------------------------------------------------------------------------------


def command(venue: PatientVenue, *words: str) -> Result:
    app = typer.Typer()
    doctor_cmd.register(app)
    app.command("other")(lambda: None)
    with stands_in({"binance": venue}):
        return CliRunner().invoke(app, ["doctor", *words], standalone_mode=False)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    path = tmp_path / "t.toml"
    path.write_text(CONFIG)
    path.chmod(0o600)
    return ["-c", str(path), "--state-dir", str(tmp_path / "state")]


def test_the_command_says_one_line_for_each_finding(arguments: list[str]) -> None:
    result = command(PatientVenue(), *arguments)
    assert result.return_value == 0
    assert "passed  binance: keys: accepted: the account answers\n" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("fit to trade: ")


def test_the_command_fails_where_something_failed(arguments: list[str]) -> None:
    result = command(PatientVenue(offset=-40_000_000_000), *arguments)
    assert result.return_value == 1
    assert (
        "failed  binance: clock: this machine is 40,000 ms ahead of the exchange: " in result.stdout
    )
    assert "not fit to trade: " in result.stdout


def test_as_json_it_is_one_document(arguments: list[str]) -> None:
    result = command(PatientVenue(offset=-40_000_000_000), "--json", *arguments)
    document = json.loads(result.stdout)
    assert document["ok"] is False
    assert {tuple(finding) for finding in document["findings"]} == {
        ("check", "verdict", "message", "mend")
    }
    assert "failed" in {finding["verdict"] for finding in document["findings"]}
    assert result.return_value == 1


def test_with_paper_no_account_is_asked(arguments: list[str]) -> None:
    venue = PatientVenue(held=AssertionError("asked"))
    result = command(venue, "--paper", *arguments)
    assert result.return_value == 0
    assert "paper on binance" in result.stdout


def test_a_bad_configuration_or_a_contradiction_is_refused(arguments: list[str]) -> None:
    with pytest.raises(ConfigError):
        raise command(PatientVenue(), "-c", "none.toml").exception or AssertionError
    Path(arguments[1]).write_text(CONFIG.replace("live", "paper"))
    with pytest.raises(UsageError, match='mode = "live"'):
        raise command(PatientVenue(), "--live", *arguments).exception or AssertionError


def test_a_table_keeps_every_word() -> None:
    from rich.console import Console

    findings = [passed("a", "well"), warned("b", "so so", "do this"), failed("c", "x " * 80, "y")]
    console = Console(width=60, file=io.StringIO())
    with console.capture() as captured:
        console.print(render_findings(report_of(findings)))
    text = captured.get()
    assert "-> do this" in text
    assert text.count("x") == 80
    assert "not fit to trade: 1 passed, 1 warned, 1 failed" in text
