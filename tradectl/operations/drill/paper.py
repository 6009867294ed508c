"""What a machine and an operator do to a run on paper."""

from __future__ import annotations

import shutil
import signal
from collections import deque
from pathlib import Path

from tradectl.documents.operations import Receipt, ReplayReport
from tradectl.domain.events import OrderDenied, OrderInitialized, OrderSubmitted
from tradectl.domain.time import SECOND
from tradectl.journal.reader import read_header
from tradectl.operations.drill.trial import Answer, CannotBeTried, Trial
from tradectl.state.account import Account

ENDED, DIVERGED, HALTED, ANOTHER = 0, 3, 6, 7
NO_LIMITS = """
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = "none"
drawdown_alert_pct = "none"
drawdown_pause_pct = "none"
drawdown_halt_pct = "none"
"""
BUSY = f"""
symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
feed.ticks_per_second = 500
engine.max_signals_per_second = 1000
paper = {{ latency_ms = 4, latency_jitter_ms = 4 }}
[risk]
max_orders_per_second = 10000
duplicate_window_ms = 0
{NO_LIMITS}
[[strategies]]
name = "busy"
strategy = "ema-cross"
parameters = {{ fast = 2, slow = 5, band_bps = 0.0 }}
"""
"""A strategy that orders many times a second."""
CHATTER = '''
from tradectl.strategy import Strategy


class Chatter(Strategy):
    """Changes its mind with every trade."""

    buys = False

    def on_trade(self, trade):
        self.buys = not self.buys
        return self.long() if self.buys else self.flat()
'''
MOST_ORDERS = 5
"""Orders a second that risk lets pass, where the strategy wants hundreds."""
SOONEST_S, LATEST_S = 1.0, 6.0
"""Within which an emergency stop has latched, and is done."""
JOURNAL_BYTES = 512 * 1024


def busy(trial: Trial) -> tuple[str, Path]:
    return "-c", trial.write("busy.toml", BUSY)


def replay(trial: Trial, number: int = -1) -> ReplayReport:
    """The code that it names is the drill's own."""
    words = ("replay", trial.journal(number), "--trust", "--json")
    return trial.tradectl(*words).document(ReplayReport)


def stop(trial: Trial, *words: str) -> Receipt:
    return trial.tradectl("emergency-stop", "--json", *words).document(Receipt)


def check_stopped(trial: Trial, receipt: Receipt) -> None:
    """Latched in time, proven, and for good."""
    ms = receipt.latched_ms or 0.0
    trial.check(f"latched after {ms:.0f} ms", receipt.latched and ms < SOONEST_S * 1000)
    done = (receipt.confirmed_ms or 0.0) / 1000
    said = f"done and proven after {done:.1f} s ({receipt.method}); no order of ours is left"
    left = receipt.open_orders_left
    trial.check(said, receipt.confirmed and done < LATEST_S and not left)
    again = trial.tradectl("run", "--headless", "--duration", "1")
    trial.check("no run begins afterwards (exit 6)", again.code == HALTED)


def kill_9(trial: Trial) -> None:
    with trial.running(*busy(trial)) as run:
        trial.until("orders fill", lambda: trial.fills() > 20)
        known = trial.status().last_seq
        run.kill()
    left = replay(trial)
    trial.check(f"record {known} was told to somebody, and is in its journal", left.events >= known)
    trial.check("its journal replays, decision by decision", left.verified)
    again = trial.tradectl("run", "--headless", "--duration", "0.5", *busy(trial))
    trial.check("the next run begins", again.code == ENDED)
    header = read_header(trial.journal())
    begun = Account.begun_with(header.state, header.run_id).hash(left.run_id)
    trial.check(f"with the same state: {left.state_hash[:16]}", begun == left.state_hash)
    trial.check("and replays, too", replay(trial).verified)


def stopped_process(trial: Trial) -> None:
    with trial.running(*busy(trial)) as run:
        trial.until("orders fill", lambda: trial.fills() > 5)
        run.send(signal.SIGSTOP)
        receipt = stop(trial)
        check_stopped(trial, receipt)
        trial.check("the process that hung was ended", run.end(2.0) is not None)
    trial.check("what it had decided replays", replay(trial, 0).verified)


def torn_journal(trial: Trial) -> None:
    with trial.running(*busy(trial)) as run:
        trial.until("orders fill", lambda: trial.fills() > 5)
        run.kill()
    path = trial.journal()
    with path.open("ab") as file:
        file.write(b'{"seq":99999999,"at":17')
    left = replay(trial)
    trial.check("a torn last line is dropped, and what comes before is whole", left.truncated_tail)
    trial.check("and replays", left.verified)
    again = trial.tradectl("run", "--headless", "--duration", "0.5", *busy(trial))
    trial.check("the next run goes on from it", again.code == ENDED)
    whole = path.read_bytes()
    at = len(whole) // 2
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    refused = trial.tradectl("replay", path)
    is_named = refused.code not in (ENDED, DIVERGED) and "damaged at record" in refused.err
    trial.check("a flipped bit in its middle is refused, with the record's number", is_named)


def full_disk(trial: Trial) -> None:
    """A limit of the system on the size of files: a write fails as on a disk that has no room."""
    if shutil.which("sh") is None:
        raise CannotBeTried("there is no shell here that limits the size of files")
    with trial.running(*busy(trial), most_bytes=JOURNAL_BYTES) as run:
        code = run.end()
        trial.check(f"the run ends by itself, exit {code}", code not in (None, ENDED))
        trial.check(
            "and says that its journal cannot be written", "cannot be written" in run.words()
        )
    left = replay(trial)
    trial.check(f"all that it had written replays: {left.events} records", left.verified)
    check_stopped(trial, stop(trial))


def runaway(trial: Trial) -> None:
    file = trial.write("chatter.py", CHATTER)
    text = f"""
feed.ticks_per_second = 500
engine.max_signals_per_second = 1000
[risk]
max_orders_per_second = {MOST_ORDERS}
rate_window_seconds = 1
duplicate_window_ms = 0
{NO_LIMITS}
[[strategies]]
name = "runaway"
strategy = "{file}:Chatter"
"""
    with trial.running("-c", trial.write("runaway.toml", text), "--duration", "3") as run:
        trial.check("`status` is answered meanwhile", trial.status().running)
        run.end()
    entries, denied, most = deque[int](), 0, 0
    known: set[str] = set()
    for record in trial.records():
        event = record.event
        if isinstance(event, OrderInitialized) and not event.order.reduce_only:
            known.add(event.order.order_id)
        elif isinstance(event, OrderSubmitted) and event.order_id in known:
            entries.append(record.at)
            while entries[0] <= record.at - SECOND:
                entries.popleft()
            most = max(most, len(entries))
        denied += isinstance(event, OrderDenied)
    said = f"at most {most} entries left in any second ({MOST_ORDERS} allowed); exits always may"
    trial.check(said, 0 < most <= MOST_ORDERS)
    trial.check(f"{denied} were denied, with a code each", denied)
    trial.check("it replays", replay(trial).verified)


def two_instances(trial: Trial) -> None:
    with trial.running(*busy(trial)) as run:
        second = trial.tradectl("run", "--headless", "--duration", "1")
        trial.check(f"the second is refused (exit 7): {second.complaint}", second.code == ANOTHER)
        trial.check("and left no journal", len(trial.state.journal_files()) == 1)
        trial.check("the first goes on", trial.status().running and run.process.poll() is None)


def dead_alert_channel(trial: Trial) -> None:
    """Nobody listens at the port of the webhook."""
    channel = """
[[alert_channels]]
name = "nobody"
kind = "webhook"
url = "http://127.0.0.1:9/"
timeout_seconds = 1
"""
    path = trial.write("alerts.toml", BUSY + channel)
    with trial.running("-c", path) as run:
        trial.until("orders fill", lambda: trial.fills() > 5)
        paused = trial.tradectl("pause", "--reason", "a drill", "--json")
        trial.check("a command is obeyed while nobody can be told", paused.code == ENDED)
        before = trial.status().last_seq
        trial.until("it goes on", lambda: trial.status().last_seq > before)
        trial.check("trading goes on", run.process.poll() is None)
        told: Answer = trial.tradectl("alerts", "--all", "--json")
        trial.check("alerts are kept for later", told.code == ENDED and len(told.out) > 5)
        check_stopped(trial, stop(trial))
