"""Live runs under schedules of faults: random, seeded, and the same again when asked for by their seed.

    TRADECTL_SCHEDULES=5000 python -m pytest tests/integration/test_live_schedules.py
    TRADECTL_SCHEDULE_SEED=17 python -m pytest tests/integration/test_live_schedules.py -s

A schedule is a plan of steps (see `tests.schedules.plans`): trading and market moves, mixed with every
misbehaviour of the loopback exchange, changes from outside, stops, kills between any two steps of the
event loop and losses of power. It runs on a simulated operating system (see `tests.simulated_os`), with
the real run, the real ccxt and real sockets, while an invariant checker compares what it sees at the
exchange with what is promised (see `tests.schedules.invariant_checker`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import ccxt.pro  # noqa: F401  a hundred thousand objects: what is there when tests begin is not looked at
import pytest

from tests.fixtures.command import header_of, journals, wait_until
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.run_inputs import Character
from tests.profiles import in_turn, schedule_seeds
from tests.schedules.bracketed_plans import bracketed_plan
from tests.schedules.halting_plans import beset_plan, halting_plan, left_alone_plan
from tests.schedules.hedged_plans import hedged_plan
from tests.schedules.limited_plans import allotted_plan, braked_plan, legs_plan
from tests.schedules.named_plans import ALWAYS, NAMED
from tests.schedules.plans import Plan, entering, plan_of
from tests.schedules.quoting_plans import quoting_plan
from tests.schedules.scheduled_run import Outcome, perform
from tests.schedules.watched_plans import SEEN_ALWAYS, WATCHED
from tests.schedules.worked_plans import by_hand_plan, worked_plan
from tradectl.domain.orders import client_order_id
from tradectl.testkit.orders import Order

SEED = os.environ.get("TRADECTL_SCHEDULE_SEED", "")
WORKED_SEED = [int(seed) for seed in os.environ.get("TRADECTL_WORKED_SEED", "").split(",") if seed]
BRACKETED_SEED = [int(n) for n in os.environ.get("TRADECTL_BRACKETED_SEED", "").split(",") if n]
SEEDS = [int(SEED)] if SEED else schedule_seeds()
KILLED_AT_WORK = 3
"""The number of a plan by which a process is killed that would clear up at its end."""
CHUNK = 10
DEEP = range(300)
"""The seeds of each kind of plan, where the tests go deep."""
CHUNKS = -(-len(SEEDS) // CHUNK)
REPEAT = "TRADECTL_SCHEDULE_SEED={} python -m pytest -s -n 0 -k promises {}"


def seeds_of(chunk: int) -> Sequence[int]:
    return SEEDS[chunk::CHUNKS]


def judged(plan: Plan, folder: Path) -> Outcome:
    """Raises AssertionError with all that is needed to see it again."""
    repeat = REPEAT.format(plan.seed, "tests/integration/test_live_schedules.py")
    try:
        outcome = perform(plan, folder)
    except Exception as error:
        raise AssertionError(f"it broke; again: {repeat}\n{plan.described()}") from error
    wrong = "\n".join(outcome.wrong)
    assert not outcome.wrong, f"{wrong}\nagain: {repeat}\n{plan.described()}"
    shutil.rmtree(folder, ignore_errors=True)  # threads of what was killed may still write
    return outcome


def test_what_is_killed_begins_nothing_when_it_is_cleared_away(tmp_path: Path) -> None:
    """Or it would wait in a loop that nobody runs, until the tests are over and complain of it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with contextlib.closing(loop):
        perform(plan_of(KILLED_AT_WORK), tmp_path)
        assert asyncio.all_tasks(loop) == set()


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_happens_the_promises_hold(chunk: int, tmp_path: Path) -> None:
    traded = 0
    for seed in seeds_of(chunk):
        plan = entering(plan_of(seed))
        if SEED:
            print(plan.described())
        traded += judged(plan, tmp_path / str(seed)).counts.get("accepted", 0) > 0
    assert traded >= len(seeds_of(chunk)) // 3, (
        "what never trades proves nothing"
    )  # most of them do


WORKED = in_turn(range(8), 8, DEEP, name="worked")


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED) and not WORKED_SEED, reason="one seed is asked for")
@pytest.mark.parametrize("seed", WORKED_SEED or WORKED)
def test_orders_that_are_worked_by_children_end_exactly(seed: int, tmp_path: Path) -> None:
    """No child twice, none after what ends its order, and the parent as its children make it."""
    judged(worked_plan(seed), tmp_path / str(seed))


BRACKETED = in_turn((*range(8), 279, 413), 10, DEEP, name="bracketed")


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED) and not BRACKETED_SEED, reason="one seed is asked for")
@pytest.mark.parametrize("seed", BRACKETED_SEED or BRACKETED)
def test_no_leg_of_a_bracket_is_doubled_and_no_position_less_protected(
    seed: int, tmp_path: Path
) -> None:
    judged(bracketed_plan(seed), tmp_path / str(seed))


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED) and not WORKED_SEED, reason="one seed is asked for")
@pytest.mark.parametrize("seed", WORKED_SEED or in_turn(range(6), 6, DEEP, name="by hand"))
def test_what_is_done_by_hand_keeps_every_promise(seed: int, tmp_path: Path) -> None:
    judged(by_hand_plan(seed), tmp_path / str(seed))


QUOTING_SEED = [
    int(seed) for seed in os.environ.get("TRADECTL_QUOTING_SEED", "").split(",") if seed
]
QUOTING = in_turn((*range(8), 23), 9, DEEP, name="quoting")


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED) and not QUOTING_SEED, reason="one seed is asked for")
@pytest.mark.parametrize("seed", QUOTING_SEED or QUOTING)
def test_what_strategies_want_to_rest_breaks_no_promise(seed: int, tmp_path: Path) -> None:
    judged(quoting_plan(seed), tmp_path / str(seed))


LIMITED_SEED = [
    int(seed) for seed in os.environ.get("TRADECTL_LIMITED_SEED", "").split(",") if seed
]
FAMILIES: tuple[Callable[[int], Plan], ...] = (braked_plan, legs_plan, allotted_plan)
LIMITED = in_turn(
    [(family, seed) for seed in range(3) for family in FAMILIES],
    9,
    [(family, seed) for seed in DEEP for family in FAMILIES],
    name="limited",
)
"""One with each commit."""


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED) and not LIMITED_SEED, reason="one seed is asked for")
@pytest.mark.parametrize(
    ("family", "seed"),
    [(family, seed) for seed in LIMITED_SEED for family in FAMILIES] or LIMITED,
)
def test_brakes_hold_legs_stay_together_and_weights_are_kept(
    family: Callable[[int], Plan], seed: int, tmp_path: Path
) -> None:
    judged(family(seed), tmp_path / str(seed))


FOUND = (
    117,
    807,
    834,
    951,
    2086727176,
    2486923534,
    2784226057,
    3064482455,
    7000143,
    8000152,
    3319160481,
    70113156,
    1955822144,
    9500145,
    2632806520,
    9000132,
    23000013,
    25000120,
    25000193,
    27000837,
    27000868,
    27000894,
    27000901,
    2902854548,
    2069063160,
    30000243,
    28000326,
    31000152,
    31000240,
    32000190,
    32000398,
    32000561,
    32000400,
    32000877,
    657449135,
    3653114985,
    40000335,
    40000370,
    40000847,
    51004238,
    53000623,
    53000473,
    3996365005,
    3562649687,
    2372306756,
    851408418,
    3177450616,
)
"""Seeds that once found something."""


@pytest.mark.skipif(bool(SEED), reason="one seed is asked for")
@pytest.mark.parametrize("seed", in_turn(FOUND, 24, name="found"))
def test_what_was_found_once_stays_mended(seed: int, tmp_path: Path) -> None:
    judged(plan_of(seed), tmp_path / str(seed))


HALTING = (4, 6, 9, 26, 37, 45, 49, 50, 59, 85, 21000066, 24000050, 24000067)
"""Seeds by which a stop was lost once, or is where one of the ways to keep it is taken out."""


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED), reason="one seed is asked for")
@pytest.mark.parametrize("seed", in_turn(HALTING, 13, DEEP, name="halting"))
def test_no_halt_leaves_a_position_less_protected(seed: int, tmp_path: Path) -> None:
    judged(halting_plan(seed), tmp_path / str(seed))


BESET = (7, 9, 13, 18, 22, 23, 40, 50, 57, 58, 110)
LEFT_ALONE = (6, 14, 48, 118, 180, 24000072)
"""Seeds where one of the ways to protect a position, or to close it, is taken out."""


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED), reason="one seed is asked for")
@pytest.mark.parametrize("seed", in_turn(BESET, 11, DEEP, name="beset"))
def test_no_halt_that_meets_other_trouble_does_either(seed: int, tmp_path: Path) -> None:
    judged(beset_plan(seed), tmp_path / str(seed))


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED), reason="one seed is asked for")
@pytest.mark.parametrize("seed", in_turn(LEFT_ALONE, 6, DEEP, name="left alone"))
def test_no_dead_man_switch_takes_what_has_to_stay(seed: int, tmp_path: Path) -> None:
    judged(left_alone_plan(seed), tmp_path / str(seed))


HEDGED_SEED = [int(n) for n in os.environ.get("TRADECTL_HEDGED_SEED", "").split(",") if n]
HEDGED = (8, 9, 12, 13)


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED), reason="one seed is asked for")
@pytest.mark.parametrize("seed", HEDGED_SEED or in_turn(HEDGED, 4, DEEP, name="hedged"))
def test_hedge_mode_at_any_moment_doubles_and_bares_nothing(seed: int, tmp_path: Path) -> None:
    judged(hedged_plan(seed), tmp_path / str(seed))


BY_NAME = {**NAMED, **WATCHED}
EACH_TIME = (*ALWAYS, *SEEN_ALWAYS)
SELDOM = in_turn([name for name in BY_NAME if name not in EACH_TIME], 24, name="named")


@pytest.mark.skipif(bool(SEED), reason="one seed is asked for")
@pytest.mark.parametrize("name", [*EACH_TIME, *SELDOM])
def test_each_way_to_lose_protection_is_tried_by_name(name: str, tmp_path: Path) -> None:
    assert judged(BY_NAME[name], tmp_path / "state").unmet == []


# --- the real process -------------------------------------------------------------------------------

NO_GOOD_ANSWER = ("no-reply", "empty", "truncated", "cut", "reset", "html")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("market", "seed"),
    [
        ("futures" if seed % 2 == 0 else "spot", seed)
        for seed in in_turn((1, 2, 4, 3), 4, range(1, 25), name="kill -9")
    ],
)
def test_kill_9_of_the_real_process_loses_nothing(market: str, seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    with live_harness(tmp_path, Character.CHATTER, market=market) as live:
        truth = live.exchange.truth
        for _ in range(1 + seed % 2):
            killed_at = len(truth.ours()) + random.randint(2, 6)
            with live.running(sigma="0.001") as run:
                for placed in (True, False):
                    live.exchange.misbehave(
                        NO_GOOD_ANSWER, method="POST", path="*rder", probability=0.3, placed=placed
                    )
                live.exchange.misbehave("drop", stream="user", count=2, probability=0.3)
                wait_until(lambda: len(truth.ours()) >= killed_at)  # noqa: B023  in this very turn
                run.kill()
            live.exchange.behave()
        with live.running() as run:
            live.exchange.stop_walking()  # so that nothing new is ordered
            wait_until(lambda: live.tradectl("reconcile").code == 0, every=0.5)
            run.send(signal.SIGTERM)
            assert run.end().code == 0
        assert truth.duplicates() == []
        check_the_books(live, truth.ours())


def check_the_books(live: LiveHarness, orders: list[Order]) -> None:
    """What the commands tell is what the exchange knows, and every journal can be replayed."""
    there = {
        (client_id_of(live, fill["order_id"]), fill["trade_id"], Decimal(fill["quantity"]))
        for fill in live.tradectl("fills", "--limit", "10000", "--json").document()
    }
    assert there == {(o.client_id, str(f.id), f.quantity) for o in orders for f in o.fills}
    for number in range(len(journals(live.folder))):
        assert live.replayed(number).verified


def client_id_of(live: LiveHarness, order_id: str) -> str:
    account_id = header_of(journals(live.folder)[0]).state["account_id"]
    return client_order_id(account_id, order_id)
