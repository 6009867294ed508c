"""`tradectl config`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tradectl.cli.commands.config import app
from tradectl.config.load import load_settings
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError, UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> str:
    """What is printed on stdout. Errors pass through, for the command line's main to tell."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False, standalone_mode=False)
    return result.stdout


def test_init_writes_a_file_and_says_what_is_next(folder: Path) -> None:
    said = run("init")
    assert "wrote tradectl.toml" in said
    assert "tradectl run -c tradectl.toml" in said
    assert load_settings(folder / "tradectl.toml", None, {}) == Settings()


def test_init_replaces_nothing_unless_forced(folder: Path) -> None:
    path = folder / "mine.toml"
    path.write_text("seed = 3\n")
    with pytest.raises(UsageError, match=r"mine.toml is there already: .*--force"):
        run("init", "mine.toml")
    assert path.read_text() == "seed = 3\n"
    run("init", "mine.toml", "--force")
    assert path.read_text() != "seed = 3\n"


@pytest.mark.parametrize("where", ["no/such/folder/t.toml", "."])
def test_init_where_nothing_can_be_written_is_one_line(where: str) -> None:
    with pytest.raises(UsageError) as caught:
        run("init", where)
    assert len(str(caught.value).splitlines()) == 1


def test_show_prints_toml_that_loads_back(folder: Path) -> None:
    (folder / "t.toml").write_text("seed = 8\n")
    (folder / "shown.toml").write_text(run("show", "-c", "t.toml"))
    assert load_settings(folder / "shown.toml", None, {}) == Settings(seed=8)


def test_show_knows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADECTL__SEED", "77")
    monkeypatch.setenv("TRADECTL_UNRELATED_KEY", "hush")
    assert "seed = 77" in run("show")
    assert "hush" not in run("show") + run("show", "--json")


def test_show_as_json_is_one_document_with_decimals_as_texts() -> None:
    shown = json.loads(run("show", "--json"))
    assert shown["risk"]["max_leverage"] == "2"
    assert shown["symbols"] == list(Settings().symbols)
    assert shown["strategies"][0]["name"] == "ema-cross"


def test_show_tells_of_a_file_that_it_does_not_read(folder: Path) -> None:
    (folder / "tradectl.toml").write_text("seed = 8\n")
    result = CliRunner().invoke(app, ["show"])
    assert "seed = 1\n" in result.stdout
    assert "-c" in result.stderr


def test_check_says_that_a_file_is_good(folder: Path) -> None:
    (folder / "tradectl.toml").write_text('symbols = ["BTCUSDT"]\n')
    assert run("check") == "tradectl.toml is good: paper, BTCUSDT, by ema-cross\n"


def test_check_and_show_take_the_file_by_position_too(folder: Path) -> None:
    (folder / "mine.toml").write_text("seed = 7\n")
    assert run("check", "mine.toml").startswith("mine.toml is good: paper, ")
    assert "seed = 7" in run("show", "mine.toml")


def test_check_refuses_a_bad_file(folder: Path) -> None:
    (folder / "t.toml").write_text("[risk]\nmax_leverag = 1\n")
    with pytest.raises(ConfigError, match=r"t.toml: risk.max_leverag: unknown key; did you mean"):
        run("check", "-c", "t.toml")


def test_check_loads_an_allocator_of_ones_own(folder: Path) -> None:
    text = '[portfolio]\nsizing = "allocation"\n[allocation]\nallocator = "weights.py:mine"\n'
    (folder / "t.toml").write_text(text)
    with pytest.raises(UsageError, match=r"allocation.allocator: cannot read .*weights.py"):
        run("check", "t.toml")
    file = folder / "weights.py"
    file.write_text("def mine(targets, history):\n    return {}\n")
    file.chmod(0o600)
    assert run("check", "t.toml").startswith("t.toml is good: paper, ")


def test_check_without_a_file_says_how_to_get_one() -> None:
    with pytest.raises(ConfigError, match=r"tradectl config init tradectl\.toml"):
        run("check")


def test_set_changes_one_key_of_the_file(folder: Path) -> None:
    run("init")
    assert run("set", "risk.max_leverage", "3") == "tradectl.toml: risk.max_leverage = 3\n"
    assert load_settings(folder / "tradectl.toml", None, {}).risk.max_leverage == 3


def test_set_takes_a_negative_number() -> None:
    run("init")
    assert "= -5\n" in run("set", "portfolio.limit_offset_bps", "-5", "-c", "tradectl.toml")


def test_set_refuses_what_could_not_be_loaded(folder: Path) -> None:
    run("init")
    before = (folder / "tradectl.toml").read_bytes()
    with pytest.raises(ConfigError, match=r"risk\.max_leverage: expected a number above 0"):
        run("set", "risk.max_leverage", "-3")
    assert (folder / "tradectl.toml").read_bytes() == before


def test_an_address_that_alerts_go_to_is_shown_by_nobody(folder: Path) -> None:
    (folder / "t.toml").write_text(
        '[[alert_channels]]\nname = "phone"\nurl = "https://hooks.example.org/T0/S3CR3T"\n'
        '[[alert_channels]]\nname = "tg"\nkind = "apprise"\nurl = "tgram://1234567:S3CR3T/9"\n'
    )
    said = run("set", "monitoring.heartbeat_url", "https://hc.example.org/S3CR3T", "-c", "t.toml")
    assert "S3CR3T" in (folder / "t.toml").read_text()
    for shown in (said, run("show", "-c", "t.toml"), run("show", "-c", "t.toml", "--json")):
        assert "S3CR3T" not in shown
        assert "https://hc.example.org/***" in shown
    settings = load_settings(folder / "t.toml", None, {})
    assert "S3CR3T" not in json.dumps(settings.dump())
    assert settings.fingerprint() == Settings().fingerprint()
