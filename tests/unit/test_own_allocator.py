"""An allocator of the user's own: what it gives is looked at, and what it breaks is its own."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.test_allocation_methods import history, targets
from tradectl.adapters.own_allocator import OwnAllocator
from tradectl.adapters.weights_worker import WeightsWorker, answer_to
from tradectl.config.rules import check
from tradectl.config.settings import Settings
from tradectl.domain.allocation import ComputeWeights, Weights
from tradectl.domain.errors import AllocationFailed, ConfigError, UsageError
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.system.trading_system import allocator_of, module_hashes

D = Decimal


def own(folder: Path, body: str, **allocation: Any) -> OwnAllocator:
    """A function of this body."""
    file = folder / "weights.py"
    file.write_text(f"def mine(targets, history):\n    {body}\n")
    file.chmod(0o600)
    return asked_of(f"{file}:mine", **allocation)


def asked_of(name: str, **allocation: Any) -> OwnAllocator:
    made = allocator_of(settings_of(name, **allocation))
    assert isinstance(made, OwnAllocator)
    return made


def settings_of(name: str, **allocation: Any) -> Settings:
    return Settings(
        symbols=("CALM", "MIDDLE", "WILD"),
        allocation=AllocationSettings(allocator=name, **allocation),
        portfolio=PortfolioSettings(
            sizing="allocation", max_weight=D("0.4"), cash_reserve=D("0.1")
        ),
    )


@pytest.mark.parametrize(
    ("body", "weights"),
    [
        ("return {'CALM': 0.2, 'WILD': 0.1}", ("0.2", "0", "0.1")),
        ("return dict.fromkeys(targets, 0.1)", ("0.1", "0.1", "0.1")),
        ("return {'CALM': 2}", ("0.4", "0", "0")),
        ("return dict.fromkeys(targets, 5)", ("0.3", "0.3", "0.3")),
        ("return {}", ("0", "0", "0")),
        ("return {'CALM': len(history.returns('CALM')) / 1000}", ("0.063", "0", "0")),
        ("history.closes.clear(); targets.clear(); return {'CALM': 0.1}", ("0.1", "0", "0")),
    ],
)
def test_its_weights_are_kept_within_what_is_allotted(
    body: str, weights: tuple[str, ...], tmp_path: Path
) -> None:
    known = history()
    given = own(tmp_path, body)(targets(), known)
    assert tuple(given[s] for s in ("CALM", "MIDDLE", "WILD")) == tuple(map(D, weights))
    assert known == history()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return 7", "expected a share of equity by symbol"),
        ("return {'OTHER': 0.1}", "gave a weight to OTHER, which nobody wants"),
        ("return {'CALM': float('nan')}", "expected 0 or more"),
        ("return {'CALM': -0.1}", "expected 0 or more"),
        ("return {'CALM': 'much'}", "expected a number"),
        ("return {'CALM': 1 / 0}", "ZeroDivisionError"),
        ("yield 1", "a generator"),
        ("raise KeyError('x')", "KeyError"),
        ("return {'CALM': 10**400}", "OverflowError"),
        ("return {'CALM': __import__('decimal').Decimal('sNaN')}", "ValueError"),
        ("return {'CALM': 1e9}", "expected 0 or more, up to 1,000 times the equity"),
        ("return {'CALM': float('inf')}", "gave CALM inf"),
        ("return {7: 0.1}", "gave a weight to 7, which nobody wants"),
    ],
)
def test_what_is_no_answer_says_so_and_is_called_no_more_after_a_while(
    body: str, why: str, tmp_path: Path
) -> None:
    made = own(tmp_path, body)
    said = [answer_to(ComputeWeights(n, targets(), history()), made).failure for n in range(4)]
    assert why in said[0]
    assert "called no more in this run (3 failures in a row)" in said[2]
    assert "restart to call it again" in said[3]


def test_who_asks_for_an_end_gets_it_at_once(tmp_path: Path) -> None:
    made = own(tmp_path, "import sys; sys.exit(3)")
    first, second = (answer_to(ComputeWeights(n, targets(), history()), made) for n in range(2))
    assert "SystemExit" in first.failure
    assert "called no more" in second.failure


ODD = """
from collections.abc import Mapping
from itertools import repeat

class Odd(Mapping):
    def __init__(self, error, items=None):
        self.error, self.given = error, items
    def __getitem__(self, key): raise self.error
    def __len__(self): return 1
    def __iter__(self): raise self.error
    def items(self):
        if self.given is None:
            raise self.error
        return self.given

class Number(float):
    def __lt__(self, other): raise KeyboardInterrupt
    __le__ = __gt__ = __ge__ = __abs__ = __float__ = __repr__ = __lt__

class Symbol(str):
    def __hash__(self): raise SystemExit(4)
    __eq__ = __str__ = __repr__ = __hash__

def asks_for_an_end(targets, history): return Odd(SystemExit(0))
def of_ctrl_c(targets, history): return Odd(KeyboardInterrupt())
def of_the_base(targets, history): return Odd(BaseException("base"))
def without_end(targets, history): return Odd(None, repeat(("CALM", 0.1)))
def of_its_own_numbers(targets, history): return Odd(None, [(Symbol("CALM"), Number(0.1))])
"""


def odd(folder: Path, name: str) -> OwnAllocator:
    file = folder / "odd.py"
    file.write_text(ODD)
    file.chmod(0o600)
    return asked_of(f"{file}:{name}")


@pytest.mark.parametrize("name", ["asks_for_an_end", "of_ctrl_c", "of_the_base"])
def test_an_answer_that_raises_as_it_is_read_ends_nothing_but_itself(
    name: str, tmp_path: Path
) -> None:
    made = odd(tmp_path, name)
    first, second = (answer_to(ComputeWeights(n, targets(), history()), made) for n in range(2))
    assert first.failure.startswith("odd.py:")
    assert "restart to call it again" in second.failure


@pytest.mark.parametrize("name", ["without_end", "of_its_own_numbers"])
def test_an_answer_is_copied_into_plain_numbers_and_read_no_longer_than_it_may_be(
    name: str, tmp_path: Path
) -> None:
    assert odd(tmp_path, name)(targets(), history())["CALM"] == D("0.1")


def test_constraints_hold_for_it_too(tmp_path: Path) -> None:
    groups: dict[str, Any] = {
        "groups": {"CALM": "g", "WILD": "g"}, "group_caps": {"g": D("0.2")},
    }  # fmt: skip
    given = own(tmp_path, "return dict.fromkeys(targets, 0.3)", **groups)(targets(), history(0))
    assert given["CALM"] + given["WILD"] <= D("0.200001")
    assert given["MIDDLE"] >= D("0.3")


def test_a_class_is_made_once_and_remembers(tmp_path: Path) -> None:
    file = tmp_path / "counting.py"
    file.write_text(
        "class Counting:\n"
        "    calls = 0\n"
        "    def __call__(self, targets, history):\n"
        "        self.calls += 1\n"
        "        return {'CALM': self.calls / 100}\n"
    )
    file.chmod(0o600)
    made = asked_of(f"{file}:Counting")
    assert [made(targets(), history())["CALM"] for _ in range(2)] == [D("0.01"), D("0.02")]


def test_where_it_is_has_to_be_said_and_its_hash_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"allocation.allocator: expected path/to/file.py:Name"):
        check(settings_of("weights"))
    own(tmp_path, "return {}")
    name = f"{tmp_path / 'weights.py'}:mine"
    assert list(module_hashes(settings_of(name))) == [name]
    with pytest.raises(UsageError, match="is nothing to call: did you mean 'mine'"):
        asked_of(name.replace("mine", "mime")).check()
    (tmp_path / "weights.py").chmod(0o666)
    with pytest.raises(UsageError, match="others can write"):
        asked_of(name).check()


def test_one_that_nobody_would_ask_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'expected "allocation", or no allocator'):
        check(replace(settings_of("weights.py:mine"), portfolio=PortfolioSettings()))


def test_weights_before_it_are_kept(tmp_path: Path) -> None:
    with pytest.raises(AllocationFailed):
        own(tmp_path, "return None")(targets(), history())


async def test_one_that_does_not_come_back_is_not_called_beside_itself() -> None:
    goes_on, answered = threading.Event(), asyncio.Event()
    posted: list[Any] = []

    def slow(targets: Any, history: Any) -> Weights:
        goes_on.wait()
        return {"CALM": D("0.1")}

    def post(event: Any) -> None:
        posted.append(event)
        if len(posted) > 1:
            answered.set()

    hears: list[Any] = []
    clock = SimpleNamespace(live=True)
    bus: Any = SimpleNamespace(clock=clock, running=True, post=post, compute_by=hears.append)
    WeightsWorker(bus, slow).bind()
    for number in (1, 2):
        hears[0](ComputeWeights(number, targets(), history()))
    goes_on.set()
    await answered.wait()
    assert [(event.request, event.failure[:5]) for event in posted] == [(2, "those"), (1, "")]
