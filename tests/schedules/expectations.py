"""Steps of a plan that do nothing, and look whether something is so by then: `is-flat`, `is-protected`.

What is mended by another way a little later is seen only while it lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tests.schedules.invariant_checker import InvariantChecker
from tests.schedules.plans import Plan
from tradectl.domain.events import TradingConcluded
from tradectl.runtime.run import TradingRun
from tradectl.testkit.faults import Fault

HALTS = ("limit", "latch", "emergency", "direct-stop")


class Expectations:
    plan: Plan
    checker: InvariantChecker

    @property
    def run(self) -> TradingRun | None:
        raise NotImplementedError

    def _is_flat(self, why: str) -> None:
        self.checker.protection.must_be_flat([*self.plan.symbols], why)

    def _is_protected(self) -> None:
        """By stops that rest, whatever else may close a position."""
        self.checker.protection.stops_rest([*self.plan.symbols])

    def _is_confirmed(self) -> None:
        """Each receipt up to now."""
        counts = self.checker.counts
        if counts["unconfirmed"] or not counts["confirmed"]:
            self.checker.say(f"{counts['confirmed']} receipts are confirmed: {dict(counts)}")

    def _is_told(self, kind: str) -> None:
        """By an alert that is not over."""
        told = [] if self.run is None else [a.type for a in self.run.alerts.get_active_alerts()]
        if kind not in told:
            self.checker.say(f"no alert tells of {kind}: {told}")

    def _is_not_concluded(self) -> None:
        """A halt has something left to do."""
        run = self.run
        if run is None or any(isinstance(r.event, TradingConcluded) for r in run.bus.history()):
            self.checker.say("the halt is concluded")

    def _is_disarmed(self) -> None:
        """No countdown runs beside what has to stay."""
        self.checker.countdown.ended([*self.plan.symbols], may_stay=True)


def unmet_of(
    plan: Plan, faults: Iterable[Fault], counts: Mapping[str, int], lives: list[str]
) -> Iterator[str]:
    """What the plan says and did not come about, in words: what never trades, or is never halted, proves
    nothing."""
    done = [step.do for step in plan.steps]
    kills = done.count("kill")
    if not counts["armed" if plan.dead_man else "accepted"]:
        yield "nothing was traded, and no countdown begun"
    if kills > lives.count("killed"):
        yield f"it was to be killed {kills} times: {lives}"
    if not counts["latched"] and any(do in HALTS for do in done):
        yield "nothing was latched"
    for fault in faults:
        if not fault.hits:
            yield f"nobody met the {fault.kinds[0]} of {fault.method} {fault.path}"


__all__ = ["Expectations", "unmet_of"]
