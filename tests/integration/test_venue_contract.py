"""One contract for every exchange: what the live exchange needs of a `Venue`, held by each at its
playback venue, spot and perpetual.

    TRADECTL_CASE="no fill" python -m pytest tests/integration/test_venue_contract.py -k bybit-spot

With one commit each case is tried at one venue of three, and at each venue a case of three; deep, all.
Nothing that is answered or pushed has a field that ccxt's code of the exchange does not know of. What an
exchange cannot do stands in its dialect (`cannot`), and `tradectl exchanges NAME` says it too.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from decimal import Decimal
from unittest import mock

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.profiles import in_turn
from tests.venues import dialect, spoken
from tests.venues.contract import CASES, holds, of_streams
from tests.venues.harness import SYMBOL, venue_at
from tests.venues.pushed import PATIENCE_S, Listening
from tests.venues.shapes import words_of
from tradectl.domain.errors import NotExecuted
from tradectl.domain.orders import OrderStatus

WANTED = os.environ.get("TRADECTL_CASE", "")
PARTS = 3


def cases_of(place: int, name: str, kind: str) -> list[str]:
    """Those of this commit at the venue, which has that place among all; or those that are asked for."""
    held = [case for case in CASES if holds(case, dialect(name, kind))]
    if WANTED:
        return [case for case in held if WANTED in case]
    return in_turn(held[place % PARTS :] + held[: place % PARTS], PARTS)


async def test_a_kind_that_ccxt_has_under_another_name_is_traded_under_the_first() -> None:
    async with venue_at(dialect("krakenfutures", "perpetual"), id="kraken") as at:
        order = await at.submit("buy", "0.01")
        assert order.filled == 0 or order.status is OrderStatus.FILLED
        assert await at.held() == Decimal("0.01")
        paid = at.exchange.fund(SYMBOL, "0.001")
        assert [row.amount for row in await at.income()] == [paid]


async def test_a_token_that_ran_out_ends_the_stream() -> None:
    """Kraken says it in answer to the subscription, and ccxt tells nobody."""
    async with venue_at(dialect("kraken", "spot"), streams=True) as at:
        with mock.patch("tests.venues.talks.kraken.TOKEN", "another"):
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(NotExecuted, match="ended the stream: ESession:Invalid session"):
                    await at.venue.stream_account(lambda _: None)


async def test_a_pushed_fill_of_an_order_of_another_run_carries_our_id() -> None:
    async with venue_at(dialect("krakenfutures", "perpetual"), streams=True) as at:
        await at.submit("buy", "0.02", "50000")
        await at.venue.close()
        at.venue = at.venue_of(SYMBOL)
        await at.venue.open()
        async with Listening(at, at.venue.stream_account) as account:
            await account.until(lambda: at.listens("fills"))
            at.engine.take(at.exchange.truth.ours()[-1], Decimal("0.02"))
            await account.until(lambda: account.fills)
            assert account.fills[0].client_order_id == at.client_id


async def test_a_stream_without_news_is_kept_open() -> None:
    """Coinbase closes what was quiet for a minute, but for who asked for its heartbeats."""
    coinbase = dialect("coinbase", "spot")
    async with (
        venue_at(coinbase, streams=True) as at,
        Listening(at, at.venue.stream_account) as account,
    ):
        await account.until(lambda: any(one.is_kept_open for one in at.connections()))


async def test_a_cloud_key_of_coinbase_logs_in_with_a_token() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    cloud = replace(
        dialect("coinbase", "spot"),
        credentials=("organizations/o/apiKeys/k", key.decode(), ""),
        signed_at=lambda _: None,
        knows=lambda _: True,
    )
    async with (
        venue_at(cloud, streams=True) as at,
        Listening(at, at.venue.stream_account) as account,
    ):
        await account.until(lambda: at.listens("user:"))


@pytest.mark.parametrize(
    ("place", "name", "kind"),
    [pytest.param(place, *venue, id="-".join(venue)) for place, venue in enumerate(spoken())],
)
async def test_the_contract_holds(place: int, name: str, kind: str) -> None:
    wrong: list[Exception] = []
    answered: set[str] = set()
    for case in cases_of(place, name, kind):
        for run in CASES[case]:
            try:
                streams = of_streams(case)
                async with venue_at(dialect(name, kind), answered=answered, streams=streams) as at:
                    await run(at)
            except Exception as error:  # all that is wrong is told, not the first of it
                error.add_note(f"{name} {kind}: {case} {getattr(run, 'keywords', '')}")
                wrong.append(error)
    spoken_there = dialect(name, kind)
    if not spoken_there.is_native:
        assert answered - words_of(spoken_there.exchange_id) <= spoken_there.elsewhere
    if wrong:
        raise ExceptionGroup(f"{name} {kind}", wrong)
