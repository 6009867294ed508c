"""An operator's chat: status, pause and emergency stop, for the chats that are configured and no others.

It never resumes, clears a halt, orders or configures. What was written before the run listened is not
obeyed, and that is said: it is what waits at Telegram by then, whatever any clock says. Its thread asks
for what is written; what is to be done is done in the loop, and where that does not turn, an emergency
stop is latched all the same.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import TimeoutError as LateError
from functools import partial
from typing import Any

from tradectl.documents.operations import StopReport
from tradectl.documents.run import Status
from tradectl.domain.errors import ConfigError, TradectlError
from tradectl.domain.states import AlertSeverity, told_of_pause
from tradectl.domain.text import counted, described
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.notification.address import address_of
from tradectl.notification.channel import ChannelFailed
from tradectl.notification.notice import safe
from tradectl.notification.notification_settings import MonitoringSettings
from tradectl.notification.telegram import ChatMessage, Telegram
from tradectl.runtime.control_handlers import ControlHandlers

HELP = "status, pause, emergency_stop now. Nothing else is done from here."
SURE = "emergency_stop cancels all orders and halts for good. If that is meant: emergency_stop now"
NOT_RESPONDING = "the loop stands still and does not answer"
NOT_OBEYED = (
    "the run has only begun to listen: what was written before is not obeyed, write it again"
)
REASON = "by Telegram"
ANSWER_S = 10.0
LAST_WORDS_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
CHAT_FAILED, STRANGER = "chat_failed", "chat_of_a_stranger"

TOKEN_VARIABLE = "TRADECTL_TELEGRAM_TOKEN"
MOST_ROWS = 20
_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{1,100}")

Do = Callable[[], Coroutine[Any, Any, str]]


class OperatorChat:
    """`status()`, `pause()` and `stop()` do it in the loop, and say what came of it; `latch(reason)` is
    for when that does not turn, from this thread."""

    name = "operator-chat"

    def __init__(
        self,
        telegram: Telegram,
        chats: tuple[int, ...],
        alerts: AlertManager,
        *,
        status: Do,
        pause: Do,
        stop: Do,
        latch: Callable[[str], object],
    ) -> None:
        self._telegram = telegram
        self._chats = frozenset(chats)
        self._alerts = alerts
        self._do: Mapping[str, Do] = {"status": status, "pause": pause, "emergency_stop now": stop}
        self._latch = latch
        self._last: int | None = None
        """the number of the newest update; None before it listens"""
        self._strangers: set[int] = set()
        self._stopped = threading.Event()
        self._answered = threading.Event()
        self._answered.set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def obey(self, chats: tuple[int, ...]) -> None:
        """These and no others, from the next word on."""
        self._chats = frozenset(chats)

    async def start(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._run, name=self.name, daemon=True).start()

    async def stop(self) -> None:
        """The thread ends with its question, which is not waited for; an answer under way is, for a
        while."""
        self._stopped.set()
        await asyncio.to_thread(self._answered.wait, LAST_WORDS_S)

    # --- the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        pause, fails = FIRST_PAUSE_S, False
        while not self._stopped.is_set():
            try:
                self._listen()
            except Exception as error:  # whatever it is, the next one that writes is to be heard
                why = error if isinstance(error, ChannelFailed) else described(error)
                words = f"Telegram is not reached: {why}"
                self._tell(CHAT_FAILED, words)
                if not fails:
                    fails = True
                    self._in_loop(partial(self._alerts.left_alone, self.name, words))
                self._stopped.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                pause = FIRST_PAUSE_S
                self._in_loop(lambda: self._alerts.resolve_type(CHAT_FAILED, self.name))
                if fails:
                    fails = False
                    self._in_loop(partial(self._alerts.works_again, self.name))

    def _listen(self) -> None:
        if self._last is None:
            self._last = self._passed_over()
        for update in self._telegram.updates(self._last):
            self._last = max(self._last, update.update_id)
            if update.message is not None and not self._stopped.is_set():
                self._heed(update.message)

    def _passed_over(self) -> int:
        """The newest update that waits."""
        last, wrote = 0, set[int]()
        while waiting := [u for u in self._telegram.updates(last, 0) if u.update_id > last]:
            last = max(update.update_id for update in waiting)
            wrote.update(each.message.chat.id for each in waiting if each.message is not None)
        for chat in sorted(wrote & self._chats):
            self._telegram.say(chat, NOT_OBEYED)
        return last

    def _heed(self, message: ChatMessage) -> None:
        if message.chat.id not in self._chats:
            if message.chat.id not in self._strangers and len(self._strangers) < 100:
                self._strangers.add(message.chat.id)
                self._tell(STRANGER, f"chat {message.chat.id} wrote to the bot and is not obeyed")
            return
        self._answered.clear()
        try:
            self._telegram.say(message.chat.id, self._answer(message.text))
        finally:
            self._answered.set()

    def _answer(self, text: str) -> str:
        words = " ".join(text.lower().removeprefix("/").split())
        if words == "emergency_stop":
            return SURE
        do = self._do.get(words)
        if do is None or self._loop is None:
            return HELP
        try:
            return asyncio.run_coroutine_threadsafe(do(), self._loop).result(ANSWER_S)
        except LateError:
            why = NOT_RESPONDING
        except TradectlError as error:
            why = f"failed: {error}"
        except Exception as error:  # a bug: whoever asked is told, and may ask for something else
            why = f"failed: {described(error)}"
        return self._latched(why) if words.startswith("emergency_stop") else why

    def _latched(self, why: str) -> str:
        try:
            self._latch(REASON)
        except Exception as error:  # as above
            return f"{why}, and no halt could be latched: {described(error)}"
        return f"{why}; the halt is latched, orders that rest may not be cancelled yet"

    def _tell(self, kind: str, words: str) -> None:
        self._in_loop(
            lambda: self._alerts.raise_alert(kind, words, AlertSeverity.WARNING, self.name)
        )

    def _in_loop(self, call: Callable[[], object]) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            self._stopped.set()  # the loop has ended


def chat_of(
    settings: MonitoringSettings,
    environ: Mapping[str, str],
    alerts: AlertManager,
    handlers: Callable[[], ControlHandlers],
    latch: Callable[[str], object],
) -> OperatorChat:
    """Raises ConfigError where no token is to be had."""
    token = address_of(TOKEN_VARIABLE, "telegram.token", "", environ)
    if not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"monitoring.telegram_chats: set {TOKEN_VARIABLE} in the environment to their bot's token"
        )

    async def status() -> str:
        return _status_text(await handlers().status())

    async def pause() -> str:
        state = (await handlers().pause(REASON)).state
        return f"{state}: {told_of_pause(state)}"

    async def stop() -> str:
        return _stop_text(await handlers().emergency_stop(REASON))

    return OperatorChat(
        Telegram(settings.telegram_url, token),
        settings.telegram_chats,
        alerts,
        status=status,
        pause=pause,
        stop=stop,
        latch=latch,
    )


def _status_text(status: Status) -> str:
    total, rows, orders = status.portfolio, status.positions, status.open_orders
    lines = [f"{status.state} ({status.mode})"]
    if total is not None:
        lines.append(
            f"equity {total.equity}, realised {total.realized_pnl}, open {total.unrealized_pnl}"
        )
    lines += [
        f"{row.symbol} {row.side} {row.size} ({row.unrealized_pnl})" for row in rows[:MOST_ROWS]
    ]
    lines.append(f"{counted(len(rows), 'position')}, {counted(len(orders), 'open order')}")
    if status.halt is not None:
        since = status.halt.since or "an unknown time"
        lines.append(f"halted since {since}: {status.halt.reason}")
    return "\n".join(map(safe, lines))


def _stop_text(report: StopReport) -> str:
    """A stop that is not confirmed is never said to be done."""
    parts = [
        "halted"
        if report.confirmed
        else f"halted, NOT CONFIRMED: {report.error or 'see the receipt'}",
        f"{counted(len(report.cancelled), 'order')} cancelled",
    ]
    for words, names in (
        ("orders left", report.open_orders_left),
        ("positions left", report.positions_left),
        ("without protection", report.unprotected),
    ):
        parts += [f"{words}: {', '.join(names)}"] * bool(names)
    return safe("; ".join(parts))


__all__ = ["OperatorChat", "chat_of"]
