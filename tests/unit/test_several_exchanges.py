"""Several exchanges on paper: each has its own fees and money, and together they are the account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.driven import INSTRUMENTS, SPOT, TWIN, Driven, trade
from tests.fixtures.rows import each_row
from tradectl.config.load import load_settings
from tradectl.config.settings import AccountSettings, Settings
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.events import MarketDataEvent, OrderDenied, OrderFilled, PositionLiquidated
from tradectl.domain.money import ZERO
from tradectl.exchange.exchange_settings import PaperExchangeSettings, PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.runtime.money_at import (
    open_at,
    refuse_other_exchanges,
    refuse_to_leave_behind,
    traded_at,
)
from tradectl.state import status
from tradectl.state.account import Account
from tradectl.state.books_view import BooksView
from tradectl.state.consistency import problems_of, sum_problems
from tradectl.strategy import Answer, Strategy
from tradectl.strategy.configured import StrategyInstance

D = Decimal
THERE, TWIN_THERE = f"other:{SPOT}", f"other:{TWIN}"
EVERYWHERE = (SPOT, THERE, TWIN, TWIN_THERE)


class Obedient(Strategy):
    """Does what the volume of a trade says: 1 is long, 2 short, 3 flat."""

    per_symbol: ClassVar[bool] = True

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        word = int(trade.volume) % 10
        return (None, self.long(), self.short(), self.flat())[min(word, 3)]


def settings_at(cash: dict[str, str | None], **other: Any) -> Settings:
    there = [
        PaperExchangeSettings(name=name, cash=None if said is None else D(said), **other)
        for name, said in cash.items()
    ]
    described = tuple(
        replace(i, symbol=f"{at}{i.symbol}") for i in INSTRUMENTS for at in ("", "other:")
    )
    return Settings(
        symbols=EVERYWHERE,
        instruments=described,
        account=AccountSettings(cash=D(1_000)),
        strategies=(StrategyInstance("obedient", "Obedient"),),
        paper=PaperSettings(exchanges=tuple(there), fill="close", slippage_bps=ZERO),
    )


def run_of(settings: Settings) -> Driven:
    account = Account.open("run", "USDT", settings.account.cash)
    open_at(account, traded_at(settings, settings.symbols), settings)
    return Driven(settings, {"Obedient": Obedient}, account=account)


def check(run: Driven) -> None:
    """What is at the exchanges is the account's cash, and each sum is what it is worked out anew."""
    books = run.system.books
    assert sum(books.account.money_at.values(), ZERO) == books.cash
    assert problems_of(books.account, books.instruments) == []
    assert sum_problems(books) == []


def test_each_takes_its_own_fee_out_of_its_own_money() -> None:
    run = run_of(settings_at({"other": "400"}, taker_fee=D("0.01"), maker_fee=D(0)))
    for n, symbol in enumerate((SPOT, THERE)):
        run.feed(trade(10, 2 * n, symbol, volume=1), trade(10, 2 * n + 1, symbol, volume=10))
    fills = {fill.symbol: fill for fill in run.of(OrderFilled)}
    rates = {s: fill.fee / fill.price / fill.quantity for s, fill in fills.items()}
    assert rates == {SPOT: D("0.001"), THERE: D("0.01")}
    money = run.system.books.account.money_at
    spent = {s: fill.price * fill.quantity + fill.fee for s, fill in fills.items()}
    assert money == {"paper": 600 - spent[SPOT], "other": 400 - spent[THERE]}
    check(run)
    run.check()


def test_an_order_spends_what_is_at_its_exchange_and_no_more() -> None:
    run = run_of(settings_at({"other": "1"}))
    run.feed(trade(10, 0, THERE, volume=1))
    (denied,) = run.of(OrderDenied)
    assert (denied.code, denied.limit) == ("BALANCE", "1")
    assert "there is 1.00 at other" in denied.message
    assert run.of(OrderFilled) == []
    run.feed(trade(10, 1, SPOT, volume=1))
    assert [fill.symbol for fill in run.of(OrderFilled)] == [SPOT]
    run.check()


def test_margin_is_asked_of_the_exchange_of_the_perpetual() -> None:
    run = run_of(settings_at({"other": "1"}))
    run.feed(trade(10, 0, TWIN_THERE, volume=1))
    (denied,) = run.of(OrderDenied)
    assert (denied.code, denied.limit) == ("MARGIN", "1")
    run.feed(trade(10, 1, TWIN, volume=2))
    assert [fill.symbol for fill in run.of(OrderFilled)] == [TWIN]
    check(run)


WORDS = st.lists(
    st.tuples(st.sampled_from(EVERYWHERE), st.integers(80, 125), st.integers(0, 3)), max_size=40
)


@given(WORDS, st.integers(0, 1_000))
def test_no_exchange_spends_what_is_not_there(
    words: list[tuple[str, int, int]], there: int
) -> None:
    run = run_of(settings_at({"other": str(there)}))
    for second, (symbol, price, word) in enumerate(words):
        run.feed(trade(price, second, symbol, volume=10 * (second + 1) + word))
        check(run)
        assert min(run.system.books.account.money_at.values()) >= 0
    run.check()


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ({"other": None}, {"paper": D(500), "other": D(500)}),
        ({"other": "400"}, {"paper": D(600), "other": D(400)}),
        ({"other": "999.99", "third": None}, {"paper": D("0.01"), "other": D("999.99"), "third": D(0)}),
    ],
)  # fmt: skip
def test_who_says_nothing_shares_the_rest(
    said: dict[str, str | None], there: dict[str, Decimal]
) -> None:
    account = Account.open("", "USDT", D(1_000))
    open_at(account, tuple(there), settings_at(said))
    assert account.money_at == there


def test_an_account_with_one_exchange_knows_nothing_of_it() -> None:
    settings = settings_at({"other": None})
    account = Account.open("", "USDT", D(1_000))
    open_at(account, traded_at(settings, (SPOT, TWIN)), settings)
    assert account.reconciliation is None
    books = BooksView(account, settings.all_instruments())
    assert books.cash_at("paper") == books.cash_at("other") == 1_000


def test_an_account_goes_on_where_its_money_is() -> None:
    pooled, split = (Account.open("", "USDT", D(1_000)) for _ in range(2))
    open_at(split, ("paper", "other"), settings_at({"other": None}))
    refuse_other_exchanges(split, ("other",))
    refuse_other_exchanges(pooled, ("other",))
    with pytest.raises(UsageError, match=r"was opened at one exchange.*--fresh"):
        refuse_other_exchanges(pooled, ("paper", "other"))
    with pytest.raises(UsageError, match=r"has its money at paper, other.*--fresh"):
        refuse_other_exchanges(split, ("paper", "third"))


def test_what_is_held_at_an_exchange_does_not_go_on_without_it() -> None:
    settings = settings_at({"other": "400"})
    run, alone = run_of(settings), replace(settings, paper=PaperSettings())
    then, now = settings.all_instruments(), alone.all_instruments()
    account = run.system.books.account
    refuse_to_leave_behind(account, then, now)
    run.feed(trade(10, 0, THERE, volume=1), trade(10, 1, THERE, volume=10))
    with pytest.raises(UsageError, match=rf"has {THERE} open at other, .*--flatten"):
        refuse_to_leave_behind(account, then, now)
    refuse_to_leave_behind(account, then, then)
    run.feed(trade(10, 2, THERE, volume=3), trade(10, 3, THERE, volume=10))
    refuse_to_leave_behind(account, then, now)


@each_row(
    ("written", "said"),
    [
        ('[[paper.exchanges]]\nname = "Kraken"', "paper.exchanges.name: expected lower case"),
        ('[[paper.exchanges]]\nname = "paper"', "two are named 'paper'"),
        ('[[paper.exchanges]]\nname = "a"\n' * 2, "two are named 'a'"),
        ('[[paper.exchanges]]\nname = "a"\ncash = 100001', "is more than account.cash"),
        ('[[exchanges]]\nid = "okx"\n[[paper.exchanges]]\nname = "a"', "'a' is none of"),
        ('symbols = ["A", "paper:A"]', "'A' and 'paper:A' are one symbol"),
        ('symbols = ["b:BTCUSDT"]\n[[paper.exchanges]]\nname = "a"', "that is not configured"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(tmp_path: Any, written: str, said: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(written)
    with pytest.raises(ConfigError, match=said):
        load_settings(config)


def test_a_liquidation_takes_what_is_at_its_exchange_and_nothing_else() -> None:
    settings = settings_at({"other": "100"})
    settings = replace(settings, portfolio=PortfolioSettings(fraction=D("0.5"), max_weight=D(1)))
    run = run_of(settings)
    for n, symbol in enumerate((TWIN, TWIN_THERE)):
        run.feed(trade(10, n, symbol, volume=1))
    books = run.system.books
    assert {p.symbol for p in books.positions()} == {TWIN, TWIN_THERE}
    (here, there) = status.position_rows(books)
    assert here.liquidation_price is None  # 900 are behind 500
    assert D("8") < D(there.liquidation_price or 0) < D("8.3")  # 100 behind 500
    left = books.account.money_at["paper"]
    run.feed(trade(7, 5, TWIN_THERE, volume=10), trade(7, 6, TWIN, volume=10))
    (liquidated,) = run.of(PositionLiquidated)
    assert liquidated.symbol == TWIN_THERE
    assert [p.symbol for p in books.positions()] == [TWIN]
    assert books.account.money_at == {"paper": left, "other": ZERO}
    check(run)
    run.check()
