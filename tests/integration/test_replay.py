"""A journal proves what was decided: replayed it agrees, and whatever was changed in it is found.

A change that its seals betray is damage, named by its record. A forger who also makes new seals still
has to say the same as the program would: the replay diverges at the first decision that does not follow.
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import (
    BUSY,
    Answer,
    command,
    is_seal,
    journals,
    records_of,
    reseal,
    running,
    tradectl,
)
from tests.fixtures.journal import records_named
from tests.fixtures.run_inputs import trades, waves
from tests.profiles import is_deep
from tests.real_data import real_data
from tradectl.documents.operations import ReplayReport
from tradectl.domain.errors import JournalError
from tradectl.domain.events import (
    MarketDataEvent,
    OrderApproved,
    OrderFilled,
    OrderInitialized,
    PositionChanged,
    StrategySignalEvent,
    TimerFired,
)
from tradectl.replay.replay import Replay

DIVERGED = 3


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of a short run with orders, written in many groups, ended cleanly."""
    folder = tmp_path_factory.mktemp("recorded")
    config = folder / "busy.toml"
    config.write_text(BUSY)
    file = trades(folder / "trades.csv", {"BTCUSDT": waves(60, length=20)})
    state = folder / "state"
    tradectl(
        state, "run", "--headless", "--json", "--data", file, "-c", config, "--speed", 20
    ).document()
    (path,) = journals(state)
    return path


@pytest.fixture
def forged(recorded: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copy(recorded, tmp_path))


def replay(path: Path, *words: object) -> Answer:
    return command("replay", path, "--json", *words)


def verdict(path: Path) -> ReplayReport:
    return Replay(path).run()


def first(path: Path, kind: type, after: int = 0) -> int:
    """The number of the first record of a kind."""
    return next(r.seq for r in records_of(path) if type(r.event) is kind and r.seq > after)


def changed_file(
    path: Path, seq: int, pattern: str, new: str | Callable[[re.Match[bytes]], bytes]
) -> None:
    """Change what `pattern` finds in record `seq`, which must be there, and nothing else."""
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith(b'{"seq":%d,' % seq))
    replacement = new.encode() if isinstance(new, str) else new
    lines[at], found = re.subn(pattern.encode(), replacement, lines[at], count=1)
    assert found
    path.write_bytes(b"".join(lines))


def seal_anew(path: Path) -> None:
    path.write_bytes(reseal(path.read_bytes().splitlines()))


# --- as it was recorded --------------------------------------------------------------------------------


def test_a_run_replays_as_it_was_recorded(recorded: Path) -> None:
    result = replay(recorded).document()
    records = records_of(recorded)
    inputs = [record for record in records if not record.cause]
    assert (result["events"], result["inputs"]) == (len(records), len(inputs))
    assert result["compared"] == len(records) - len(inputs) > 20
    assert result["divergences"] == 0
    assert result["verified"]
    assert result["clean"]
    assert not result["truncated_tail"]
    assert result["first_divergence"] is None
    assert result["state_hash"] == result["recorded_state_hash"]
    assert result["notes"] == []


def test_a_gzipped_journal_replays_and_is_data_as_it_is(recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{recorded.name}.gz"
    path.write_bytes(gzip.compress(recorded.read_bytes()))
    plain, put_away = replay(recorded).document(), replay(path).document()
    assert put_away["verified"]
    assert put_away["state_hash"] == plain["state_hash"]
    assert put_away["events"] == plain["events"]
    of = {
        file: tradectl(tmp_path / file.suffix, "run", "--headless", "--json", "--data", file)
        for file in (recorded, path)
    }
    assert of[path].document()["events"] == of[recorded].document()["events"]


def test_a_real_days_trades_replay_as_they_were_recorded(tmp_path: Path) -> None:
    file = real_data("trades/binance_spot_BTCUSDT_20240808T2354_20240809T0005.csv.gz")
    run = tradectl(tmp_path / "state", "run", "--headless", "--json", "--data", file).document()
    result = replay(Path(run["journal"])).document()
    assert (result["verified"], result["divergences"]) == (True, 0)
    assert (result["events"], result["state_hash"]) == (run["events"], run["state_hash"])


def test_a_run_can_be_replayed_while_it_goes_on(tmp_path: Path) -> None:
    config = tmp_path / "busy.toml"
    config.write_text(BUSY.replace("ticks_per_second = 1000", "ticks_per_second = 200"))
    with running(tmp_path / "state", "-c", config) as run:
        for _ in range(50):
            run.line(" FILL ")
        result = replay(journals(tmp_path / "state")[0]).document()
    assert result["verified"]
    assert not result["clean"]


def test_sealing_anew_what_was_not_changed_changes_nothing(recorded: Path, forged: Path) -> None:
    seal_anew(forged)
    assert forged.read_bytes() == recorded.read_bytes()


# --- one digit changed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (MarketDataEvent, '"price":"'),
        (StrategySignalEvent, '"cause":'),
        (OrderInitialized, '"quantity":"'),
        (OrderFilled, '"price":"'),
        (OrderFilled, '"fee":"'),
        (PositionChanged, '"cash":"'),
        (TimerFired, '"at":'),
    ],
)
def test_one_changed_digit_is_damage_that_names_its_record(
    forged: Path, kind: type, place: str
) -> None:
    seq = first(forged, kind, after=20)
    changed_file(forged, seq, f"(?<={place})[0-8]", lambda digit: b"%d" % (int(digit[0]) + 1))
    answer = replay(forged)
    assert answer.code == 1
    first_named, last_named = records_named(answer.complaint())
    assert first_named <= seq <= last_named <= first_named + 20


# --- forged, with new seals ----------------------------------------------------------------------------


def diverges(path: Path) -> dict[str, Any]:
    """The first divergence, of a replay that must say there is one."""
    seal_anew(path)
    answer = replay(path)
    assert answer.code == DIVERGED, answer.err
    result = Answer(0, answer.out, answer.err).document()
    assert result["divergences"] > 0
    assert not result["verified"]
    found: dict[str, Any] = result["first_divergence"]
    return found


@pytest.mark.parametrize(
    ("kind", "pattern", "text"),
    [
        (StrategySignalEvent, '"action":"(buy|sell)"', '"action":"close"'),
        (StrategySignalEvent, '"reason":"fast', '"reason":"slow'),
        (OrderInitialized, r'"quantity":"\d', '"quantity":"9'),
        (OrderInitialized, '"side":"(buy|sell)"', '"side":"\\1","price":"1"'),
        (OrderApproved, r'"quantity":"\d', '"quantity":"9'),
        (PositionChanged, r'"cash":"\d', '"cash":"9'),
    ],
    ids=["signal", "reason", "quantity", "price", "approval", "cash"],
)
def test_a_forged_decision_diverges_at_its_own_record(
    forged: Path, kind: type, pattern: str, text: str
) -> None:
    seq = first(forged, kind, after=20)
    changed_file(forged, seq, pattern, text)
    divergence = diverges(forged)
    assert (
        divergence["seq"] == divergence["recorded"]["seq"] == divergence["replayed"]["seq"] == seq
    )


def test_a_forged_fill_diverges_where_the_books_book_it(forged: Path) -> None:
    seq = first(forged, OrderFilled)
    changed_file(forged, seq, r'"price":"(\d+)\.?\d*"', r'"price":"\g<1>.99"')
    divergence = diverges(forged)
    assert divergence["recorded"]["event"]["type"] == "position_changed"
    assert divergence["recorded"]["cause"] == seq


def test_a_forged_market_price_diverges_at_the_signal_it_had_caused(forged: Path) -> None:
    signal = next(r for r in records_of(forged) if type(r.event) is StrategySignalEvent)
    worse = "1.5" if signal.event.action == "buy" else "9000000"  # type: ignore[union-attr]
    changed_file(forged, signal.cause, r'"price":"[^"]+"', f'"price":"{worse}"')
    divergence = diverges(forged)
    assert divergence["seq"] == signal.seq
    assert divergence["recorded"]["event"]["type"] == "strategy_signal"


def test_a_decision_that_was_taken_out_is_missed(forged: Path) -> None:
    seq = first(forged, StrategySignalEvent)
    changed_file(
        forged, seq, '"event":.*}(?=,"cause")', '"event":{"type":"system","kind":"nothing"}'
    )
    divergence = diverges(forged)
    assert divergence["seq"] == seq
    assert divergence["replayed"]["event"]["type"] == "strategy_signal"


def test_a_forged_starting_account_diverges_at_the_first_order(forged: Path) -> None:
    text = forged.read_bytes()
    forged.write_bytes(text.replace(b'"cash":"100000"', b'"cash":"200000"'))
    assert diverges(forged)["seq"] <= first(forged, OrderInitialized)


def test_a_forged_state_at_the_end_is_found_though_every_event_agrees(forged: Path) -> None:
    text = forged.read_bytes()
    forged.write_bytes(re.sub(rb'"state_hash":"....', b'"state_hash":"0000', text))
    seal_anew(forged)
    answer = replay(forged)
    assert answer.code == DIVERGED
    result = Answer(0, answer.out, "").document()
    assert result["first_divergence"] is None
    assert result["notes"] == ["every event is as recorded, but the state at the end is not"]


# --- cut off -------------------------------------------------------------------------------------------


def groups_of(content: bytes) -> list[bytes]:
    """The journal group by group: the header's first, the footer's last."""
    groups, lines = [], []
    for line in content.splitlines(keepends=True):
        lines.append(line)
        if is_seal(line):
            groups.append(b"".join(lines))
            lines = []
    assert not lines
    return groups


EVERY = 1 if is_deep() else 7
"""How many bytes lie between two cuts, but for those near the end of a line."""


def cuts(group: bytes) -> list[int]:
    """Where it is cut."""
    ends = [match.end() for match in re.finditer(rb"\n", group)]
    near = {end + by for end in [0, *ends] for by in (-2, -1, 0, 1, 2)}
    return sorted({at for at in {*range(1, len(group), EVERY), *near} if 0 < at < len(group)})


@pytest.mark.parametrize("last", [-1, -2], ids=["footer", "records"])
def test_cut_at_any_byte_of_its_last_group_the_rest_verifies(forged: Path, last: int) -> None:
    groups = groups_of(forged.read_bytes())
    whole, group = b"".join(groups[:last]), groups[last]
    forged.write_bytes(whole)
    before = verdict(forged)
    assert (before.verified, before.truncated_tail, before.clean) == (True, False, False)
    assert before.events == len(records_of(forged))
    for end in cuts(group):
        forged.write_bytes(whole + group[:end])
        after = verdict(forged)
        assert (after.verified, after.truncated_tail, after.clean) == (True, True, False)
        assert (after.events, after.state_hash) == (before.events, before.state_hash)


def test_a_torn_tail_is_reported_and_is_no_failure(forged: Path) -> None:
    content = forged.read_bytes()
    forged.write_bytes(content[: content.rindex(b'{"footer"') - 30])
    result = replay(forged).document()
    assert (result["verified"], result["truncated_tail"], result["clean"]) == (True, True, False)
    assert result["recorded_state_hash"] is None
    plain = command("replay", forged)
    assert plain.code == 0
    assert "tail" in plain.out


def test_cut_inside_its_header_it_is_no_journal(forged: Path) -> None:
    header = groups_of(forged.read_bytes())[0]
    for end in range(len(header) - 1):
        forged.write_bytes(header[:end])
        with pytest.raises(JournalError, match="it has no sealed header"):
            verdict(forged)


# --- no journal at all ---------------------------------------------------------------------------------


def answer_is_no_journal(path: Path, words: str) -> None:
    answer = replay(path)
    assert answer.code == 1
    assert answer.out == ""
    assert words in answer.complaint()
    assert str(path) in answer.complaint()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b""), "is not a tradectl journal"),
        (lambda path: path.write_bytes(b"\n\n\n"), "is not a tradectl journal"),
        (lambda path: path.write_bytes(bytes(range(256)) * 400), "is not a tradectl journal"),
        (
            lambda path: path.write_text("ts_ms,symbol,price\n1,A,2\n" * 9),
            "is not a tradectl journal",
        ),
        (lambda path: path.write_text('\t{"seal":{}}\n'), "is not a tradectl journal"),
        (lambda path: path.write_text('{"header":{"run_id":"x"}}\n'), "is not a tradectl journal"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: None, "No such file"),
    ],
    ids=["empty", "blank", "binary", "csv", "a seal", "half a header", "folder", "missing"],
)
def test_what_is_no_journal_is_one_clear_line(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / "thing.jsonl"
    make(path)
    answer_is_no_journal(path, words)
