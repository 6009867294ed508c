"""The machine's part of an examination: the configuration, its file, strategies, state directory, disk.

Nothing here needs a network, and nothing is made by looking.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
from pathlib import Path

from tradectl.config.settings import Settings
from tradectl.doctor.finding import failed, passed, warned
from tradectl.doctor.provenance import journal_key, provenance
from tradectl.doctor.python_path import python_path
from tradectl.documents.operations import Finding
from tradectl.domain.errors import ConfigError, JournalError, StateError, UsageError
from tradectl.files import trust
from tradectl.files.own import open_named
from tradectl.journal.reader import read_header
from tradectl.recovery.recovery import (
    CONTINUED,
    LIVE_ACCOUNT,
    last_journal,
    missing,
    missing_run,
)
from tradectl.runtime.own_hosts import hosts_of, refuse_other_hosts
from tradectl.storage.directory import StateDir
from tradectl.storage.latch import SIZE
from tradectl.storage.processes import cannot_be_known
from tradectl.storage.reader import StateReader
from tradectl.storage.schema import is_older
from tradectl.strategy.catalog import find

KIB, MIB, GIB = 1024, 1024**2, 1024**3
SMALLEST_RESERVE = 128 * KIB
LEAST_DISK, LITTLE_DISK = 100 * MIB, GIB
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_READ = stat.S_IRGRP | stat.S_IROTH


def machine(settings: Settings, state_dir: StateDir, config_path: Path | None) -> list[Finding]:
    findings = [configuration(settings), config_file(config_path)]
    findings += [strategies(settings), python_path()]
    directory = directory_of_state(state_dir)
    return [
        *(finding for finding in findings if finding is not None),
        directory,
        halt(state_dir),
        latch_file(state_dir),
        reserve(state_dir),
        account(state_dir),
        journal_key(state_dir),
        *(finding for finding in (provenance(state_dir),) if finding is not None),
        *(finding for finding in (hosts(settings, state_dir),) if finding is not None),
        instance(state_dir),
        disk(state_dir.path),
    ]


def configuration(settings: Settings) -> Finding:
    where = ", ".join(exchange.prefix for exchange in settings.exchanges) or "a simulated market"
    names = ", ".join(strategy.name for strategy in settings.strategies)
    return passed(
        "configuration", f"{settings.mode} on {where}: {', '.join(settings.symbols)} by {names}"
    )


def config_file(path: Path | None) -> Finding | None:
    """Who can write it decides what is traded; who can read it learns what is."""
    if path is None:
        return None
    name = "config file"
    try:
        fd = open_named(path)
    except OSError as error:
        return failed(name, f"{path}: {error.strerror}", "name another with -c")
    found = os.fstat(fd)
    os.close(fd)
    unread = "; its exchanges are not asked with your keys"
    why = trust.distrust_of(found)
    if why == trust.OTHERS_WRITE:
        return failed(name, f"others can write {path}{unread}", f"chmod 600 {_quoted(path)}")
    if why:
        message = f"{path} belongs to somebody else{unread}"
        return failed(name, message, "copy it, read it, use the copy")
    if found.st_mode & OTHERS_READ:
        return warned(name, f"others can read {path}", f"chmod 600 {_quoted(path)}")
    return passed(name, f"{path} is yours alone")


def strategies(settings: Settings) -> Finding:
    """A strategy is code that trades: its file is refused where others can write it."""
    name = "strategies"
    try:
        for strategy in settings.strategies:
            find(strategy.strategy)
    except UsageError as error:
        return failed(name, str(error), "`tradectl strategies` lists those there are")
    return passed(name, f"{len(settings.strategies)} can be loaded")


def directory_of_state(state_dir: StateDir) -> Finding:
    name, path = "state directory", state_dir.path
    try:
        state_dir.check()
    except StateError as error:
        return failed(name, str(error), "name a folder of your own with --state-dir")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _one_to_be_made(name, path)
    except OSError as error:
        return failed(name, f"{path}: {error.strerror}", "name another with --state-dir")
    if mode & OTHERS_WRITE:
        return failed(name, f"others can write {path}", f"chmod 700 {_quoted(path)}")
    if stat.S_IMODE(mode) & 0o077:
        return warned(name, f"others can enter {path}", f"chmod 700 {_quoted(path)}")
    if not os.access(path, os.W_OK | os.X_OK):
        return failed(name, f"{path} cannot be written", f"chmod 700 {_quoted(path)}")
    return passed(name, f"{path} is yours alone")


def _one_to_be_made(name: str, path: Path) -> Finding:
    parent = _there(path)
    if not os.access(parent, os.W_OK | os.X_OK):
        return failed(
            name, f"{path} cannot be made in {parent}", "name another folder with --state-dir"
        )
    return passed(name, f"{path} will be made by the first run")


def halt(state_dir: StateDir) -> Finding:
    found = state_dir.latch.read()
    if found is None:
        return passed("halt", "not halted")
    return failed(
        "halt",
        str(found),
        "look into it, then "
        f"`tradectl clear-halt --confirm --state-dir {_quoted(state_dir.path)}` allows trading",
    )


def latch_file(state_dir: StateDir) -> Finding:
    """Made ahead and at full size, it can be set on a full disk."""
    name, path = "halt latch", state_dir.path / "halt"
    if not os.path.lexists(state_dir.path):
        return passed(name, "will be made by the first run")
    try:
        size = path.lstat().st_size
    except FileNotFoundError:
        size = 0
    except OSError as error:
        return failed(name, f"{path}: {error.strerror}", f"chmod 700 {_quoted(state_dir.path)}")
    foreign = "; ".join(state_dir.latch.foreign())
    if foreign:
        return warned(
            name, f"another's in the place of its spare is ignored: {foreign}", "remove it"
        )
    if aside := state_dir.latch.put_aside():
        found = ", ".join(map(str, aside))
        message = f"an emergency stop found in its place, and put aside: {found}"
        return warned(name, message, "look at it, then remove it")
    if size < SIZE:
        return warned(
            name, f"{path} is not at its full size", "the next run makes it so: keep disk free"
        )
    return passed(name, "at its full size: it can be set on a full disk")


def reserve(state_dir: StateDir) -> Finding:
    """Room for the journal of an emergency stop on a full disk."""
    name, kept = "reserve", state_dir.reserve.size()
    try:
        is_new = not any(state_dir.journals.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        is_new = True
    except OSError as error:
        mend = f"chmod 700 {_quoted(state_dir.path)} {_quoted(state_dir.journals)}"
        return failed(name, f"{state_dir.journals}: {error.strerror}", mend)
    if is_new:
        return passed(name, "will be made by the first run")
    if kept < SMALLEST_RESERVE:
        return warned(
            name,
            f"{kept / KIB:,.0f} KiB are kept for an emergency stop on a full disk",
            "the next run keeps as much as there is room for",
        )
    return passed(name, f"{kept / KIB:,.0f} KiB are kept for an emergency stop on a full disk")


def account(state_dir: StateDir) -> Finding:
    """What the runs before left must be of a version that the next one can go on with."""
    try:
        if is_older(state_dir.db):
            message = f"{state_dir.db} is of an older schema: the next run migrates it"
            return warned("account", message, "see that there is room for a copy, then run")
        reader = StateReader(state_dir.db)
        run = reader.last_run()
        for kind in CONTINUED:
            lost = missing_run(state_dir, kind, last_journal(state_dir, kind))
            if lost is not None:
                return failed("account", str(missing(lost, state_dir)), "put the journal back")
        if state_dir.journal_files() and not reader.has_tables():
            message = f"{state_dir.db} is missing or empty, and there are journals"
            return warned("account", message, "the next run makes it anew from them")
    except (StateError, JournalError) as error:
        return failed("account", str(error), "name another folder with --state-dir")
    return passed("account", f"that of run {run.run_id}" if run is not None else "a new one")


def hosts(settings: Settings, state_dir: StateDir) -> Finding | None:
    """An emergency stop without a process goes by the journal, and sends keys only where this agrees."""
    with contextlib.suppress(StateError, JournalError):  # which `account` tells of
        path = last_journal(state_dir, LIVE_ACCOUNT) if settings.mode == "live" else None
        if path is not None:
            there = Settings.load(read_header(path).config).exchanges
            state_dir.hosts.given = hosts_of(settings.exchanges)
            try:
                refuse_other_hosts(there, state_dir.hosts)
            except ConfigError as error:
                return failed("hosts", str(error), "is it this account's journal, and unchanged?")
            return passed("hosts", "the last run was at those of this configuration")
    return None


def instance(state_dir: StateDir) -> Finding:
    lock = state_dir.path / "lock"
    if os.path.lexists(lock) and not os.access(lock, os.R_OK | os.W_OK):
        message = f"{lock} is shut: no run can start, and nobody knows whether one goes on"
        return failed("instance", message, f"chmod 600 {_quoted(lock)}")
    other = other_instance(state_dir)
    if other is None:
        return passed("instance", "no other one runs on this state directory")
    message = f"process {other} runs on this state directory: a second one is refused"
    if why := cannot_be_known(state_dir.lease.identity_of(other)):
        message += f"; should it hang, an emergency stop will not end it: {why}"
    return warned("instance", message, "`tradectl stop` ends it, or name another --state-dir")


def other_instance(state_dir: StateDir) -> int | None:
    """The process that owns the directory, when it is not this one."""
    owner = state_dir.owner()
    return None if owner == os.getpid() else owner


def disk(path: Path) -> Finding:
    try:
        free = shutil.disk_usage(_there(path)).free
    except OSError as error:
        return failed("disk", f"{path}: {error.strerror}", "name another folder with --state-dir")
    message = f"{free / GIB:,.1f} GiB free" if free >= GIB else f"{free / MIB:,.0f} MiB free"
    mend = "make room, or name a folder on another disk with --state-dir"
    if free < LEAST_DISK:
        return failed("disk", f"{message}: the journal could not be kept", mend)
    if free < LITTLE_DISK:
        return warned("disk", message, mend)
    return passed("disk", message)


def _there(path: Path) -> Path:
    """`path`, or the nearest folder above it that can be seen."""
    for folder in (path, *path.parents):
        with contextlib.suppress(OSError):
            folder.stat()
            return folder
    return Path("/")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


__all__ = ["account", "config_file", "configuration", "directory_of_state", "disk", "halt", "instance",
           "latch_file", "machine", "other_instance", "reserve",
           "strategies"]  # fmt: skip
