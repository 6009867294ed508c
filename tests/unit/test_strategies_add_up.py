"""Whatever happens, the strategies' figures add up to the account's, to the last digit, at every record.

Strategies of a random character trade spot and a perpetual at one moment and at different ones. Orders
are denied, filled in parts, cancelled; stops fire, the operator pauses and resumes, the process is
killed in the middle, the account is flattened.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.profiles import in_turn
from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    FillShared,
    MarketDataEvent,
    OrderDenied,
    OrderFilled,
    Record,
    StrategiesCrossed,
)
from tradectl.domain.instruments import Instrument, InstrumentKind
from tradectl.domain.money import ZERO
from tradectl.domain.positions import Position
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.consistency import problems_of
from tradectl.strategy.configured import StrategyInstance
from tradectl.system.follower import Deciding
from tradectl.system.trading_system import BookkeepingSystem, TradingSystem, on_paper

D = Decimal
SPOT, PERPETUAL = "BTCUSDT", "ETHUSDT_PERP"
START = 1_723_161_255 * SECOND
RANDOM = '''
import random

from tradectl.strategy import Strategy


class Random(Strategy):
    """Long, short or out as the dice fall; `steady` ones say so for a while."""

    seed: int = 0
    steady: int = 8

    def start(self):
        self.dice = random.Random(f"{self.seed} {self.symbol}")

    def exits(self, trade):
        return {}

    def on_trade(self, trade):
        if self.dice.randrange(self.steady):
            return None
        size, sure = self.dice.choice([0.25, 0.5, 1.0]), self.dice.choice([0.5, 1.0])
        exits = self.exits(trade)
        return self.dice.choice([
            self.long(size, confidence=sure, **exits), self.short(size, confidence=sure), self.flat(),
        ])


class Bracketed(Random):
    """At times with exits of its own."""

    def exits(self, trade):
        return self.dice.choice([
            {}, {}, {"stop_loss_pct": 0.4}, {"take_profit_pct": 0.3, "trailing_pct": 0.5},
            {"take_profit_price": float(trade.price) * 1.003},
        ])
'''
INSTRUMENTS = (
    Instrument(SPOT, "USDT", D("0.01"), D("0.00001"), D(5)),
    Instrument(PERPETUAL, "USDT", D("0.01"), D("0.001"), D(5), InstrumentKind.PERPETUAL, D(10)),
)


@pytest.fixture(scope="module")
def strategy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"{dice_file(tmp_path_factory)}:Random"


def dice_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both strategies are."""
    path: Path = tmp_path_factory.mktemp("strategies") / "dice.py"
    path.write_text(RANDOM)
    path.chmod(0o600)
    return path


def settings_of(dice: random.Random, strategy: str) -> Settings:
    count = dice.randint(2, 4)
    share = dice.choice([D(1), D(1) / 4])
    return Settings(
        symbols=(SPOT, PERPETUAL),
        instruments=INSTRUMENTS,
        strategies=tuple(
            StrategyInstance(
                name,
                strategy,
                allocation=share,
                parameters={"seed": dice.randrange(1000), "steady": dice.choice([2, 8, 30])},
            )
            for name in ("zeta", "alpha", "mid", "beta")[:count]
        ),
        portfolio=PortfolioSettings(
            fraction=dice.choice([D("0.3"), D("0.7")]),
            max_weight=D("0.9"),
            stop_loss_pct=dice.choice([None, D(1), D("0.2")]),
            order_type=dice.choice(["market", "limit"]),
        ),
        risk=RiskLimits(max_order_notional=dice.choice([D(20_000), D(60_000)])),
        paper=PaperSettings(
            latency_ms=dice.choice([0, 700]),
            market_fill=dice.choice(["full", "bounded"]),
            limit_fill="touch",
        ),
    )


def ticks(dice: random.Random, count: int, at: int) -> Iterator[MarketDataEvent]:
    prices = {SPOT: 60_000.0, PERPETUAL: 3_000.0}
    for n in range(count):
        symbol = dice.choice([SPOT, PERPETUAL])
        prices[symbol] *= 1 + dice.gauss(0, 0.002)
        yield MarketDataEvent(
            symbol=symbol,
            price=D(f"{prices[symbol]:.2f}"),
            volume=D(dice.choice(["0.001", "0.21", "3", "50"])),
            ts=at + n * SECOND // 2,
        )


def commands(dice: random.Random) -> Event | None:
    match dice.randrange(150):
        case 0:
            return CommandReceived(command=Command.PAUSE, reason="dice")
        case 1 | 2 | 3:
            return CommandReceived(command=Command.RESUME)
    return None


class Checked:
    """Folds what a system says, record by record, and adds up after each."""

    def __init__(self, settings: Settings, account: Account, run_id: str) -> None:
        copy = Account.load(account.dump())
        self.system = BookkeepingSystem(settings, copy, run_id, DataClock())
        self.seen: list[type[Event]] = []

    def take(self, records: list[Record]) -> None:
        for record in records:
            self.seen.append(type(record.event))
            self.system.fold(record)
            add_up(self.system.books)


def add_up(books: Books) -> None:
    """Counted here, without the books' own sums."""
    account = books.account
    total = profit = ZERO
    for symbol, whole in account.positions.items():
        owned = list(account.holdings[symbol].values())
        mark = books.price_of(symbol)
        assert sum((own.quantity for own in owned), ZERO) == whole.quantity
        assert sum((flow(own) for own in owned), ZERO) == flow(whole)
        assert sum((own.fees for own in owned), ZERO) == whole.fees
        total += sum((flow(own) + own.quantity * mark - own.fees for own in owned), ZERO)
        profit += flow(whole) + whole.quantity * mark - whole.fees
        if symbol == SPOT:
            assert all(own.quantity >= 0 for own in owned)
    assert total == profit
    assert books.profit() == profit
    assert problems_of(account, books.instruments) == []


def flow(position: Position) -> Decimal:
    return position.realized - position.cost


@pytest.mark.parametrize("seed", in_turn([*range(79), 253], 40))
def test_at_every_record_the_strategies_are_the_account(seed: int, strategy: str) -> None:
    dice = random.Random(seed)
    settings = settings_of(dice, strategy)
    account, at = Account.open("", "USDT", D(100_000)), START
    for run in range(3):
        run_id = f"20240808T23541534{run}-0a1b"
        started = Account.load(account.dump())
        made = TradingSystem(settings, account, run_id, DataClock(), gateway=on_paper(settings))
        checked = Checked(settings, started, run_id)
        made.open()
        records: list[Record] = []
        for tick in ticks(dice, dice.randint(100, 250), at):
            said = commands(dice)
            records += made.apply(*([said] if said else []), tick)
        at += 1_000 * SECOND
        if run == 2:
            records += made.apply(EmergencyStopReceived(reason="dice", flatten=True))
            records += made.apply(*ticks(dice, 40, at))
        checked.take(records)
        assert checked.system.state_hash() == made.state_hash()
        replayed(settings, started, run_id, records)
        account = killed(made, settings)
    if all(p.quantity == 0 for p in account.positions.values()):
        for held in account.holdings.values():
            assert all(own.quantity == 0 for own in held.values())


def killed(made: TradingSystem, settings: Settings) -> Account:
    """The account as the next run has it: read back, and begun again."""
    text = msgspec.json.encode(made.books.snapshot().dump())
    return Account.load(msgspec.json.decode(text))


def replayed(settings: Settings, started: Account, run_id: str, records: list[Record]) -> None:
    differences: list[object] = []
    again = TradingSystem(settings, Account.load(started.dump()), run_id, DataClock())
    replay = Deciding(again, lambda *pair: differences.append(pair))
    for record in records:
        replay.take(record)
    replay.end()
    assert differences == []


def test_the_dice_fall_on_everything(strategy: str) -> None:
    """What the property is tried on: shares, crosses, denials and stops do occur."""
    wanted, seen = {FillShared, StrategiesCrossed, OrderDenied, OrderFilled}, set[type[Event]]()
    for seed in range(4):
        if wanted <= seen:
            break
        dice = random.Random(seed)
        settings = settings_of(dice, strategy)
        made = TradingSystem(
            settings,
            Account.open("", "USDT", D(100_000)),
            "r",
            DataClock(),
            gateway=on_paper(settings),
        )
        made.open()
        for tick in ticks(dice, 300, START):
            seen |= {type(record.event) for record in made.apply(tick)}
    assert wanted <= seen
