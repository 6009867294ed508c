"""What may change while a run trades, and what it would be then.

Each setting says beside its declaration whether it can be changed in a running system, and which way
makes a limit looser (`domain.setting.Reload`). Two settings are compared key by key; each difference is
safe, loosens something, or is refused with a reason. A record of the change, as a journal keeps it, is
enough to make it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import SettingChange, SettingsChanged
from tradectl.domain.setting import Field, Looser, Reload, Section, fields_of, is_struct
from tradectl.domain.system_events import Market
from tradectl.notification.threshold_settings import holds_back_less
from tradectl.portfolio.allocation_settings import BY_WEIGHTS
from tradectl.strategy.configured import StrategyInstance

Verdict = Literal["safe", "loosens", "refused"]

STRATEGIES = "strategies."
PARAMETERS = ".parameters."
UNCLASSED = Reload(refused="nobody has said yet whether it is safe")
REST = "*"
"""In a table by symbol: all that are not named."""
WEIGHED = frozenset(("portfolio.max_weight", "portfolio.cash_reserve"))
"""What weights are worked out by, where positions are sized by them."""


class Difference(Struct, frozen=True):
    """A key of which the value is another one: `old` and `new` as plain data with decimals (None for off,
    and for a parameter that is left to its default). `reason` says why it is refused."""

    key: str
    old: Any
    new: Any
    verdict: Verdict
    reason: str = ""


def reload_of(section: type[Struct] | None, field: Field) -> Reload:
    """Of a field of `section`; what nobody has classed is refused."""
    of_all = section.reload if section is not None and issubclass(section, Section) else None
    return field.reload or of_all or UNCLASSED


def differences(running: Settings, wanted: Settings) -> list[Difference]:
    """Key by key, in the order of the settings."""
    found: list[Difference] = []
    for name, field in fields_of(Settings).items():
        old, new = getattr(running, name), getattr(wanted, name)
        if old == new:
            continue
        if name == "strategies":
            found += _of_strategies(old, new, field)
        elif is_struct(field.kind):
            found += [_unless_weighed(each, running) for each in _of_fields(f"{name}.", old, new)]
        else:
            found.append(_judged(_difference(name, old, new, reload_of(None, field)), old, new))
    return found


def values_of(found: Iterable[Difference]) -> dict[str, Any]:
    """Key -> new value, as a journal keeps it."""
    return {each.key: msgspec.to_builtins(each.new) for each in found}


def patched(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """`settings` with these values, by key, as `Difference` has them. Raises ConfigError."""
    tree: dict[str, Any] = msgspec.to_builtins(settings, str_keys=True)
    for key, value in values.items():
        if key.startswith(STRATEGIES):
            _set_parameter(tree, key, value)
            continue
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
    return Settings.load(tree)


def change_of(
    running: Settings,
    found: Sequence[Difference],
    history: Mapping[str, tuple[Market, ...]] | None = None,
    *,
    shown: Mapping[str, int] | None = None,
    reason: str = "",
    by: str = "",
) -> SettingsChanged:
    """The input that makes these differences in a system that runs by `running`. Raises ConfigError for
    what cannot stand together."""
    wanted, limits = patched(running, values_of(found)), None
    if wanted.risk_limits() != running.risk_limits():
        limits = msgspec.to_builtins(wanted.risk_limits(), str_keys=True)
    return SettingsChanged(
        source_component=by,
        changes=tuple(
            SettingChange(
                each.key,
                msgspec.to_builtins(each.old),
                msgspec.to_builtins(each.new),
                each.verdict == "loosens",
            )
            for each in found
        ),
        limits=limits,
        history=dict(history or {}),
        shown=dict(shown or {}),
        reason=reason,
    )


def in_force(settings: Settings, applied: Mapping[str, Any]) -> Settings:
    """What a run that began with `settings` goes by once others were `applied` to it."""
    return patched(settings, applied) if applied else settings


def left_behind(applied: Mapping[str, Any], now: Settings) -> list[Difference]:
    """What was `applied` to a run before, by key, and is another one `now`: `old` is what it was then."""
    if not applied:
        return []
    try:
        then = patched(now, applied)
    except ConfigError:  # one by one they might be fine, together with the others they are not
        return [Difference(key, value, None, "loosens") for key, value in applied.items()]
    return [each for each in differences(then, now) if each.key in applied]


def loosens(looser: Looser, old: Any, new: Any) -> bool:
    """Whether a value lets more pass than the one before it."""
    if not looser or old == new:
        return False
    if looser == "either":
        return True
    if isinstance(old, Mapping):
        return _loosens_some(looser, old, new)
    if isinstance(old, tuple):
        more, less = (old, new) if looser == "lower" else (new, old)
        return not {*more} <= {*less}
    if old is None or new is None:
        return new is None
    return bool(new > old) if looser == "higher" else bool(new < old)


def _loosens_some(looser: Looser, old: Mapping[str, Decimal], new: Mapping[str, Decimal]) -> bool:
    """One of a table by symbol, or what holds for those that it does not name."""
    return any(
        loosens(looser, old.get(symbol, old.get(REST)), new.get(symbol, new.get(REST)))
        for symbol in {*old, *new, REST}
    )


def _of_fields(prefix: str, old: Struct, new: Struct) -> Iterator[Difference]:
    for name, field in fields_of(type(old)).items():
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            found = _difference(prefix + name, before, after, reload_of(type(old), field))
            off = field.bounds.off
            if off is not None and off in (before, after) and not found.reason:
                looser = reload_of(type(old), field).looser
                before, after = (None if each == off else each for each in (before, after))
                yield _with_verdict(found, loosens_it=loosens(looser, before, after))
            else:
                yield found


def _of_strategies(
    old: tuple[StrategyInstance, ...], new: tuple[StrategyInstance, ...], field: Field
) -> Iterator[Difference]:
    names, others = [each.name for each in old], [each.name for each in new]
    if names != others:
        yield _difference("strategies", names, others, reload_of(None, field))
        return
    for before, after in zip(old, new, strict=True):
        prefix = f"{STRATEGIES}{before.name}"
        for each in _of_fields(f"{prefix}.", before, after):
            if each.key == f"{prefix}.parameters" and each.verdict != "refused":
                yield from _of_parameters(prefix + PARAMETERS, before, after)
            else:
                yield each


def _of_parameters(
    prefix: str, old: StrategyInstance, new: StrategyInstance
) -> Iterator[Difference]:
    for name in sorted({*old.parameters, *new.parameters}):
        before, after = old.parameters.get(name), new.parameters.get(name)
        if before != after:
            yield Difference(prefix + name, _plain(before), _plain(after), "safe")


def _difference(key: str, old: Any, new: Any, reload: Reload) -> Difference:
    verdict: Verdict = "loosens" if loosens(reload.looser, old, new) else "safe"
    if reload.refused:
        verdict = "refused"
    return Difference(key, _plain(old), _plain(new), verdict, reload.refused)


def _judged(found: Difference, old: Any, new: Any) -> Difference:
    """What a list holds back is not to be told by what is in it."""
    if found.key != "thresholds":
        return found
    return _with_verdict(found, loosens_it=holds_back_less(old, new))


def _with_verdict(found: Difference, *, loosens_it: bool) -> Difference:
    return msgspec.structs.replace(found, verdict="loosens" if loosens_it else "safe")


def _unless_weighed(found: Difference, running: Settings) -> Difference:
    """Weights are asked for now and then, and those in force stay until the next are there."""
    if found.key not in WEIGHED or running.portfolio.sizing != "allocation":
        return found
    return msgspec.structs.replace(found, verdict="refused", reason=BY_WEIGHTS.refused)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True, builtin_types=(Decimal,))


def _set_parameter(tree: dict[str, Any], key: str, value: Any) -> None:
    name, _, parameter = key.removeprefix(STRATEGIES).rpartition(PARAMETERS)
    for strategy in tree["strategies"]:
        if strategy["name"] == name:
            parameters = {**strategy.get("parameters", {}), parameter: value}
            kept = {n: v for n, v in parameters.items() if v is not None}
            strategy["parameters"] = kept


__all__ = [
    "Difference",
    "change_of",
    "differences",
    "in_force",
    "left_behind",
    "loosens",
    "patched",
    "reload_of",
    "values_of",
]
