"""What is not as it was when the account was traded last: the program, the settings, the strategies.

A change may be meant, and it may be the wrong file: so it is said aloud, and written down. The short
runs of an emergency stop and of a reconciliation are passed over: they trade without strategies.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tradectl.config.settings import WATCHING, Settings
from tradectl.journal.reader import NotBegun, read_header
from tradectl.journal.writer import SHORT, Header
from tradectl.recovery.recovery import account_journals
from tradectl.storage.directory import StateDir

NONE_APPLIED: Mapping[str, Any] = MappingProxyType({})


def changes(state_dir: StateDir, now: Header, applied: Mapping[str, Any] = NONE_APPLIED) -> str:
    """In words, against the last run of the same account by what was `applied` to it; empty where there
    was none, or none differs.

    Raises JournalError for a journal that cannot be read, ConfigError for settings of another program.
    """
    before = _last_header(state_dir, now)
    if before is None:
        return ""
    found = []
    if before.program != now.program:
        found.append(f"tradectl {now.program} in place of {before.program}")
    if before.config_hash != now.config_hash or applied:
        from tradectl.config.reload import in_force  # only where something differs

        then, current = in_force(Settings.load(before.config), applied), Settings.load(now.config)
        if keys := _differing(then, current):
            found.append(f"other settings under {', '.join(keys)}")
        if symbols := _other_rules(then, current):
            found.append(f"other rules of {', '.join(symbols)}")
    sources = [name for name in now.strategies if _is_rewritten(before, now, name)]
    sources += [m for m, hash_ in now.modules.items() if before.modules.get(m, hash_) != hash_]
    if sources:
        found.append(f"other source of {', '.join(sources)}")
    return f"since run {before.run_id}: {'; '.join(found)}" if found else ""


def _last_header(state_dir: StateDir, now: Header) -> Header | None:
    for path in reversed(account_journals(state_dir)):
        with contextlib.suppress(NotBegun):
            header = read_header(path)
            is_same = header.account == now.account and header.run_id != now.run_id
            if is_same and header.source not in SHORT:
                return header
    return None


def _differing(then: Settings, now: Settings) -> list[str]:
    """The keys under which they do, as settings: a default that is spelled out is no difference, and
    rules of a symbol are an exchange's."""
    keys = {k for k in Settings.__struct_fields__ if getattr(then, k) != getattr(now, k)}
    keys -= WATCHING  # which a journal's header does not have
    if {i.symbol for i in then.instruments} == {i.symbol for i in now.instruments}:
        keys.discard("instruments")
    return sorted(keys)


def _other_rules(then: Settings, now: Settings) -> list[str]:
    """Symbols that were traded by other rules when that run began."""
    before = {instrument.symbol: instrument for instrument in then.instruments}
    return sorted(i.symbol for i in now.instruments if before.get(i.symbol, i) != i)


def _is_rewritten(before: Header, now: Header, name: str) -> bool:
    return name in before.strategies and before.strategies[name] != now.strategies[name]


__all__ = ["changes"]
