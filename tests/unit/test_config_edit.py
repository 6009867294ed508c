"""One key of a file changes, and nothing else in it."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.config.edit import set_key, with_key
from tradectl.config.file import write_text
from tradectl.config.load import load_settings
from tradectl.config.template import template
from tradectl.domain.errors import ConfigError

FILE = """\
# my settings
seed = 1  # lucky

[risk]  # careful
# not too much
max_leverage = 2 # twice
"fee_margin_pct" = 1
max_working_orders=5

[paper]
slippage_bps = 1
"""


@each_row(
    ("section", "name", "value", "before", "after"),
    [
        ("", "seed", "7", "seed = 1  # lucky\n", "seed = 7  # lucky\n"),
        ("risk", "max_leverage", "3", "max_leverage = 2 # twice\n", "max_leverage = 3 # twice\n"),
        (
            "risk",
            "max_working_orders",
            '"none"',
            "max_working_orders=5\n",
            'max_working_orders = "none"\n',
        ),
        (
            "risk",
            "rate_window_seconds",
            "9",
            "max_working_orders=5\n",
            "max_working_orders=5\nrate_window_seconds = 9\n",
        ),
        ("", "mode", '"paper"', "# lucky\n", '# lucky\nmode = "paper"\n'),
        (
            "feed",
            "ticks_per_second",
            "5",
            "slippage_bps = 1\n",
            "slippage_bps = 1\n\n[feed]\nticks_per_second = 5\n",
        ),
    ],
)
def test_only_the_key_s_own_line_changes(
    section: str, name: str, value: str, before: str, after: str
) -> None:
    assert with_key(FILE, section, name, value) == FILE.replace(before, after)


@each_row(
    ("text", "after"),
    [
        ("", "[risk]\nx = 1\n"),
        ("seed = 1", "seed = 1\n\n[risk]\nx = 1\n"),
        ("[risk]", "[risk]\nx = 1\n"),
        ("[risk]\n", "[risk]\nx = 1\n"),
        ("[ risk ]\n\n[paper]\n", "[ risk ]\nx = 1\n\n[paper]\n"),
        ("[risk]\n# about x\n#x = 0\n#y = 0\n", "[risk]\n# about x\n#x = 0\nx = 1\n#y = 0\n"),
        ("[paper]\nx = 5\n[risk]\nx = 0\n", "[paper]\nx = 5\n[risk]\nx = 1\n"),
        ("[risk]\r\nx = 0 # a\r\n", "[risk]\r\nx = 1 # a\r\n"),
        ("[risk]\nx = [\n 1, # one\n 2\n] # list\ny = 2\n", "[risk]\nx = 1 # list\ny = 2\n"),
        ('[risk]\nx = "a # b" # c\n', "[risk]\nx = 1 # c\n"),
        ('[risk]\nx = """\n[paper]\n"""\n', None),
    ],
)
def test_files_as_people_write_them(text: str, after: str | None) -> None:
    changed = with_key(text, "risk", "x", "1")
    if after is not None:
        assert changed == after


def test_a_top_key_goes_above_the_first_section() -> None:
    assert with_key("[risk]\nx = 1\n", "", "seed", "3") == "seed = 3\n[risk]\nx = 1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "t.toml"
    path.write_text(FILE.replace('"fee_margin_pct"', "fee_margin_pct"))
    return path


@pytest.mark.parametrize(
    ("key", "text", "line"),
    [
        ("seed", "-3", "seed = -3"),
        ("symbols", "BTCUSDT,ETHUSDT", 'symbols = ["BTCUSDT", "ETHUSDT"]'),
        ("risk.max_leverage", "2.50", "risk.max_leverage = 2.50"),
        ("risk.max_leverage", "none", 'risk.max_leverage = "none"'),
        ("feed.stale_after_seconds", "5", "feed.stale_after_seconds = 5.0"),
        ("journal.durability", "strict", 'journal.durability = "strict"'),
        ("orchestrator.enable_auto_recovery", "no", "orchestrator.enable_auto_recovery = false"),
    ],
)
def test_a_key_is_set(file: Path, key: str, text: str, line: str) -> None:
    assert set_key(file, key, text) == line
    changed = file.read_text()
    assert re.sub(r"^\w+\.", "", line) in changed
    assert load_settings(file, None, {}) != load_settings(None, None, {})
    assert "# not too much\n" in changed


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("risk.max_leverag", "3", "risk.max_leverag: unknown key; did you mean risk.max_leverage?"),
        ("risk", "3", "risk: a section; expected one of max_order_notional, "),
        ("seed", "x", "seed: expected a whole number, got 'x'"),
        ("strategies[0].name", "x", "strategies[0].name: unknown key; "),
        ("exchange.api_key", "hush", "exchange.api_key: secrets come from the environment only"),
        ("", "3", ": unknown key; expected one of "),
        (
            "risk.max_leverage",
            "-1",
            "{path}: risk.max_leverage: expected a number above 0 to below 1e15",
        ),
        ("mode", "live", '{path}: mode: "live" needs an [[exchanges]] table'),
        ("symbols", "BTCEUR", "{path}: symbols: BTCEUR is quoted in EUR"),
        ("risk.drawdown_pause_pct", "1", "{path}: risk.drawdown_pause_pct: "),
    ],
)
def test_a_bad_change_is_refused_and_leaves_the_file_alone(
    file: Path, key: str, text: str, told: str
) -> None:
    before = file.read_bytes()
    with pytest.raises(ConfigError) as caught:
        set_key(file, key, text)
    assert str(caught.value).startswith(told.format(path=file))
    assert "hush" not in str(caught.value)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    "text",
    [
        "risk.max_leverage = 2\n",
        "risk = { max_leverage = 2 }\n",
        '["risk"]\nmax_leverage = 2\n',
        '[risk]\n"max_leverage" = 2\n',
        "symbols = [\n\"BTCUSDT\",\n]\n[risk] # [risk]\n'max_leverage' = 2\n",
    ],
)
def test_a_file_that_is_too_clever_is_left_to_its_owner(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match="stands where no single line can be changed"):
        set_key(file, "risk.max_leverage", "3")
    assert file.read_text() == text


def test_a_bad_value_can_be_mended(file: Path) -> None:
    file.write_text("[risk]\nmax_leverage = -5 # oops\n")
    set_key(file, "risk.max_leverage", "3")
    assert file.read_text() == "[risk]\nmax_leverage = 3 # oops\n"


def test_a_new_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "new.toml", "seed = 1\n")
    assert stat.S_IMODE((tmp_path / "new.toml").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_file_keeps_its_mode(file: Path, mode: int) -> None:
    file.chmod(mode)
    set_key(file, "seed", "2")
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    set_key(link, "seed", "2")
    assert link.is_symlink()
    assert "seed = 2" in file.read_text()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tradectl config init"):
        set_key(tmp_path / "no.toml", "seed", "2")


def test_every_default_of_the_template_can_be_set_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(template())
    set_key(path, "paper.latency_ms", "50")
    set_key(path, "seed", "4")
    assert path.read_text() == (
        template()
        .replace("#latency_ms = 0\n", "#latency_ms = 0\nlatency_ms = 50\n")
        .replace("#seed = 1\n", "#seed = 1\nseed = 4\n")
    )


LINES = st.sampled_from(
    ["", "# x = 3", "#x = 3", "y = 1", "x = 2", "x = 2 # why", '"z" = "#"', "w = [\n 1,\n]", "  "]
)


@given(st.lists(LINES, unique=True), st.lists(LINES, unique=True), st.sampled_from(["", "risk"]))
def test_whatever_the_file_one_key_is_set_and_the_rest_stays(
    top: list[str], inner: list[str], section: str
) -> None:
    text = "\n".join([*top, "[risk]", *inner])
    if (section == "" and len([t for t in top if t.startswith("x")]) > 1) or (
        section == "risk" and len([t for t in inner if t.startswith("x")]) > 1
    ):
        return
    try:
        meant = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # two lines set the same key
    (meant[section] if section else meant)["x"] = 9
    changed = with_key(text, section, "x", "9")
    assert tomllib.loads(changed) == meant
    others = [line for line in text.splitlines() if not line.startswith("x")]
    assert [line for line in changed.splitlines() if not line.startswith("x")] == others
