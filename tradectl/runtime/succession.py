"""New instances of strategies are shown the market while the run trades: some of it at a time.

Each part is an input, so that a replay shows the same at the same records, and takes a few milliseconds
of the loop, or one event where the strategy is slower than that: between two of them the loop answers,
and the instance that trades goes on. What has come meanwhile is shown until so little of it is left that
it fits into the record that has the new one take over; a strategy that falls behind its market is not put
in. A run that is killed before that record goes on as it was.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.errors import NotRunning, UsageError
from tradectl.domain.events import SuccessorShown
from tradectl.domain.system_events import Market
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.recovery.own_history import OwnHistory
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.session import Session
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.succession import Successor
from tradectl.system.trading_system import module_hashes, strategy_hashes

AT_FIRST, AT_MOST = 1, 1_000
"""Events that are shown at once."""
HELD_UP_NS = 5 * MILLISECOND
"""What the loop is held up by each part of them, about."""
ROUND_NS, MOST_ROUNDS = SECOND, 30
"""How long what came meanwhile is shown before it is counted anew, and how often that is done."""
NOT_LESS = 3
"""Rounds in a row after which as much was left as before them: it does not catch up by more of them."""
LONGEST_NS = 250 * MILLISECOND
"""What the last of it may take, which goes with the change in one step."""

Show = Callable[[Sequence[Market]], Awaitable[int]]
"""Some more of the market to one instance: the ns that it took."""


class Warmed(Struct, frozen=True):
    """By the names of strategies the last of what they are to be shown, and how much they were; and what
    is to be known of them."""

    rest: dict[str, tuple[Market, ...]]
    shown: dict[str, int]
    notes: list[str]


class Pace:
    """How many events are shown at once, by the time that the last ones took."""

    def __init__(self) -> None:
        self.most = AT_FIRST
        self.each_ns = 0
        """what one took, of the last ones"""

    def took(self, ns: int, events: int) -> None:
        self.each_ns = ns // events
        share = HELD_UP_NS / max(ns, 1)
        self.most = max(1, min(AT_MOST, int(self.most * min(2.0, share))))


class Succession:
    """Of the strategies of one run, by its `options`."""

    def __init__(self, session: Session, options: RunOptions) -> None:
        self._session, self._options = session, options

    async def warmed(self, configs: Sequence[StrategyInstance]) -> Warmed:
        """Instances by these, ready to take over with the very next input. Raises UsageError for one that
        is not fit to."""
        histories = await self._histories(configs)
        ready = False
        try:
            paces = {each.name: Pace() for each in configs}
            for config, history in zip(configs, histories, strict=True):
                self._begin(config)
                await self._show_all(history.events(), self._shown(config), paces[config.name])
            rest = await self._caught_up(configs, histories, paces)
            notes = [*filter(None, (self._note_of(config) for config in configs))]
            ready = True
        finally:
            if not ready:
                self._give_up(configs)
        candidates = [self._candidate(config) for config in configs]
        shown = {each.running.config.name: each.shown for each in candidates}
        return Warmed(rest, shown, notes)

    def left(self, configs: Sequence[StrategyInstance]) -> list[str]:
        """Which of these did not take over with the change, after all: the last of the market came with
        it."""
        left = self._session.system.strategy.candidates().left if configs else {}
        return [f"strategy {name!r} goes on as before: {why}" for name, why in left.items()]

    async def tried(self, configs: Sequence[StrategyInstance]) -> list[str]:
        """What is to be known of instances by these, which nobody uses. Raises as above."""
        notes = []
        for config, history in zip(configs, await self._histories(configs), strict=True):
            made = Successor(self._session.system.strategy.engine, config)
            await self._show_all(history.events(), self._aside(made), Pace())
            notes.append(note_of(made))
        return [*filter(None, notes)]

    async def _caught_up(
        self,
        configs: Sequence[StrategyInstance],
        histories: Sequence[OwnHistory],
        paces: dict[str, Pace],
    ) -> dict[str, tuple[Market, ...]]:
        """What has come since each of them was shown the last, up to now: not more than one part, or what
        takes no longer than a step may. Raises UsageError for one that falls behind its market."""
        bus, least, not_less = self._session.bus, math.inf, 0
        rest: dict[str, tuple[Market, ...]] = {config.name: () for config in configs}
        for left in reversed(range(MOST_ROUNDS)):
            await bus.written()
            upto = bus.core.seq
            for config, history in zip(configs, histories, strict=True):
                rest[config.name] += history.read_on(upto)
            if all(len(events) <= paces[name].most for name, events in rest.items()):
                break
            count = sum(map(len, rest.values()))
            not_less, least = (not_less + 1, least) if count >= least else (0, count)
            if not left or not_less == NOT_LESS:
                _refuse_what_falls_behind(configs, rest, paces)
                break
            for config in configs:
                name = config.name
                shown = await self._show_all(
                    rest[name], self._shown(config), paces[name], lasting=ROUND_NS
                )
                rest[name] = rest[name][shown:]
        return rest

    async def _show_all(
        self, events: Sequence[Market], show: Show, pace: Pace, lasting: float = math.inf
    ) -> int:
        """So many of them, where more would take longer than it may be `lasting` (ns)."""
        first, whole = 0, 0
        while first < len(events) and whole < lasting:
            part = events[first : first + pace.most]
            first += len(part)
            took = await show(part)
            whole += took
            pace.took(took, len(part))
        return first

    def _begin(self, config: StrategyInstance) -> None:
        self._post(config, parameters=config.parameters, begins=True)

    def _shown(self, config: StrategyInstance) -> Show:
        """In the core, by the journal."""
        bus, strategy = self._session.bus, self._session.system.strategy

        async def show(part: Sequence[Market]) -> int:
            self._post(config, events=tuple(part))
            await bus.written()
            if not bus.running:
                raise NotRunning("the run has ended: nothing was applied")
            failed = self._candidate(config).running.quarantined
            if failed:
                raise _unfit(config, f"by these parameters it fails: {failed}")
            return strategy.shown_in

        return show

    def _aside(self, made: Successor) -> Show:
        """Of no consequence."""
        clock = self._session.bus.clock

        async def show(part: Sequence[Market]) -> int:
            await asyncio.sleep(0)
            began = clock.ticks()
            made.show(part, clock.now())
            return clock.ticks() - began

        return show

    def _post(self, config: StrategyInstance, **said: object) -> None:
        self._session.bus.post(
            SuccessorShown(source_component="operator", strategy=config.name, **said)  # type: ignore[arg-type]
        )

    def _give_up(self, configs: Sequence[StrategyInstance]) -> None:
        for config in configs:
            if self._session.bus.running and self._session.system.strategy.candidates().get(
                config.name
            ):
                self._post(config, over=True)

    def _candidate(self, config: StrategyInstance) -> Successor:
        """Raises UsageError where there is none."""
        found = self._session.system.strategy.candidates().get(config.name)
        if found is None:
            raise _unfit(config, "it could not be made")
        return found

    def _note_of(self, config: StrategyInstance) -> str:
        return note_of(self._candidate(config))

    async def _histories(self, configs: Sequence[StrategyInstance]) -> list[OwnHistory]:
        """Up to the newest record. Raises UsageError for an instance that cannot be made."""
        histories = [self._history(each) for each in configs]
        bus = self._session.bus
        if histories:
            await bus.written()
        upto = bus.core.seq
        for each in histories:
            await asyncio.to_thread(each.read, upto)
        return histories

    def _history(self, config: StrategyInstance) -> OwnHistory:
        session, engine = self._session, self._session.system.strategy.engine
        old, header = engine.instance(config.name), session.header
        self._refuse_other_source(config, header.strategies, header.modules)
        tried = Successor(engine, config)
        tried.stand_everywhere(session.bus.clock.now())
        if tried.running.quarantined:
            raise _unfit(config, f"by these parameters it fails: {tried.running.quarantined}")
        return OwnHistory(tried.running, old.slots, session.journal_path)

    def _refuse_other_source(
        self, config: StrategyInstance, then: dict[str, str], modules: dict[str, str]
    ) -> None:
        """By other code a replay could not decide the same."""
        alone = replace(self._session.settings, strategies=(config,))
        find = self._options.find
        now = {**strategy_hashes(alone, find), **module_hashes(alone, find)}
        if any({**then, **modules}.get(name, digest) != digest for name, digest in now.items()):
            raise UsageError(
                f"strategy {config.name!r}: its source has changed since this run began, and it would "
                "decide by other code: start the run anew"
            )


def note_of(made: Successor) -> str:
    """What is to be known of an instance by other parameters. Raises UsageError for an unfit one."""
    config = made.running.config
    if made.obstacle:
        raise _unfit(config, made.obstacle)
    return f"strategy {config.name!r} runs {made.words}" if made.unlike else ""


def _refuse_what_falls_behind(
    configs: Sequence[StrategyInstance],
    rest: dict[str, tuple[Market, ...]],
    paces: dict[str, Pace],
) -> None:
    for config in configs:
        count, each_ns = len(rest[config.name]), paces[config.name].each_ns
        if count * each_ns > LONGEST_NS:
            raise _unfit(
                config,
                "by these parameters it falls behind its market: it takes "
                f"{each_ns / MILLISECOND:.3g} ms for each event, and {count:,} have come meanwhile",
            )


def _unfit(config: StrategyInstance, why: str) -> UsageError:
    return UsageError(f"strategy {config.name!r} goes on as before: {why}; nothing was applied")


__all__ = ["Succession", "Warmed"]
