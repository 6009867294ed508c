"""What goes together: the rules that look at more than one setting.

Each room's Struct has judged its own values when it was made. Each message begins with the key.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tradectl.config.settings import PAPER, Settings
from tradectl.domain.brackets import TRAIL_STEP_BPS, Bracket
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ONE, ZERO, plain
from tradectl.domain.orders import BY_HAND
from tradectl.domain.setting import check_values
from tradectl.domain.text import harmless, suggest
from tradectl.domain.time import zone
from tradectl.portfolio.allocation.allocator import check_packages
from tradectl.strategy.configured import StrategyInstance, listings_of

LONGEST_SYMBOL = 50


def check(settings: Settings) -> None:
    """Raises ConfigError for settings that contradict each other, or that nothing could run with."""
    _check_mode(settings)
    _check_symbols(settings)
    for index, instrument in enumerate(settings.instruments):
        _check_instrument(f"instruments[{index}]", instrument)
    _check_currency(settings)
    _check_time_zone(settings.account.time_zone)
    _check_funding(settings)
    _check_fill(settings)
    _check_working_orders(settings)
    _check_stress(settings)
    _check_allocation(settings)
    _check_strategies(settings)
    _check_budgets(settings)
    _check_execution(settings)
    _check_channels(settings)
    _check_thresholds(settings)


def _check_time_zone(name: str) -> None:
    try:
        zone(name)
    except ValueError as error:
        raise ConfigError(f"account.time_zone: {error}") from error


def on_paper(settings: Settings) -> Settings:
    """The same settings without money. Raises ConfigError."""
    if settings.mode == "live":
        settings = msgspec.structs.replace(settings, mode="paper")
        check(settings)
    return settings


def _check_mode(settings: Settings) -> None:
    if settings.mode == "live":
        if not settings.exchanges:
            raise ConfigError('mode: "live" needs an [[exchanges]] table to trade on')
    elif not settings.orchestrator.enable_paper_trading:
        raise ConfigError('orchestrator.enable_paper_trading: expected true with mode = "paper"')
    twice = _first_repeated([exchange.prefix for exchange in settings.exchanges])
    if twice is not None:
        raise ConfigError(f"exchanges: two are named {twice!r}: give one another name")
    _check_paper_exchanges(settings)


def _check_paper_exchanges(settings: Settings) -> None:
    names = [exchange.name for exchange in settings.paper.exchanges]
    twice = PAPER if PAPER in names and not settings.exchanges else _first_repeated(names)
    if twice is not None:
        raise ConfigError(f"paper.exchanges: two are named {twice!r}: give one another name")
    known = settings.exchange_names()
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise ConfigError(
            f"paper.exchanges: {unknown!r} is none of [[exchanges]]: expected some of {', '.join(known)}"
        )
    said = sum((exchange.cash or ZERO for exchange in settings.paper.exchanges), ZERO)
    if said > settings.account.cash:
        raise ConfigError(
            f"paper.exchanges.cash: {plain(said)} in all is more than account.cash, "
            f"{plain(settings.account.cash)}"
        )


def _check_channels(settings: Settings) -> None:
    """Alerts go by channels that there are."""
    names = [channel.name for channel in settings.alert_channels]
    twice = _first_repeated(names)
    if twice is not None:
        raise ConfigError(f"alert_channels: two are named {twice!r}: give one another name")
    tables = {
        "alert_routes": [route.channels for route in settings.alert_routes],
        "alert_escalations": [step.channels for step in settings.alert_escalations],
    }
    for table, lists in tables.items():
        for index, channels in enumerate(lists):
            for name in channels:
                if name not in names:
                    raise ConfigError(
                        f"{table}[{index}].channels: no [[alert_channels]] has the name {name!r:.60}; "
                        f"{suggest(name, names)}"
                    )


def _check_thresholds(settings: Settings) -> None:
    """One of each reading."""
    twice = _first_repeated([each.reading for each in settings.thresholds])
    if twice is not None:
        raise ConfigError(f"thresholds: two are of {twice}: expected one of each reading")


def _check_symbols(settings: Settings) -> None:
    if not settings.symbols:
        raise ConfigError("symbols: expected at least one")
    for key, names in (
        ("symbols", settings.symbols),
        ("instruments", [i.symbol for i in settings.instruments]),
    ):
        several = settings.exchanges or settings.paper.exchanges
        places = set(settings.exchange_names()) if several else set()
        for index, symbol in enumerate(names):
            place, colon, _ = symbol.partition(":")
            if colon and "/" not in place and places and place not in places:
                raise ConfigError(
                    f"{key}[{index}]: {symbol!r:.60} names an exchange that is not configured: "
                    f"expected one of {', '.join(sorted(places))}"
                )
            if not symbol or len(symbol) > LONGEST_SYMBOL or not _is_one_word(symbol):
                raise ConfigError(
                    f"{key}[{index}]: expected a symbol such as BTCUSDT, got {symbol!r:.60}"
                )
        twice = _first_repeated(names)
        if twice is not None:
            raise ConfigError(f"{key}: {twice!r} is there twice")
        first = settings.exchange_names()[0]
        both = next((name for name in names if f"{first}:{name}" in names), None)
        if both is not None:
            raise ConfigError(
                f"{key}: {both!r} and '{first}:{both}' are one symbol, of the first "
                "exchange: leave one out"
            )


def _check_instrument(key: str, instrument: Instrument) -> None:
    check_values(instrument, key)
    if not instrument.can_short and instrument.max_leverage != ONE:
        raise ConfigError(
            f'{key}.max_leverage: expected 1 of a spot instrument, or kind "perpetual"'
        )
    if instrument.can_short:
        _check_margin(key, instrument)


def _check_margin(key: str, instrument: Instrument) -> None:
    """What opening takes must be more than what holding needs, or nothing could be opened."""
    opening, above, rate = ONE / instrument.max_leverage, ZERO, instrument.maintenance_margin
    for index, tier in enumerate(instrument.margin_tiers):
        check_values(tier, f"{key}.margin_tiers[{index}]")
        if tier.above <= above or tier.rate < rate:
            raise ConfigError(
                f"{key}.margin_tiers[{index}]: expected more than the one before it, in both above "
                f"({plain(above)}) and rate ({plain(rate)})"
            )
        above, rate = tier.above, tier.rate
    if instrument.maintenance_margin >= opening:
        raise ConfigError(
            f"{key}.maintenance_margin: expected less than the initial margin of 1 / max_leverage "
            f"({plain(ONE)} / {plain(instrument.max_leverage)}), got "
            f"{plain(instrument.maintenance_margin)}"
        )


def _check_funding(settings: Settings) -> None:
    """An exchange tells which of its symbols are perpetuals; of others the configuration does."""
    described = any(instrument.can_short for instrument in settings.instruments)
    if settings.paper.funding_file and not settings.exchanges and not described:
        raise ConfigError(
            "paper.funding_file (--funding): rates are of perpetuals, and no symbol is one: expected "
            '[[instruments]] with kind = "perpetual", or no file'
        )


def _check_currency(settings: Settings) -> None:
    instruments = settings.all_instruments()
    for symbol in settings.traded_symbols():
        quote, currency = instruments[symbol].quote, settings.account.currency
        if quote != currency:
            raise ConfigError(
                f"symbols: {symbol} is quoted in {quote}, the account in {currency}: "
                f"expected {quote} as account.currency, or other symbols"
            )


def _check_fill(settings: Settings) -> None:
    paper = settings.paper
    if paper.decides_on_ms and paper.fill != "intrabar":
        raise ConfigError(
            f'paper.decides_on_ms: it is of fill = "intrabar", and here fill = "{paper.fill}": leave it '
            "out, a run sets it"
        )


def _check_working_orders(settings: Settings) -> None:
    own, most = settings.risk.max_working_orders, settings.orchestrator.max_concurrent_orders
    if own is not None and own > most:
        raise ConfigError(
            f"risk.max_working_orders: expected at most the {most} of "
            f"orchestrator.max_concurrent_orders, got {own}: leave it out, or raise the other, too"
        )


def _check_stress(settings: Settings) -> None:
    known = (*settings.symbols, "*")
    for name, moves in settings.risk.stress.items():
        unknown = next((symbol for symbol in moves if symbol not in known), None)
        if unknown is not None:
            raise ConfigError(
                f"risk.stress.{name:.60}: {unknown!r:.60} is not traded: expected some of "
                f"{', '.join(known)}"
            )


def _check_allocation(settings: Settings) -> None:
    allocation, history = settings.allocation, settings.history
    _check_shares(settings)
    if settings.portfolio.sizing != "allocation":
        if allocation.allocator:
            raise ConfigError(
                "allocation.allocator: nobody asks it with portfolio.sizing = "
                f'"{settings.portfolio.sizing}": expected "allocation", or no allocator'
            )
        return
    check_packages(allocation)
    if allocation.allocator and not allocation.allocator.rpartition(":")[0].endswith(".py"):
        raise ConfigError(
            "allocation.allocator: expected path/to/file.py:Name, got "
            f"{harmless(allocation.allocator, 60)!r}"
        )
    if allocation.min_history > history.length:
        raise ConfigError(
            f"allocation.min_history: expected at most the {history.length} of history.length, got "
            f"{allocation.min_history}"
        )
    for key in sorted({*allocation.budgets, *allocation.groups}):
        if key not in settings.symbols:
            raise ConfigError(
                f"allocation.{'budgets' if key in allocation.budgets else 'groups'}: {key!r:.60} is not "
                f"traded: expected some of {', '.join(settings.symbols)}"
            )


def _check_shares(settings: Settings) -> None:
    """Of strategies, where they are worked out."""
    allocation, count = settings.allocation, len(settings.strategies)
    if allocation.strategies == "fixed":
        return
    for index, strategy in enumerate(settings.strategies):
        if strategy.allocation != ONE:
            raise ConfigError(
                f'strategies[{index}].allocation: with allocation.strategies = "{allocation.strategies}" '
                "it is worked out: expected none"
            )
    least, most = allocation.strategy_least, allocation.strategy_most
    if least * count > ONE or most < least:
        raise ConfigError(
            f"allocation.strategy_least: expected at most 1 / {count} (strategies) and no more than "
            f"strategy_most, got {plain(least)}"
        )


def _check_strategies(settings: Settings) -> None:
    if not settings.strategies:
        raise ConfigError("strategies: expected at least one")
    twice = _first_repeated([s.name for s in settings.strategies])
    if twice is not None:
        raise ConfigError(f"strategies: two are named {twice!r}: rename one")
    if any(s.name == BY_HAND for s in settings.strategies):
        raise ConfigError(f"strategies: {BY_HAND!r} is what you order yourself: rename it")
    for index, strategy in enumerate(settings.strategies):
        key = f"strategies[{index}]"
        _check_reach(key, strategy, settings.symbols)
        check_values(strategy, key)
        _check_trail(f"{key}.bracket", strategy.bracket)
        _check_parameters(key, strategy)
    _check_allocations([s.allocation for s in settings.strategies])


def _check_trail(key: str, bracket: Bracket) -> None:
    if bracket.trail_step_bps != TRAIL_STEP_BPS and not bracket.trailing_pct:
        raise ConfigError(f"{key}.trail_step_bps: there is no trailing_pct whose step it would be")


def _check_execution(settings: Settings) -> None:
    names = [strategy.name for strategy in settings.strategies]
    for index, rule in enumerate(settings.execution.rules):
        key = f"execution.rules[{index}]"
        if not rule.strategy and not rule.symbol:
            raise ConfigError(f"{key}: expected a strategy or a symbol; [execution] is for all")
        for name, value, known in (
            ("strategy", rule.strategy, names),
            ("symbol", rule.symbol, settings.symbols),
        ):
            if value and value not in known:
                raise ConfigError(
                    f"{key}.{name}: {value!r:.60} is not there: expected one of {', '.join(known)}"
                )
    pairs = [f"{rule.strategy} in {rule.symbol}" for rule in settings.execution.rules]
    if _first_repeated(pairs) is not None:
        raise ConfigError("execution.rules: two are for the same strategy and symbol: leave one")


def _check_budgets(settings: Settings) -> None:
    known = tuple(strategy.name for strategy in settings.strategies)
    for index, budget in enumerate(settings.risk.budgets):
        for key, asked, there in (
            ("symbols", budget.symbols, settings.symbols),
            ("strategies", budget.strategies, known),
        ):
            unknown = next((name for name in asked if name not in there), None)
            if unknown is not None:
                raise ConfigError(
                    f"risk.budgets[{index}].{key}: {unknown!r:.60} is none of this configuration's: "
                    f"expected some of {', '.join(there)}"
                )


def _check_reach(key: str, strategy: StrategyInstance, symbols: tuple[str, ...]) -> None:
    reach = [("symbols", symbol) for symbol in strategy.symbols]
    if strategy.trades:
        reach.append(("trades", strategy.trades))
    if strategy.routed:
        _check_routed(key, strategy, symbols)
    for name, symbol in reach:
        if symbol not in symbols:
            raise ConfigError(
                f"{key}.{name}: {symbol!r:.60} is not traded: expected some of {', '.join(symbols)}"
            )


def _check_routed(key: str, strategy: StrategyInstance, symbols: tuple[str, ...]) -> None:
    if strategy.trades:
        raise ConfigError(f"{key}.trades: routed says where it trades: leave out one of them")
    if not strategy.symbols:
        raise ConfigError(f"{key}.symbols: routed needs those that it hears, such as BTCUSDT")
    for symbol in strategy.symbols:
        if len(listings_of(symbol, symbols)) < 2:
            raise ConfigError(
                f"{key}.routed: {symbol!r:.60} is listed once: expected another exchange's among "
                f"symbols, such as kraken:{symbol:.40}"
            )


def _check_allocations(shares: list[Decimal]) -> None:
    """All left at 1 means that every strategy may use everything; else the parts make a whole."""
    total = sum(shares, ZERO)
    if total > ONE and any(share != ONE for share in shares):
        raise ConfigError(
            f"strategies: the allocations add up to {plain(total)}, expected at most 1: "
            "give each its part, or leave all of them out"
        )


def _check_parameters(key: str, strategy: StrategyInstance) -> None:
    """By making the strategy: nothing else knows what its parameters may be."""
    from tradectl.strategy.engine import StrategyEngine
    from tradectl.strategy.own_process import while_loading

    try:
        with while_loading():
            StrategyEngine([strategy])
    except UsageError as error:
        raise ConfigError(f"{key}: {error}") from error


def _first_repeated(names: list[str] | tuple[str, ...]) -> str | None:
    return next((name for i, name in enumerate(names) if name in names[:i]), None)


def _is_one_word(text: str) -> bool:
    return harmless(text) == text and not any(character.isspace() for character in text)
