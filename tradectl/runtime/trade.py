"""The main job: from taking the state directory to the last line of a run's journal.

own the directory -> refuse if halted -> recover the account -> run
"""

from __future__ import annotations

import msgspec

from tradectl.documents.run import Summary
from tradectl.recovery.rebuild import rebuilt, rebuilt_for_guest
from tradectl.recovery.recovery import LIVE_ACCOUNT, PAPER_ACCOUNT, Recovered, recover
from tradectl.runtime.garbage import collected_rarely
from tradectl.runtime.halted_start import (
    halt_to_see_through,
    halted_or,
    latch_by_records,
    refuse_if_halted,
)
from tradectl.runtime.own_hosts import hosts_of
from tradectl.runtime.run import Screen, TradingRun
from tradectl.runtime.run_options import RunOptions, account_on_exchange, refuse_to_forget
from tradectl.system.trading_system import module_hashes, strategy_hashes


async def trade(options: RunOptions, screen: Screen) -> Summary:
    """Run to the end; the summary, with `exit_code`. Raises Halted, AlreadyRunning, StateError, ..."""
    if options.data:
        return (await trade_on_recorded_data(options, screen))[1]
    state_dir = options.state_dir
    state_dir.check()
    refuse_if_halted(state_dir.latch)  # says so even while the halted process is still ending
    state_dir.create()
    with state_dir.owned():
        refuse_if_halted(state_dir.latch)
        state_dir.reserve.make()
        state_dir.configuration.note(options.config)
        kind = LIVE_ACCOUNT if options.live else PAPER_ACCOUNT
        with halted_or(state_dir.latch):
            rebuilt_word = await rebuilt(state_dir, fresh=options.fresh)
            recovered = None if options.fresh else _recovered(options, kind)
        if options.live:
            state_dir.keys.made()  # what is not signed is not gone on from
        elif recovered is None or not recovered.doubts:
            state_dir.keys.refuse_unusable()
        if options.live and options.fresh:
            refuse_to_forget(state_dir, trusting=options.trust_journal)
        latch_by_records(state_dir, kind, recovered)
        halt = halt_to_see_through(state_dir.latch, recovered, options.settings)
        if halt is not None:
            options = msgspec.structs.replace(options, halt=halt)
        if options.on_exchange:
            return await _trade_on_exchange(options, recovered, screen, rebuilt_word)
        with collected_rarely():
            return await TradingRun(options, recovered, rebuilt_word=rebuilt_word).execute(screen)


def _recovered(options: RunOptions, kind: str) -> Recovered | None:
    trusting = options.trust_journal
    return recover(options.state_dir, kind, checked_elsewhere=True, trusting=trusting)


async def trade_on_recorded_data(options: RunOptions, screen: Screen) -> tuple[TradingRun, Summary]:
    """Beside whoever trades the account, and beside others like itself: nothing of the account is asked
    for or touched, not its lock, its halt, its pause or its alerts. The run, and its summary."""
    if options.journalled:
        options.state_dir.keys.refuse_unusable()
    options.state_dir.create_folders()
    rebuilt_word = await rebuilt_for_guest(options.state_dir) if options.journalled else ""
    with collected_rarely():
        run = TradingRun(options, None, rebuilt_word=rebuilt_word)
        return run, await run.execute(screen)


async def _trade_on_exchange(
    options: RunOptions, recovered: Recovered | None, screen: Screen, rebuilt_word: str
) -> Summary:
    from tradectl.runtime.exchanges import connected, effective
    from tradectl.runtime.fetched_history import fetch_history

    settings = options.settings
    strategy_hashes(settings)  # one that is refused is, before anything is sent
    module_hashes(settings)
    made = connected(settings, settings.symbols, private=options.live, environ=options.environ)
    async with made as venues:
        if options.approve is not None:
            await options.approve(venues, options.state_dir)
            refuse_if_halted(options.state_dir.latch)  # a human may have thought about it for long
        if options.live:
            options.state_dir.hosts.note(hosts_of(settings.exchanges))
        options = msgspec.structs.replace(options, settings=effective(settings, venues))
        account = await account_on_exchange(options, venues, recovered)
        blind = await fetch_history(options.settings, venues, account, venues.clock.wall())
        with collected_rarely():
            run = TradingRun(
                options, recovered, venues, account, rebuilt_word=rebuilt_word, blind=blind
            )
            return await run.execute(screen)


__all__ = ["trade", "trade_on_recorded_data"]
