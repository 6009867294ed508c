"""Who may ask the page's server, and act."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.web.access import MOST_NONCES, MOST_WAITING, NONCE_S, Access, Refused
from tradectl.web.actions import Action, Allowed
from tradectl.web.serve import Served

HERE = "http://127.0.0.1:8750"
OWN = {"Host": "127.0.0.1:8750"}


class Now:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def access(now: Callable[[], float] | None = None) -> Access:
    return Access((HERE, "http://localhost:8750"), now or Now())


def status(call: Callable[[], object]) -> int:
    """What it is refused with."""
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.status


@each_row(
    "headers",
    [
        OWN,
        {"Host": "localhost:8750"},
        {**OWN, "Origin": HERE, "Sec-Fetch-Site": "same-origin"},
        {**OWN, "Sec-Fetch-Site": "none"},
    ],
)
def test_the_page_itself_is_let_in(headers: dict[str, str]) -> None:
    access().host(headers)


@each_row(
    ("headers", "refused"),
    [
        ({}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "127.0.0.1:8751"}, 421),
        ({"Host": "evil.example:8750"}, 421),
        ({"Host": "127.0.0.1:8750.evil.example"}, 421),
        ({**OWN, "Origin": "http://evil.example"}, 403),
        ({**OWN, "Origin": "http://127.0.0.1:8751"}, 403),
        ({**OWN, "Origin": "https://127.0.0.1:8750"}, 403),
        ({**OWN, "Origin": "http://localhost:8750"}, 403),
        ({**OWN, "Origin": "null"}, 403),
        ({**OWN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**OWN, "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_others_are_not(headers: dict[str, str], refused: int) -> None:
    assert status(lambda: access().host(headers)) == refused


def test_a_token_is_of_one_start_and_long() -> None:
    one, other = access(), access()
    assert len(one.token) >= 43  # 256 bits
    one.token_of({"Authorization": f"Bearer {one.token}"})
    for given in (
        "", other.token, f"Bearer {other.token}", one.token, f"Bearer {one.token} ",
        f"bearer {one.token}", f"Bearer {one.token[:-1]}", "Bearer ", "Bearer \udcff",
    ):  # fmt: skip
        with pytest.raises(Refused, match="token"):
            one.token_of({"Authorization": given})


def test_wrong_tokens_wait_longer_each_time_and_few_wait_at_once() -> None:
    now = Now()
    kept = access(now)
    waits = [kept.failed()[1] for _ in range(30)]
    assert waits == sorted(waits)
    assert 0 < waits[0] < waits[-1] == waits[-2]
    kept.waiting = MOST_WAITING
    assert status(kept.failed) == 429
    kept.waiting = 0
    now.at += 61
    assert kept.failed() == (1, waits[0])


def test_a_nonce_is_good_once_and_for_a_minute() -> None:
    now = Now()
    kept = access(now)
    nonce = kept.nonce()
    kept.spend(nonce)
    assert status(lambda: kept.spend(nonce)) == 409
    late = kept.nonce()
    now.at += NONCE_S
    assert status(lambda: kept.spend(late)) == 409
    assert status(lambda: kept.spend("made up")) == 409


def test_nonces_do_not_pile_up() -> None:
    now = Now()
    kept = access(now)
    for _ in range(MOST_NONCES):
        kept.nonce()
    assert status(kept.nonce) == 429
    now.at += NONCE_S
    kept.spend(kept.nonce())


@each_row(
    ("changed", "refused"),
    [
        ({}, None),
        ({"Content-Type": "application/json; charset=utf-8"}, None),
        ({"Origin": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_what_acts_is_json_from_the_page(changed: dict[str, str], refused: int | None) -> None:
    headers = {**OWN, "Origin": HERE, "Content-Type": "application/json", **changed}
    if refused is None:
        access().act(headers)
    else:
        assert status(lambda: access().act(headers)) == refused


@each_row(
    ("allowed", "kind", "word", "refused"),
    [
        (Allowed(), "pause", "pause", 403),
        (Allowed(), "stop", "stop", 403),
        (Allowed(stop=True), "flatten", "flatten", 403),
        (Allowed(stop=True), "stop", "", 400),
        (Allowed(stop=True), "stop", "pause", 400),
        (Allowed(stop=True, flatten=True), "flatten", "stop", 400),
        (Allowed(stop=True), "stop", " Stop ", None),
        (Allowed(stop=True), "pause", "pause", None),
        (Allowed(stop=True, flatten=True), "flatten", "flatten", None),
    ],
)
def test_what_it_was_not_started_for_it_does_not_do(
    allowed: Allowed, kind: str, word: str, refused: int | None
) -> None:
    action = Action(kind=kind, account=0, word=word, nonce="")  # type: ignore[arg-type]  # as it comes in
    if refused is None:
        allowed.refuse_others(action)
    else:
        assert status(lambda: allowed.refuse_others(action)) == refused


def served(host: str = "127.0.0.1", **more: object) -> Served:
    given = {"certificate": None, "key": None, "allowed": Allowed(), **more}
    return Served(directories=[], host=host, port=8750, **given)  # type: ignore[arg-type]


@each_row("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_this_machine_needs_no_tls(host: str) -> None:
    served(host).check()


@each_row("host", ["0.0.0.0", "::", "192.168.1.7", "example.com"])
def test_beyond_it_nothing_goes_in_the_clear(host: str) -> None:
    with pytest.raises(UsageError, match="--tls-cert"):
        served(host).check()


def test_closing_positions_is_a_part_of_stopping() -> None:
    with pytest.raises(UsageError, match="add --allow-stop"):
        served(allowed=Allowed(flatten=True)).check()


@pytest.mark.parametrize(
    ("host", "port", "names"),
    [
        ("127.0.0.1", 8750, ("http://127.0.0.1:8750", "http://localhost:8750")),
        ("127.0.0.1", 80, ("http://127.0.0.1", "http://localhost")),
        ("::1", 8750, ("http://[::1]:8750", "http://localhost:8750")),
    ],
)
def test_it_is_called_as_a_browser_spells_it(host: str, port: int, names: tuple[str, ...]) -> None:
    assert served(host).origins(port) == names


def test_a_name_with_capitals_is_the_same_name() -> None:
    kept = served("MyBox.lan", certificate=Path("c"), key=Path("k"))
    assert kept.origins(443) == ("https://mybox.lan",)
    assert kept.origins(8750) == ("https://mybox.lan:8750",)
