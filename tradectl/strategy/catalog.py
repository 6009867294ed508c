"""Where strategies come from: built in, a file of the user's, or an installed package.

A file of it is treated like a key (`user_files`).
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import sys
from inspect import cleandoc
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.domain.errors import Interrupted, UsageError
from tradectl.domain.keys import without_keys
from tradectl.domain.text import described, harmless, suggest
from tradectl.files.places import expanded
from tradectl.strategy.base import Strategy
from tradectl.strategy.imports import HASH, CheckedImports, read_trusted, refuse_open
from tradectl.strategy.own_process import while_loading
from tradectl.strategy.parameters import Parameter
from tradectl.strategy.user_files import MODULES, file_and_class, keep_modules, load

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "tradectl.strategies"
LONGEST_SENTENCE = 400
BUILT_IN = {
    "ema-cross": "tradectl.strategy.builtin.ema_cross:EmaCross",
    "rsi-reversion": "tradectl.strategy.builtin.rsi_reversion:RsiReversion",
    "donchian-breakout": "tradectl.strategy.builtin.donchian_breakout:DonchianBreakout",
    "supertrend-adx": "tradectl.strategy.builtin.supertrend_adx:SupertrendAdx",
    "bollinger-reversion": "tradectl.strategy.builtin.bollinger_reversion:BollingerReversion",
    "momentum-rotation": "tradectl.strategy.builtin.momentum_rotation:MomentumRotation",
    "pairs": "tradectl.strategy.builtin.pairs:Pairs",
    "cross-exchange-spread": "tradectl.strategy.builtin.cross_exchange_spread:CrossExchangeSpread",
    "market-maker": "tradectl.strategy.builtin.market_maker:MarketMaker",
    "dollar-cost-average": "tradectl.strategy.builtin.dollar_cost_average:DollarCostAverage",
    "grid": "tradectl.strategy.builtin.grid:Grid",
}


class StrategyInfo(Struct, frozen=True):
    """A strategy to choose. `origin` is `built-in`, `file` or the package; `problem` why it fails."""

    name: str
    summary: str
    parameters: dict[str, Parameter]
    origin: str
    problem: str = ""


def find(name: str) -> type[Strategy]:
    """The strategy class of a built-in name, of `path/to/file.py:ClassName`, or of an entry point.

    Raises UsageError when there is none, or when it cannot be loaded or trusted.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return _strategy_in(importlib.import_module(module), attribute, name)
    path, attribute = file_and_class(name)
    if path:
        return _strategy_in(load(expanded(path)), attribute, path)
    installed = _installed()
    if name in installed:
        return _from_package(installed[name])
    known = [*BUILT_IN, *installed]
    raise UsageError(f"no strategy {harmless(name, 60)!r}: {suggest(name, known)}")


def describe(name: str) -> StrategyInfo:
    """What a user wants to know of the strategy `name`. Raises as `find` does."""
    cls = find(name)
    summary = harmless(_first_sentence(cls.__doc__ or ""), LONGEST_SENTENCE)
    return StrategyInfo(name, summary, cls.parameters(), _origin(name))


def _first_sentence(text: str) -> str:
    """Whole, on one line; without a full stop it is the first paragraph."""
    paragraph = " ".join(cleandoc(text).partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def available() -> list[StrategyInfo]:
    """The built-in strategies, then the installed ones by name; broken ones say what is wrong."""
    found = []
    for name in [*BUILT_IN, *sorted(n for n in _installed() if n not in BUILT_IN)]:
        try:
            found.append(describe(name))
        except UsageError as error:
            found.append(StrategyInfo(name, "", {}, _origin(name), problem=str(error)))
    return found


def fingerprint(cls: type[Strategy]) -> str:
    """SHA-256 of the source file that `cls` came from: a changed strategy decides differently."""
    module = sys.modules[cls.__module__]
    known = getattr(module, HASH, None)
    if isinstance(known, str):
        return known
    path = getattr(module, "__file__", None)
    source = _typed_in(cls) if path is None else read_trusted(Path(path))
    return hashlib.sha256(source).hexdigest()


def modules_of(cls: type[Strategy]) -> dict[str, str]:
    """Name -> SHA-256 of what it loaded from its user's own folders, or its package's."""
    return getattr(sys.modules[cls.__module__], MODULES, {})


def _typed_in(cls: type[Strategy]) -> bytes:
    """The source of a class that is in no file, as in a notebook. Raises UsageError if there is none."""
    import inspect

    try:
        return inspect.getsource(cls).encode()
    except (OSError, TypeError) as error:
        raise UsageError(
            f"{cls.__name__} has no source file: its decisions could not be replayed"
        ) from error


def names_a_file(name: str) -> bool:
    """Whether `find` would run a file of this name."""
    return name.endswith(".py") or name.rpartition(":")[0].endswith(".py")


def _origin(name: str) -> str:
    if name in BUILT_IN:
        return "built-in"
    if file_and_class(name)[0]:
        return "file"
    entry = _installed().get(name)
    return entry.dist.name if entry is not None and entry.dist is not None else "package"


def _strategy_in(module: ModuleType, attribute: str, where: str) -> type[Strategy]:
    found = getattr(module, attribute, None)
    if isinstance(found, type) and issubclass(found, Strategy) and found is not Strategy:
        return found
    there = [
        n for n, v in vars(module).items()
        if isinstance(v, type) and issubclass(v, Strategy) and v.__module__ == module.__name__
    ]  # fmt: skip
    what = "has no class" if found is None else "has no Strategy, but something else, called"
    raise UsageError(f"{where} {what} {attribute!r}: {suggest(attribute, there)}")


def _installed() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # slow: only for names that are not built in

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, entry)  # first on the path wins, as with any import
    return found


def _from_package(entry: EntryPoint) -> type[Strategy]:
    imports = CheckedImports(entry.module.partition(".")[0])
    try:
        with while_loading(), without_keys(os.environ), imports.checking():
            module = importlib.import_module(entry.module)
            imports.load_what_is_named(_source_of(module))
    except Interrupted:  # the operator's: nothing trades yet, and nothing will
        raise
    except BaseException as error:  # somebody else's code: whatever it raises, it cannot be used
        where = f"strategy {entry.name!r} ({entry.value})"
        why = str(error) if isinstance(error, UsageError) else described(error)
        raise UsageError(f"{where}: {why}") from error
    keep_modules(module, imports.modules)
    return _strategy_in(module, entry.attr, entry.value)


def _source_of(module: ModuleType) -> bytes:
    """Of one that was loaded, now or before. Raises UsageError."""
    path = Path(module.__file__ or module.__name__)
    refuse_open(path)
    return read_trusted(path)
