"""A strategy that is told symbols by its parameters needs those: a run without them would wait for ever,
and one on spot would have half of what it trades.
"""

from __future__ import annotations

from collections.abc import Collection

from tradectl.domain.errors import UsageError
from tradectl.runtime.run_options import RunOptions
from tradectl.strategy.own_process import while_loading


def refuse_absent_symbols(options: RunOptions, ahead: Collection[str]) -> None:
    """Raises UsageError for a parameter that names a symbol that is not traded, or no perpetual where it
    has to be one. `ahead` is what the feed will bring; a recording may bring more, later on."""
    settings = options.settings
    instruments = settings.all_instruments()
    for strategy in settings.strategies:
        with while_loading():
            parameters = options.find(strategy.strategy).parameters()
        traded = sorted(set(strategy.symbols) & set(ahead) if strategy.symbols else ahead)
        for key, parameter in parameters.items():
            name = strategy.parameters.get(key, parameter.default)
            if not parameter.names or not isinstance(name, str):
                continue
            where = f"{strategy.name}: {key} = {name!r:.60}"
            short = parameter.names == "perpetual"
            is_wrong = short and not instruments[name].can_short
            if name not in traded and (is_wrong or not options.data):
                raise UsageError(
                    f"{where} is not traded: name {'a perpetual' if short else 'one'} of those that are "
                    f"({', '.join(traded[:10])})"
                )
            if is_wrong:
                raise UsageError(
                    f"{where} is no perpetual, and cannot be sold short: name one, or describe it as one "
                    'in [[instruments]] with kind = "perpetual"'
                )


__all__ = ["refuse_absent_symbols"]
