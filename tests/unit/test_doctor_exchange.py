"""What the doctor finds at an exchange: each verdict of each check, from an exchange made to give it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.fixtures.doctor import (
    ALL,
    NEVER,
    NO_TIME,
    SPOT,
    DoctorHarness,
    doctor_in,
    event,
    order,
)
from tests.fixtures.rows import each_row
from tradectl.doctor import examination as doctor
from tradectl.doctor import probe as doctor_probe
from tradectl.documents.operations import Verdict
from tradectl.domain.brackets import Bracket
from tradectl.domain.errors import AccessLost, NotExecuted, OutcomeUnknown, VenueRefusal
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.venue import Channel, MarketInfo, Permissions
from tradectl.strategy.configured import StrategyInstance

PASSED, WARNED, FAILED = Verdict.PASSED, Verdict.WARNED, Verdict.FAILED
MS = 1_000_000
Arrange = Callable[[DoctorHarness], None]
LOST = AccessLost("holdings: the key is unknown")
BUSY = NotExecuted("busy")


@pytest.fixture
def harness(tmp_path: Path) -> DoctorHarness:
    return doctor_in(tmp_path)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what never comes."""
    monkeypatch.setattr(doctor_probe, "ASK_S", 0.3)
    monkeypatch.setattr(doctor_probe, "DEAD_MAN_S", 0.1)


def venue(**changes: object) -> Arrange:
    def arrange(harness: DoctorHarness) -> None:
        for name, value in changes.items():
            setattr(harness.venue, name, value)

    return arrange


def exchange(**changes: object) -> Arrange:
    return lambda harness: harness.exchange(**changes)


def portfolio(**changes: object) -> Arrange:
    return lambda harness: harness.portfolio(**changes)


def risk(**changes: object) -> Arrange:
    return lambda harness: harness.risk(**changes)


def bracket(**legs: Decimal) -> Arrange:
    def arrange(harness: DoctorHarness) -> None:
        (one,) = harness.settings.strategies[:1]
        strategies = (msgspec.structs.replace(one, bracket=Bracket(**legs)),)
        harness.set(strategies=strategies)

    return arrange


def perpetual(harness: DoctorHarness) -> None:
    harness.perpetual()


def futures(harness: DoctorHarness) -> None:
    (at,) = harness.settings.exchanges
    harness.set(exchanges=(msgspec.structs.replace(at, market="perpetual"),))
    harness.perpetual()


def several(*steps: Arrange) -> Arrange:
    def arrange(harness: DoctorHarness) -> None:
        for one in steps:
            one(harness)

    return arrange


def usdt(amount: str, **coins: str) -> Holdings:
    return Holdings({"USDT": Decimal(amount)} | {c: Decimal(a) for c, a in coins.items()})


def described(**changes: object) -> Arrange:
    return lambda harness: harness.set(instruments=(msgspec.structs.replace(SPOT, **changes),))


def listed(active: bool, note: str = "") -> Arrange:
    return venue(listed=[MarketInfo("BTCUSDT", "BTC/USDT", SPOT, active, True, note)])


def aged(*seconds: float) -> Arrange:
    """What is heard is so old when it is heard."""

    def arrange(harness: DoctorHarness) -> None:
        harness.venue.news = [event(age=age) for age in seconds]

    return arrange


def quotes_only(harness: DoctorHarness) -> None:
    harness.venue.news = {Channel.QUOTES: [event()]}


def heard_only(harness: DoctorHarness) -> None:
    """It trades another symbol than it hears."""
    harness.venue.rules["ETHUSDT"] = msgspec.structs.replace(SPOT, symbol="ETHUSDT", base="ETH")
    harness.venue.news = [event(), event("ETHUSDT")]
    strategy = StrategyInstance(
        name="s", strategy="ema-cross", symbols=("BTCUSDT",), trades="ETHUSDT"
    )
    harness.set(symbols=("BTCUSDT", "ETHUSDT"), strategies=(strategy,))


def nothing(_harness: DoctorHarness) -> None: ...


TABLE: list[tuple[str, Arrange, Verdict, str]] = [
    ("connection", nothing, PASSED, "binance spot"),
    ("connection", exchange(testnet=True), PASSED, "test network"),
    ("connection", exchange(url="http://127.0.0.1:1"), PASSED, "at http://127.0.0.1:1"),
    # --- clock
    ("clock", venue(offset=250 * MS), PASSED, "250 ms behind"),
    ("clock", venue(offset=-250 * MS), PASSED, "250 ms ahead of"),
    ("clock", venue(offset=251 * MS), WARNED, "NTP"),
    ("clock", venue(offset=-1000 * MS), WARNED, "1,000 ms ahead"),
    ("clock", venue(offset=1001 * MS), WARNED, "timedatectl"),
    ("clock", venue(offset=3600_000 * MS), WARNED, "3,600,000 ms behind"),
    ("clock", venue(offset=-30_000 * MS), WARNED, "signed by the exchange's time"),
    ("clock", venue(offset=-30_001 * MS), FAILED, "nothing be entered"),
    ("clock", venue(offset=-3600_000 * MS), FAILED, "3,600,000 ms ahead"),
    ("clock", venue(offset=[2000 * MS, 30 * MS]), PASSED, "30 ms"),
    ("clock", venue(offset=NO_TIME), WARNED, "does not tell"),
    ("clock", venue(offset=BUSY), FAILED, "busy"),
    ("clock", venue(offset=NEVER), FAILED, "no answer"),
    # --- symbols and sizes
    ("BTCUSDT", nothing, PASSED, "a full position is about 2,000.00 USDT"),
    ("BTCUSDT", heard_only, PASSED, "listened to, not traded"),
    ("BTCUSDT", listed(active=True), PASSED, "tick 0.01"),
    ("BTCUSDT", listed(active=False, note="not traded now"), FAILED, "not traded now -> take"),
    ("BTCUSDT", listed(active=False, note="a note"), FAILED, "a note"),
    ("BTCUSDT", lambda d: d.venue.rules.clear(), FAILED, "tradectl markets binance"),
    ("BTCUSDT", venue(rules={"BTCUSDT": msgspec.structs.replace(SPOT, quote="BUSD")}), FAILED,
     'account.currency = "BUSD"'),
    ("BTCUSDT", described(), PASSED, "2,000"),
    ("BTCUSDT", described(lot_size=Decimal("0.000001")), FAILED, "lot_size"),
    ("BTCUSDT", described(lot_size=Decimal("0.00002")), PASSED, "lot 0.00002"),
    ("BTCUSDT", described(tick_size=Decimal("0.015")), FAILED, "tick_size"),
    ("BTCUSDT", described(min_notional=Decimal(4)), FAILED, "min_notional 4"),
    ("BTCUSDT", several(described(), perpetual), FAILED, "kind spot, at the exchange it is perp"),
    ("BTCUSDT", venue(held=usdt("50")), PASSED, "10.00 USDT"),
    ("BTCUSDT", venue(held=usdt("49")), WARNED, "below the smallest order of 10.00"),
    ("BTCUSDT", several(perpetual, venue(held=usdt("400"))), WARNED, "smallest order of 100"),
    ("BTCUSDT", several(perpetual, venue(price=Decimal(600_000))), PASSED, "1,800.00"),
    ("BTCUSDT", several(perpetual, venue(price=Decimal(3_000_000))), WARNED,
     "about 0.00 USDT, below the smallest order of 3,000"),
    ("BTCUSDT", risk(max_order_notional=Decimal(2000)), PASSED, "2,000"),
    ("BTCUSDT", risk(max_order_notional=Decimal(1999)), WARNED, "risk.max_order_notional 1,999"),
    ("BTCUSDT", risk(max_position_notional=Decimal(1)), WARNED, "risk.max_position_notional"),
    ("BTCUSDT", risk(max_order_notional=None, max_position_notional=None), PASSED, "2,000"),
    ("BTCUSDT", portfolio(sizing="fixed_quantity", quantity=Decimal("0.01")), PASSED, "500.00"),
    ("BTCUSDT", portfolio(sizing="fixed_quantity", quantity=Decimal("0.0001")), WARNED, "5.00"),
    ("BTCUSDT", portfolio(sizing="equal_weight"), PASSED, "3,000.00"),
    ("BTCUSDT", portfolio(sizing="inverse_volatility"), PASSED, "3,000.00"),
    ("BTCUSDT", several(venue(price=BUSY, news=[]), nothing), WARNED, "no price now"),
    ("BTCUSDT", venue(price=BUSY), PASSED, "2,000"),  # what was heard will do
    ("BTCUSDT", venue(held=LOST), WARNED, "balance is not known"),
    # --- pace
    ("rate limit", nothing, PASSED, "2% of what it allows"),
    ("rate limit", exchange(reconcile_seconds=1.0), WARNED, "60% of what it allows"),
    ("rate limit", several(venue(abilities=msgspec.structs.replace(ALL, rate=0.0)),
                           exchange(reconcile_seconds=1.0)), PASSED,
     "3 requests a second for ever; its limit is not known"),
    ("rate limit", several(venue(abilities=msgspec.structs.replace(ALL, rate=0.0)),
                           exchange(reconcile_seconds=0.1)), WARNED,
     "30 requests"),
    ("rate limit", several(venue(abilities=msgspec.structs.replace(ALL, channels=())),
                           exchange(poll_seconds=0.5)), WARNED, "raise poll_seconds"),
    # --- data
    ("data", aged(0), PASSED, "1 symbol heard, the oldest data 0."),
    ("data", venue(news=[]), FAILED, "no trades, quotes of BTCUSDT within 0.05 s"),
    ("data", venue(news=VenueRefusal("no such stream")), FAILED, "no such stream"),
    ("data", venue(news=BUSY), FAILED, "busy"),
    ("data", quotes_only, PASSED, "1 symbol"),
    ("data", aged(25), PASSED, "the oldest data 25."),
    ("data", aged(40), WARNED, "the oldest data 40."),
    ("data", aged(40, 1, 20), PASSED, "the oldest data 1."),
    ("data", venue(news=[event("ETHUSDT")]), FAILED, "BTCUSDT"),
    ("data", venue(news=[msgspec.structs.replace(event(), ts=0)]), PASSED, "does not say how old"),
    ("data", lambda d: d.venue.rules.clear(), FAILED, "no symbol to listen to"),
    # --- keys and what they may do
    ("keys", nothing, PASSED, "accepted"),
    ("keys", venue(held=LOST), FAILED, "TRADECTL_BINANCE_API_SECRET"),
    ("keys", venue(held=BUSY), FAILED, "does not answer: busy"),
    ("keys", venue(held=NEVER), FAILED, "no answer within"),
    ("permissions", nothing, PASSED, "may trade, and may not withdraw"),
    ("permissions", venue(may=Permissions(trade=False, withdraw=False)), FAILED, "may not trade"),
    ("permissions", venue(may=Permissions(trade=True, withdraw=True)), FAILED, "may withdraw"),
    ("permissions", several(exchange(allow_withdraw_key=True),
                            venue(may=Permissions(trade=True, withdraw=True))), WARNED, "may withdraw"),
    ("permissions", venue(may=Permissions()), WARNED, "trade or withdraw"),
    ("permissions", venue(may=Permissions(trade=True)), WARNED, "whether the key may withdraw"),
    ("permissions", venue(may=BUSY), WARNED, "not known: busy"),
    # --- money
    ("balance", nothing, PASSED, "10,000.00 USDT"),
    ("balance", venue(held=Holdings({})), FAILED, "put USDT there"),
    ("balance", venue(held=usdt("0", DOGE="5")), FAILED, "nothing to trade with"),
    ("balance", venue(held=usdt("0", BTC="1")), WARNED, "can be sold"),
    ("balance", venue(held=usdt("49")), WARNED,
     "49.00 USDT: one order by the configured sizing needs 50.00 (BTCUSDT)"),
    ("balance", portfolio(sizing="fixed_quantity", quantity=Decimal(1)), WARNED, "50,000.00"),
    ("balance", several(perpetual, portfolio(sizing="fixed_quantity", quantity=Decimal("0.3"))),
     PASSED, "10,000"),  # with a leverage of 2
    # --- what is there and not ours
    ("holdings", nothing, PASSED, "not ours"),
    ("holdings", venue(held=usdt("1000", DOGE="5")), PASSED, "not ours"),
    ("holdings", venue(held=usdt("1000", BTC="0.5")), WARNED, "left alone: BTCUSDT 0.5"),
    ("holdings", several(perpetual, venue(held=Holdings(
        {"USDT": Decimal(1000)}, {"BTCUSDT": Decimal("-0.2"), "XRPUSDT": Decimal(7)}))),
     WARNED, "BTCUSDT -0.2, XRPUSDT 7"),
    ("open orders", nothing, PASSED, "0 of ours"),
    ("open orders", venue(orders=[order(), order(), order("ETHUSDT")]), WARNED,
     "left alone: 2 in BTCUSDT, 1 in ETHUSDT"),
    ("open orders", venue(orders=BUSY), FAILED, "busy"),
    # --- what happens without us
    ("dead-man switch", nothing, PASSED, "armed and disarmed: orders are cancelled 60 s"),
    ("dead-man switch", venue(abilities=msgspec.structs.replace(ALL, dead_man=False)), WARNED,
     "not offered"),
    ("dead-man switch", exchange(dead_man_seconds=0.0), WARNED, "switched off"),
    ("dead-man switch", venue(orders=[order()]), WARNED, "not tried: there are open orders"),
    ("dead-man switch", venue(orders=[order("ETHUSDT")]), PASSED, "armed"),
    ("dead-man switch", venue(orders=BUSY), WARNED, "not tried: nobody can say"),
    ("dead-man switch", venue(arming=VenueRefusal("not for you")), FAILED, "not for you"),
    ("dead-man switch", venue(arming=OutcomeUnknown("lost")), FAILED, "lost"),
    ("dead-man switch", venue(arming=NEVER), FAILED, "no answer"),
    ("dead-man switch", venue(disarming=OutcomeUnknown("gone")), FAILED, "gone"),
    ("stop orders", portfolio(stop_loss_pct=Decimal(3)), PASSED, "rest at the exchange"),
    ("stop orders", several(venue(abilities=msgspec.structs.replace(ALL, stop_orders=False)),
                            portfolio(stop_loss_pct=Decimal(3))), FAILED, "without its stop"),
    ("stop orders", bracket(trailing_pct=Decimal(3)), PASSED, "rest at the exchange"),
    ("take-profits", bracket(take_profit_pct=Decimal(3)), PASSED, "watched here"),
    ("take-profits", several(bracket(take_profit_pct=Decimal(3)), futures), PASSED,
     "rest at the exchange beside the stops"),
    ("trailing stops", bracket(trailing_pct=Decimal(3)), PASSED, "the old stop is cancelled first"),
    ("user stream", nothing, PASSED, "as they happen"),
    ("user stream", venue(abilities=msgspec.structs.replace(ALL, user_stream=False)), WARNED,
     "every 30 s"),
]  # fmt: skip


@each_row(
    ("check", "arrange", "verdict", "words"),
    TABLE,
    ids=[f"{check}-{verdict}-{n}" for n, (check, _, verdict, _) in enumerate(TABLE)],
)
async def test_a_check(
    tmp_path: Path, check: str, arrange: Arrange, verdict: Verdict, words: str
) -> None:
    harness = doctor_in(tmp_path)
    arrange(harness)
    finding = (await harness.findings())[check]
    assert finding.verdict is verdict, finding
    assert words in f"{finding.message} -> {finding.mend}"
    assert bool(finding.mend) or verdict is PASSED or "not known, so no size" in finding.message


async def test_keys_that_do_not_work_are_one_failure(harness: DoctorHarness) -> None:
    harness.venue.held = LOST
    found = await harness.findings()
    assert [name for name, f in found.items() if f.verdict is FAILED] == ["keys"]
    assert "balance" not in found


async def test_stop_orders_are_looked_at_only_where_some_will_be_placed(
    harness: DoctorHarness,
) -> None:
    assert "stop orders" not in await harness.findings()


async def test_on_paper_nothing_private_is_asked_and_the_configured_cash_counts(
    tmp_path: Path,
) -> None:
    harness = doctor_in(tmp_path, "paper")
    harness.venue.held = harness.venue.may = harness.venue.orders = AssertionError("asked")
    found = await harness.findings()
    assert {"clock", "BTCUSDT", "data", "rate limit"} <= set(found)
    assert not {"keys", "balance", "dead-man switch"} & set(found)
    assert "20,000.00 USDT" in found["BTCUSDT"].message
    assert "nothing is asked again" in found["rate limit"].message
    assert harness.venue.armed == []


async def test_on_paper_a_looser_description_is_only_warned_of(tmp_path: Path) -> None:
    harness = doctor_in(tmp_path, "paper")
    described(min_notional=Decimal(1))(harness)
    assert (await harness.findings())["BTCUSDT"].verdict is WARNED


@pytest.mark.parametrize(
    ("arming", "armed"), [(None, [60.0, 0]), (OutcomeUnknown("lost"), [60.0, 0])]
)
async def test_the_switch_is_never_left_armed(
    harness: DoctorHarness, arming: Exception | None, armed: list[float]
) -> None:
    harness.venue.arming = arming
    await harness.findings()
    assert harness.venue.armed == armed


async def test_the_switch_of_a_running_process_is_left_alone(
    harness: DoctorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "other_instance", lambda _: 4711)
    assert (await harness.findings())["dead-man switch"].verdict is WARNED
    assert harness.venue.armed == []
