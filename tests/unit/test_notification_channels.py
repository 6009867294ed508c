"""The channels: what they send, and what nobody sees of them."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.fixtures.notices import OtherEnd, notice, other_end
from tests.fixtures.rows import each_row
from tradectl.domain.errors import ConfigError
from tradectl.notification.address import redaction_of, refuse_address, shown
from tradectl.notification.channel import ChannelFailed
from tradectl.notification.channels import open_channel
from tradectl.notification.notice import message_of, safe
from tradectl.notification.notification_settings import AlertChannel
from tradectl.notification.telegram import Telegram
from tradectl.notification.webhook import Webhook

TELEGRAM = "tgram://123456789:AAEhBP0av28abcdef/987654321"


@pytest.fixture
def end() -> Iterator[OtherEnd]:
    with other_end() as end:
        yield end


def test_what_is_no_2xx_has_failed(end: OtherEnd) -> None:
    message = message_of("k", [notice()])
    for status in (301, 400, 404, 500):
        end.status, end.headers = status, {"Location": end.url}
        with pytest.raises(ChannelFailed, match=f"answered {status}"):
            Webhook(end.url, 5).send(message)
    assert end.posted == []
    end.status, end.headers = 429, {"Retry-After": "17"}
    with pytest.raises(ChannelFailed) as caught:
        Webhook(end.url, 5).send(message)
    assert caught.value.rest == 17


@contextmanager
def trickling(begins: bytes, secure: bool = False) -> Iterator[str]:
    """The address of a server that answers so, and then a byte now and then for ever."""

    def answer(ear: socket.socket) -> None:
        with ear.accept()[0] as line, suppress(OSError):
            line.recv(65536)
            line.sendall(begins)
            while True:
                line.sendall(b"a")
                threading.Event().wait(0.01)

    with socket.create_server(("127.0.0.1", 0)) as ear:
        thread = threading.Thread(target=answer, args=(ear,), daemon=True)
        thread.start()
        yield f"{'https' if secure else 'http'}://127.0.0.1:{ear.getsockname()[1]}/hook"
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("begins", "secure"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\nX: ", False),
        (b"HTTP/1.1 500 Oh\r\n\r\n", False),
        (b"\x16\x03\x03\x40\x00", True),
    ],
)
def test_what_comes_a_byte_now_and_then_is_cut_off(begins: bytes, secure: bool) -> None:
    with (
        trickling(begins, secure) as url,
        pytest.raises(ChannelFailed, match=r"no answer in time|answered 500"),
    ):
        Webhook(url, 0.1).send(message_of("k", [notice()]))


def test_whoever_has_said_2xx_has_it_whatever_more_is_said() -> None:
    with trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n") as url:
        Webhook(url, 0.1).send(message_of("k", [notice()]))


def test_telegram_is_not_listened_to_for_ever_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradectl.notification.telegram.ANSWER_S", 0.1)
    begins = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with (
        trickling(begins) as url,
        pytest.raises(ChannelFailed, match="not what Telegram answers"),
    ):
        Telegram(url, "1:a").updates(0, 0)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/hook/s3cr3t-t0ken?key=abcdefgh", "https://no.invalid/hook/s3cr3t-t0ken"],
)
def test_what_fails_says_nothing_of_the_address(url: str) -> None:
    with pytest.raises(ChannelFailed) as caught:
        Webhook(url, 5).send(message_of("k", [notice()]))
    assert "s3cr3t" not in str(caught.value)
    assert "abcdefgh" not in str(caught.value)
    assert caught.value.__cause__ is None


@each_row(
    ("url", "seen"),
    [
        (
            "https://user:pass@hooks.example.org:8443/T0/B1/xyz?k=1",
            "https://hooks.example.org:8443/***",
        ),
        (TELEGRAM, "tgram://***"),
        ("mailto://me:word@example.org", "mailto://***"),
        ("nonsense", "***"),
        ("", ""),
    ],
)
def test_of_an_address_little_is_shown(url: str, seen: str) -> None:
    assert shown(url) == seen


@each_row(
    ("url", "told"),
    [
        ("http://example.org/hook", "plain http"),
        ("http://8.8.8.8/hook", "plain http"),
        ("ftp://example.org", "expected an address"),
        ("https://", "expected an address"),
        ("https://a b", "expected an address"),
        ("https://example.org/***", "what is shown of an address"),
    ],
)
def test_an_address_that_cannot_be_is_refused_unseen(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        refuse_address(url, "alert_channels.url")


def test_an_address_near_by_needs_no_tls() -> None:
    for url in (
        "http://127.0.0.1:9/x",
        "http://10.0.0.7/x",
        "http://gotify:80/m",
        "http://[::1]/x",
    ):
        refuse_address(url, "k")


def test_a_text_loses_what_could_be_used_or_obeyed() -> None:
    odd = "a\x1b[31m\n\u202eb https://hooks.example.org/T0/SECRETPART token=abc123 tgram://9:AB/1"
    assert safe(odd) == "a?[31m ?b https://hooks.example.org/*** token=*** tgram://***"
    line = notice(message="<!channel> @everyone [x](https://y) `z` **b**").line()
    assert not set("<>@`*[]") & set(line)


def test_a_telling_part_of_an_address_is_hidden_wherever_it_comes() -> None:
    hidden = redaction_of(TELEGRAM).clean("POST /bot123456789:AAEhBP0av28abcdef/sendMessage failed")
    assert "AAEhBP0av28abcdef" not in hidden
    assert "123456789" not in hidden


def test_many_in_one_message_name_the_gravest() -> None:
    notices = [notice(f"a{n}", message=f"m{n}") for n in range(30)] + [notice("w", "critical")]
    message = message_of("k", notices)
    lines = message.text.splitlines()
    assert (message.title, message.severity) == ("tradectl: 31 messages", "critical")
    assert lines[0].startswith("CRITICAL")
    assert (len(lines), lines[-1]) == (21, "and 11 more: tradectl alerts --all")


def test_the_file_has_a_line_each_and_is_its_owners_alone(tmp_path: Path) -> None:
    channel = open_channel(AlertChannel(name="file", kind="log"), {}, tmp_path)
    channel.send(message_of("k", [notice("a1"), notice("a2", message="x\ny")]))
    path = tmp_path / "alerts.log"
    channel.send(message_of("k", [notice("a1")], unanswered=True))
    first, _, told_on = path.read_text().splitlines()
    assert told_on == first.replace(" ERROR ", " nobody has acknowledged: ERROR ")
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_address_comes_from_the_environment_first(tmp_path: Path, end: OtherEnd) -> None:
    settings = AlertChannel(name="phone", url="https://example.org/other")
    channel = open_channel(settings, {"TRADECTL_CHANNEL_PHONE_URL": end.url}, tmp_path)
    channel.send(message_of("k", [notice("a1")]))
    assert end.ids == ["a1"]
    with pytest.raises(ConfigError, match="set TRADECTL_CHANNEL_PHONE_URL in the environment"):
        open_channel(AlertChannel(name="phone"), {}, tmp_path)


def test_without_its_package_apprise_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'tradectl\[alerts\]'"):
        open_channel(AlertChannel(name="tg", kind="apprise", url=TELEGRAM), {}, tmp_path)


class FakeApprise:
    """As far as we use it."""

    said: list[dict[str, str]]
    takes: bool | Exception = True

    def __init__(self) -> None:
        type(self).said = []

    def add(self, url: str) -> bool:
        return url.startswith("tgram://")

    def notify(self, **words: str) -> bool:
        if isinstance(self.takes, Exception):
            raise self.takes
        self.said.append(words)
        return self.takes


def test_by_apprise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", SimpleNamespace(Apprise=FakeApprise))
    for name in ("apprise", "urllib3", "requests"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
    with pytest.raises(ConfigError, match="of no service that Apprise knows") as refused:
        open_channel(AlertChannel(name="x", kind="apprise", url="no://s3cr3t"), {}, tmp_path)
    assert "s3cr3t" not in str(refused.value)
    channel = open_channel(AlertChannel(name="x", kind="apprise", url=TELEGRAM), {}, tmp_path)
    message = message_of("k", [notice()])
    channel.send(message)
    assert FakeApprise.said == [
        {
            "title": "tradectl: feed_stale",
            "body": "ERROR no data (feed:r-a1, feed_stale)",
            "notify_type": "failure",
            "body_format": "text",
        }
    ]
    monkeypatch.setattr(FakeApprise, "takes", False)
    with pytest.raises(ChannelFailed, match="did not take it"):
        channel.send(message)
    monkeypatch.setattr(FakeApprise, "takes", RuntimeError(f"POST {TELEGRAM} failed"))
    with pytest.raises(ChannelFailed) as caught:
        channel.send(message)
    assert "AAEhBP0av28abcdef" not in str(caught.value)


@each_row(
    "name",
    [
        "signature",
        "API_KEY",
        "listenKey",
        "X-MBX-APIKEY",
        "OK-ACCESS-SIGN",
        "passphrase",
        "Set-Cookie",
    ],
)
def test_what_stands_at_the_place_of_a_secret_is_hidden(name: str) -> None:
    assert "q1w2e3r4" not in safe(f"POST failed: {name}=q1w2e3r4&x=1")
    assert "q1w2e3r4" not in safe("Authorization: Bearer q1w2e3r4")
