"""Credentials are read from the environment or a keyring, and shown to nobody."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import types
from typing import Literal

import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.exchange.ccxt_venue.client import make_client
from tradectl.exchange.ccxt_venue.tables import table_of
from tradectl.exchange.credentials import Credentials, read_credentials, redacted
from tradectl.exchange.exchange_settings import ExchangeSettings

CANARY = "canary+key/0123456789="
SECRET = "canarysecret0123456789"
KEYS = Credentials(CANARY, SECRET, "open sesame")
SETTINGS = ExchangeSettings(id="binance")


def test_importing_the_package_does_not_load_ccxt() -> None:
    code = (
        "import sys, tradectl.exchange.ccxt_venue;"
        "print([name for name in ('ccxt', 'aiohttp', 'keyring') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_keys_hide_themselves() -> None:
    for shown in (repr(KEYS), str(KEYS), f"{KEYS}", f"{KEYS!r}"):
        assert CANARY not in shown
        assert SECRET not in shown
    with pytest.raises(TypeError):
        pickle.dumps(KEYS)
    with pytest.raises(TypeError):
        copy.deepcopy(KEYS)


def test_from_the_environment_by_the_name_of_the_exchange() -> None:
    environ = {
        "TRADECTL_MAIN_API_KEY": " k ",
        "TRADECTL_MAIN_API_SECRET": "s\n",
        "TRADECTL_MAIN_PASSPHRASE": "p",
        "TRADECTL_BINANCE_API_KEY": "another",
    }
    found = read_credentials(ExchangeSettings(id="binance", name="main"), environ)
    assert found is not None
    assert (found.api_key, found.api_secret, found.passphrase) == ("k", "s", "p")


def test_none_and_half_a_pair() -> None:
    assert read_credentials(SETTINGS, {}) is None
    with pytest.raises(UsageError, match="TRADECTL_BINANCE_API_SECRET is not set"):
        read_credentials(SETTINGS, {"TRADECTL_BINANCE_API_KEY": CANARY})


class Locked(Exception):
    pass


def keyring_of(held: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_password(service: str, name: str) -> str | None:
        assert service == "tradectl"
        if held is None:
            raise Locked
        return held.get(name)

    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = Locked  # type: ignore[attr-defined]
    ring = types.ModuleType("keyring")
    ring.get_password = get_password  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_from_a_keyring_where_the_environment_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring_of({"binance.api_key": "k", "binance.api_secret": "s"}, monkeypatch)
    found = read_credentials(SETTINGS, {})
    assert found is not None
    assert (found.api_key, found.api_secret) == ("k", "s")
    keyring_of(None, monkeypatch)
    assert read_credentials(SETTINGS, {}) is None


@each_row(
    "text",
    [
        f"binance POST https://api.binance.com/api/v3/order?symbol=X&signature={SECRET}",
        f"GET wss://stream.binance.com:9443/ws?listenKey={SECRET} failed",
        f"{{'apiKey': '{CANARY}', 'signature': \"{SECRET}\"}}",
        "X-MBX-APIKEY: canary%2Bkey%2F0123456789%3D",
        f"nothing else, just {SECRET} in the middle and {CANARY}",
        "wrong passphrase open sesame given",
    ],
)
def test_texts_lose_keys_signatures_and_queries(text: str) -> None:
    shown = redacted(text, KEYS)
    for hidden in (CANARY, SECRET, "canary", "open sesame", "listenKey=c"):
        assert hidden not in shown


def test_what_is_left_of_a_text_still_helps() -> None:
    text = 'binance GET https://api.binance.com/api/v3/order?a=1 {"code":-2013,"msg":"no\x1b[31m"}'
    assert (
        redacted(text, None)
        == 'binance GET api.binance.com/api/v3/order {"code":-2013,"msg":"no?[31m"}'
    )
    page = "<!DOCTYPE HTML><HTML><HEAD><TITLE>503</TITLE></HEAD>" + "x" * 5000 + "</HTML>"
    assert redacted(page, None).startswith("an HTML page: 503 xxx")
    assert len(redacted(page, None)) <= 300


def test_a_kind_that_is_not_traded_there_is_refused_with_a_key_and_the_name_that_there_is() -> None:
    settings = ExchangeSettings(id="coinbase", market="perpetual")
    credentials = Credentials("key", "c2VjcmV0")
    with pytest.raises(UsageError, match=r"close of all.*coinbaseinternational"):
        make_client(settings, credentials, table_of("coinbase").quirks)


@pytest.mark.parametrize(("market", "made"), [("perpetual", "krakenfutures"), ("spot", "kraken")])
def test_a_kind_that_has_another_name_is_reached_by_the_first(
    market: Literal["spot", "perpetual"], made: str
) -> None:
    settings = ExchangeSettings(id="kraken", market=market)
    client = make_client(settings, Credentials("key", "c2VjcmV0"), table_of(made).quirks)
    assert client.id == made


@pytest.mark.parametrize(
    ("key", "secret", "variable"),
    [("0x12", "0x" + "b" * 64, "API_KEY"), ("0x" + "a" * 40, "hunter2-hunter2", "API_SECRET")],
)
def test_a_wallet_of_another_form_is_refused_without_showing_it(
    key: str, secret: str, variable: str
) -> None:
    settings = ExchangeSettings(id="hyperliquid", market="perpetual")
    with pytest.raises(UsageError, match=f"TRADECTL_HYPERLIQUID_{variable}") as refused:
        make_client(settings, Credentials(key, secret), table_of("hyperliquid").quirks)
    assert "hunter2" not in str(refused.value)
