"""What all tests share: none waits for ever, and a busy machine is no counterexample."""

from __future__ import annotations

import asyncio
import atexit
import decimal
import functools
import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Generator, Iterator
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TypeVar

import pytest

from tests import profiles
from tests.fixtures import ccxt_clients, conserved, processes, worker_forks
from tests.fixtures.another_home import sitecustomize
from tests.simulated_os.virtual_time import virtual_loop

STATE_HOME = "XDG_STATE_HOME"
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
LoopFactory = Callable[[], asyncio.AbstractEventLoop]

PATIENCE_S = 120.0
SLOW_PATIENCE_S = 300.0
WORKERS_PER_PROCESSOR = 2
FIRST = (
    "test_live_week", "test_live_sessions", "test_live_schedules", "test_venue_schedules",
    "test_live_secrets", "test_durable_answers", "test_live_memory", "test_oracles",
)  # fmt: skip
"""Where single tests take longest: begun last, one of them would run when all else is over."""
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30
"""The tests write three gigabytes, and what failed is kept for the next two times."""


@pytest.fixture(autouse=True)
def own_decimals() -> None:
    """Whatever a test lets ccxt do by itself: it changes how decimals are rounded, for good."""
    decimal.setcontext(decimal.DefaultContext.copy())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="try much more of everything")


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Two for each processor, as a test of a real process also waits; each costs imports of its own."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return WORKERS_PER_PROCESSOR * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    profiles.choose(deep=config.getoption("--deep"))
    if not hasattr(config, "workerinput"):
        _write_to_memory()
        # what is kept beside state directories stays in the tests
        os.environ[STATE_HOME] = made = tempfile.mkdtemp(prefix="tradectl-tests-")
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        _move_home(Path(made) / "home")
        config.add_cleanup(processes.offer_forks(Path(made)))
    _hear_signals()
    # Hundreds of processes are started: none compiles what another one has.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[worker_forks.Spec]) -> None:
    folder = Path(os.environ[STATE_HOME])
    config.add_cleanup(worker_forks.offer(specs, config.args, folder))


def _move_home(home: Path) -> None:
    """Of who runs the tests, as the system names it, for every process that they start."""
    home.mkdir(mode=0o700)
    folder = str(Path(sitecustomize.__file__).parent)
    paths = [folder, os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ[sitecustomize.VARIABLE] = str(home)
    sitecustomize.move()


def _hear_signals() -> None:
    """A shell has what it starts in the background ignore them, and what that starts would, too."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def _write_to_memory() -> None:
    """Where the system has a folder for it with room enough: no power fails between two tests."""
    if "TMPDIR" in os.environ or not IN_MEMORY.is_dir():
        return
    if shutil.disk_usage(IN_MEMORY).free > ROOM_BYTES:
        os.environ["TMPDIR"] = str(IN_MEMORY)
        tempfile.tempdir = None


@pytest.fixture(scope="session", autouse=True)
def money_is_conserved() -> None:
    conserved.watch()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What it leaves, of every module and every test, stays to the end: the collector looks at what is
    new, and seldom."""
    gc.disable()
    yield
    if "ccxt.base.exchange" in sys.modules:
        ccxt_clients.alias_once()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def what_is_frozen_stays_so() -> Iterator[None]:
    """Also where the program lets go of it, as `backtest_api` does: the collector would go through all
    that was imported, a second each time. What a run would freeze besides is garbage to be found."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "unfreeze", lambda: None)
        patch.setattr(gc, "freeze", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def fork_servers() -> Iterator[None]:
    """Those of this worker end with its tests."""
    processes.become_subreaper()
    yield
    processes.end_fork_servers()


@pytest.fixture(scope="module", autouse=True)
def nothing_left_behind(fork_servers: None) -> Iterator[None]:
    """No test leaves a process behind: what still runs after those of its module is killed, and told."""
    yield
    left = processes.kill_left_behind()
    assert not left, f"left behind by the tests of this module: {left}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A package that is missing is no reason to skip: the extra `dev` brings all of them."""
    return _failed_without_a_package((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _failed_without_a_package((yield))


def _failed_without_a_package(report: Report) -> Report:
    if report.skipped and "could not import" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"{report.longrepr}: run pip install -e '.[dev]'"
    return report


def pytest_report_header() -> str:
    return profiles.described()


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, LoopFactory]:
    """Real time, but for what is marked `virtual_time`; `virtual_time(False)` for one of a module.
    `virtual_time(lasting=7200)` may take so many seconds of its own time."""
    marker = item.get_closest_marker("virtual_time")
    if marker is None or marker.args == (False,):
        return {"real": asyncio.new_event_loop}
    return {"virtual": virtual_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in FIRST)
    for item in items:
        if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            is_slow = item.get_closest_marker("slow") is not None
            usual = SLOW_PATIENCE_S if is_slow else PATIENCE_S
            virtual = item.get_closest_marker("virtual_time")
            lasting = virtual.kwargs.get("lasting", usual) if virtual is not None else usual
            item.obj = bounded(item.obj, lasting)


def bounded(
    test: Callable[..., Awaitable[None]], patience: float
) -> Callable[..., Awaitable[None]]:
    """A test that waits for what never comes fails, and its traceback says where it waited."""

    @functools.wraps(test)
    async def within_limits(*arguments: object, **fixtures: object) -> None:
        async with asyncio.timeout(patience):
            await test(*arguments, **fixtures)

    return within_limits
