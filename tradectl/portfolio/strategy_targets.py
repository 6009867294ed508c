"""What each strategy wants of a symbol, as a position of its own.

Each strategy has one target per symbol, made from its latest signal and kept in the books. It is worked
out anew when the strategy speaks, when another one's word changes its part of the portfolio, and at a
scheduled rebalancing; else it stays what it was: a strategy that is silent keeps its position, whatever
the others say, and after a restart too.

The targets of a symbol are netted before anything is traded, so that two strategies that disagree do
not pay fees to trade with each other. On spot, where nothing can be sold short, a SELL is a target of
zero before that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

import msgspec
from msgspec import Struct

from tradectl.domain.events import StrategySignalEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, floor_to, side_of
from tradectl.domain.positions import Position, nearer_zero
from tradectl.domain.shares import StrategyTarget, part_of
from tradectl.domain.views import AccountView
from tradectl.portfolio.netting import (
    Allocations,
    Conflict,
    followed,
    net_target,
    parts_of_net,
    target_of,
)
from tradectl.portfolio.sizing import Sizer


class Wanted(Struct, frozen=True):
    """The `targets` of a symbol by strategy, in the order of the configuration, and those of them that
    are not yet in the books (`changed`)."""

    targets: Mapping[str, StrategyTarget]
    changed: tuple[StrategyTarget, ...]

    @property
    def anything(self) -> bool:
        """Somebody wants to hold some of it."""
        return any(target.size and not target.stopped for target in self.targets.values())


class StrategyTargets:
    """Works targets out. `allocations` are shares of the portfolio by strategy, in the order of the
    configuration."""

    def __init__(
        self,
        sizer: Sizer,
        allocations: Mapping[str, Decimal],
        conflict: Conflict = "net",
    ) -> None:
        self._conflict: Conflict = conflict
        self._sizer = sizer
        self._allocations = self._computed = Allocations(allocations)
        self._configured = allocations
        self._known_shares: Mapping[str, Decimal] = allocations
        self._place = {name: n for n, name in enumerate(allocations)}
        self._spoken: set[tuple[str, str]] = set()
        """by symbol and strategy, in this run: what is silent since a restart is not in it"""

    def size_by(self, sizer: Sizer) -> None:
        """What is worked out from now on is sized by it."""
        self._sizer = sizer

    def asked(self, signal: StrategySignalEvent, instrument: Instrument) -> StrategyTarget:
        """What the signal asks for, not yet sized. Raises UsageError for what nobody can follow."""
        self._allocations.of(signal.strategy)
        target = target_of(signal, instrument.can_short)
        self._spoken.add((signal.symbol, signal.strategy))
        return target

    def known(self, symbol: str, view: AccountView) -> Mapping[str, StrategyTarget]:
        """The targets in the books, of strategies that are configured: what another one holds stays."""
        targets = view.targets(symbol)
        if len(targets) == 1:
            (name,) = targets
            if (symbol, name) in self._spoken and name in self._allocations:
                return targets  # the usual case
        names = [name for name in targets if name in self._allocations]
        if len(names) > 1:
            names.sort(key=self._place_of)
        return {
            name: targets[name]
            if (symbol, name) in self._spoken
            else _of_an_old_word(symbol, targets[name], view)
            for name in names
        }

    def _shares(self, view: AccountView) -> Allocations:
        """Those in force: as configured, or as they were worked out last."""
        known = view.allocation
        if known is None or not known.shares:
            return self._allocations
        if known.shares is not self._known_shares:
            self._known_shares = known.shares
            self._computed = Allocations({**self._configured, **known.shares})
        return self._computed

    def net(self, symbol: str, view: AccountView) -> Decimal:
        """What strategies together want of the symbol, -1 to 1; who was stopped out wants nothing."""
        targets = [t for t in self.known(symbol, view).values() if not t.stopped]
        shares = self._shares(view)
        return net_target(followed(targets, shares, self._conflict), shares)

    def _rests(self, symbol: str, target: StrategyTarget) -> bool:
        """It stays as it is before the strategy speaks."""
        return target.stopped or (symbol, target.strategy) not in self._spoken

    def unsized(
        self, symbol: str, view: AccountView, said: Mapping[str, StrategyTarget]
    ) -> tuple[StrategyTarget, ...]:
        """What was said where there is no price to size it by, as far as it is new."""
        known = view.targets(symbol)
        return tuple(new for name, new in said.items() if not new.is_same_word(known.get(name)))

    def resized(
        self,
        instrument: Instrument,
        mark: Decimal,
        view: AccountView,
        said: Mapping[str, StrategyTarget],
        afresh: Collection[str] = (),
    ) -> Wanted:
        """The targets after what is `said` by strategies, those of some sized `afresh` by the mark."""
        known = self.known(instrument.symbol, view)
        after = known
        for name, new in said.items():
            if not is_stopped(new, known.get(name)):
                after = {**after, name: new}
        if len(after) == 1:
            return self._alone(instrument, mark, view, known, after, said or afresh)
        if known and len(after) > len(known):
            after = {name: after[name] for name in sorted(after, key=self._place_of)}
        shares = self._shares(view)
        counted = followed(after.values(), shares, self._conflict)
        parts, net = parts_of_net(counted, shares), net_target(counted, shares)

        def sized(names: Iterable[str]) -> dict[str, StrategyTarget]:
            return {
                name: self._sized(after[name], parts[name], net, instrument, mark, view)
                for name in names
            }

        resized = sized(
            self._concerned(instrument.symbol, known, after, {*said, *afresh}, parts, shares)
        )
        most = self._sizer.largest(mark, view)
        if most is not None:
            resized = _held_within(most, {**after, **resized}, resized, instrument, view)
        targets = {**after, **resized}
        changed = tuple(target for name, target in resized.items() if target != known.get(name))
        return Wanted(targets, changed)

    def _alone(
        self,
        instrument: Instrument,
        mark: Decimal,
        view: AccountView,
        known: Mapping[str, StrategyTarget],
        after: Mapping[str, StrategyTarget],
        afresh: Collection[str],
    ) -> Wanted:
        """The usual case: one strategy in the symbol, and its target is the net."""
        ((name, target),) = after.items()
        if self._rests(instrument.symbol, target) or (
            name not in afresh and target.quantity is not None
        ):
            return Wanted(after, ())
        net = self._shares(view).of(name) * target.size if target.confidence else ZERO
        sized = self._sized(target, net, net, instrument, mark, view)
        return Wanted({name: sized}, () if sized == known.get(name) else (sized,))

    def of_one(self, symbol: str, view: AccountView) -> Decimal | None:
        """What the symbol's only strategy wants to hold, by the mark of now. None where others want or
        hold something, too, and where it has not spoken in this run, or was stopped out."""
        targets, mark = view.targets(symbol), view.mark(symbol)
        if not mark or not is_alone(targets, view.holdings(symbol)):
            return None
        ((name, target),) = targets.items()
        if self._rests(symbol, target) or name not in self._allocations:
            return None
        net = self._shares(view).of(name) * target.size if target.confidence else ZERO
        quantity = self._sizer.quantity(symbol, net, net, mark, view) * view.risk.size_of(symbol)
        return _held_of(quantity, view.instrument(symbol))

    def _sized(
        self,
        target: StrategyTarget,
        part: Decimal,
        net: Decimal,
        instrument: Instrument,
        mark: Decimal,
        view: AccountView,
    ) -> StrategyTarget:
        quantity = self._sizer.quantity(instrument.symbol, part, net, mark, view)
        quantity *= view.risk.size_of(instrument.symbol)
        quantity = _held_of(quantity, instrument)
        if target.quantity is not None and quantity == target.quantity:
            return target
        return StrategyTarget(target.strategy, target.size, target.confidence, quantity)

    def _concerned(
        self,
        symbol: str,
        known: Mapping[str, StrategyTarget],
        after: Mapping[str, StrategyTarget],
        afresh: Collection[str],
        parts: Mapping[str, Decimal],
        shares: Allocations,
    ) -> Iterable[str]:
        """Whose target has to be worked out: who spoke, who gets another part by it, and who could not be
        sized before."""
        before = parts
        if after is not known:
            before = parts_of_net(followed(known.values(), shares, self._conflict), shares)
        return [
            name
            for name, target in after.items()
            if not self._rests(symbol, target)
            if name in afresh or target.quantity is None or before.get(name) != parts[name]
        ]

    def _place_of(self, name: str) -> tuple[int, str]:
        return self._place.get(name, -1), name


def _held_of(quantity: Decimal, instrument: Instrument) -> Decimal:
    """In whole lots; of what cannot be sold short nothing below zero: a weight may be a hedge."""
    if quantity < 0 and not instrument.can_short:
        return ZERO
    return instrument.floor_quantity(quantity)


def _of_an_old_word(symbol: str, target: StrategyTarget, view: AccountView) -> StrategyTarget:
    """What a strategy wants that has said nothing in this run: to keep its position, with what orders
    still bring. An exit that was not made is still wanted; nothing is bought on an old word."""
    lot, own = view.instrument(symbol).lot_size, view.holdings(symbol).get(target.strategy)
    there = own.quantity if own is not None else ZERO
    for order in view.working_orders(symbol):
        if not order.spec.waits_apart:
            there += order.coming_for(lot).get(target.strategy, ZERO)
    quantity = there if target.quantity is None else nearer_zero(target.quantity, there)
    return msgspec.structs.replace(target, quantity=quantity)


def _held_within(
    most: Decimal,
    targets: Mapping[str, StrategyTarget],
    new: dict[str, StrategyTarget],
    instrument: Instrument,
    view: AccountView,
) -> dict[str, StrategyTarget]:
    """The `new` ones of the targets, cut where all together would be larger than `most`: nobody has to
    give up what it holds for it, but they do not add to theirs."""
    total, lot = total_of(targets), instrument.lot_size
    over = abs(total) - floor_to(most, lot)
    if over <= 0:
        return new
    held = view.holdings(instrument.symbol)
    room: dict[str, Decimal] = {}
    for name, target in new.items():
        own = held[name].quantity if name in held else ZERO
        wanted = target.quantity or ZERO
        if wanted * total > 0:
            room[name] = wanted - nearer_zero(wanted, own) if wanted * own > 0 else wanted
    available = abs(sum(room.values(), ZERO))
    if not available:
        return new
    cut = part_of(room, side_of(total).signed(min(over, available)), lot)
    return {
        name: msgspec.structs.replace(
            target, quantity=(target.quantity or ZERO) - cut.get(name, ZERO)
        )
        for name, target in new.items()
    }


def is_stopped(new: StrategyTarget, old: StrategyTarget | None) -> bool:
    """It asks for what a stop closed."""
    return old is not None and old.stopped and new.is_same_word(old)


def is_alone(targets: Mapping[str, StrategyTarget], holdings: Mapping[str, Position]) -> bool:
    """One strategy has a target, and no other one holds anything."""
    if len(targets) != 1:
        return False
    if holdings.keys() <= targets.keys():
        return True
    return not any(own.quantity and name not in targets for name, own in holdings.items())


def is_at_rest(symbol: str, view: AccountView) -> bool:
    """Nothing is held there, wanted or on its way: there is nothing to bring back."""
    return (
        not view.position(symbol).quantity
        and symbol not in view.wanted()
        and not view.working_orders(symbol)
        and not any(own.quantity for own in view.holdings(symbol).values())
    )


def all_out(symbol: str, view: AccountView) -> tuple[StrategyTarget, ...]:
    """The symbol's targets when no strategy is to hold anything any more."""
    return tuple(
        msgspec.structs.replace(target, size=ZERO, quantity=ZERO, stopped=False)
        for target in view.targets(symbol).values()
        if target.size or target.quantity
    )


def total_of(targets: Mapping[str, StrategyTarget]) -> Decimal:
    return sum((target.quantity or ZERO for target in targets.values()), ZERO)


__all__ = ["StrategyTargets", "Wanted", "all_out", "is_alone", "is_at_rest", "total_of"]
