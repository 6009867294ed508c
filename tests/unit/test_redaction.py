"""A secret is taken out of a text in every form that it comes in, and by where it stands."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.redaction import (
    _HEADERS,
    _MARKS,
    _POSITIONS,
    HIDDEN,
    LOOKED_AT,
    SHOWN,
    Redaction,
)

SECRET = "Canary+Key/0123456789=abcdefghijklmnopqrstuvwxyz"
Form = Callable[[str], str]

FORMS: dict[str, Form] = {
    "as it is": lambda s: s,
    "upper case": str.upper,
    "lower case": str.lower,
    "percent": lambda s: quote(s, safe=""),
    "percent, lower case": lambda s: quote(s, safe="").lower(),
    "percent twice": lambda s: quote(quote(s, safe=""), safe=""),
    "every byte a percentage": lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
    "plus": quote_plus,
    "json": json.dumps,
    "json twice": lambda s: json.dumps(json.dumps(s)),
    "json, slashes escaped": lambda s: json.dumps(s).replace("/", "\\/"),
    "unicode escapes": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "hex escapes": lambda s: "".join(f"\\x{ord(c):02x}" for c in s),
    "entities": lambda s: html.escape(s).replace("/", "&#x2F;").replace("+", "&#43;"),
    "python": repr,
    "split over lines": lambda s: s[:20] + "\n    " + s[20:],
    "split over strings": lambda s: f'"{s[:13]}" + "{s[13:30]}" "{s[30:]}"',
    "split by escaped line ends": lambda s: s[:20] + "\\n" + s[20:],
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 for addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "base64 in the middle of something": lambda s: base64.b64encode(f"a:{s}!".encode()).decode(),
    "base64 of a login": lambda s: base64.b64encode(f"me:{s}".encode()).decode(),
    "base64 over lines": lambda s: base64.encodebytes((s * 3).encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "hex, upper case": lambda s: s.encode().hex().upper(),
    "hex, colons": lambda s: s.encode().hex(":"),
    "its beginning": lambda s: s[:20] + "...",
    "its end": lambda s: "..." + s[-20:],
}


@each_row("form", FORMS)
def test_in_no_form_it_is_shown(form: str) -> None:
    written = FORMS[form](SECRET)
    shown = Redaction([SECRET, "another secret"]).clean(
        f"the exchange said {written} of all things"
    )
    assert shown.startswith("the exchange said ")
    assert shown.endswith(" of all things")
    assert HIDDEN in shown
    middle = shown.removeprefix("the exchange said ").removesuffix(" of all things")
    assert len(middle) < 40
    assert not any(written[at : at + 12] in middle for at in range(max(1, len(written) - 12)))


@given(
    st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=-_", min_size=8),
    st.sampled_from([f for n, f in FORMS.items() if not n.startswith(("its", "split"))]),
    st.sampled_from(["", "x", "xy", "{", "=", "%"]),
)
def test_whatever_it_is_and_wherever_it_stands(secret: str, form: Form, around: str) -> None:
    shown = Redaction([secret]).clean(around + form(secret) + around)
    assert secret not in shown
    assert HIDDEN in shown


@each_row(
    "text",
    [
        "Authorization: Bearer VALUE",
        "authorization: Basic VALUE",
        "Proxy-Authorization: Basic VALUE",
        "{'Authorization': 'Bearer VALUE', 'Host': 'h'}",
        '{"X-MBX-APIKEY": "VALUE"}',
        '{\\"X-MBX-APIKEY\\": \\"VALUE\\"}',
        "OK-ACCESS-KEY: VALUE",
        "OK-ACCESS-PASSPHRASE=VALUE",
        "KC-API-SIGN: VALUE",
        "X-BAPI-SIGN: VALUE",
        "x-bapi-api-key=VALUE",
        "Cookie: VALUE",
        "symbol=A&signature=VALUE&x=1",
        "symbol%3DA%26signature%3DVALUE",
        "api_key=VALUE",
        "apiKey: VALUE",
        "listenKey=VALUE",
        "passphrase: VALUE",
        "password=VALUE",
        '"secret" : "VALUE"',
    ],
)
def test_by_where_it_stands_nobody_needs_to_know_it(text: str) -> None:
    assert "VALUE" not in Redaction().clean(text)
    assert HIDDEN in Redaction().clean(text)


@pytest.mark.parametrize(
    "run", ["\\", "C\\", "C \\", "x-", "x-key-", "%25", "C%25", "&#0", "sign\\"]
)
def test_no_run_of_anything_holds_it_up(run: str) -> None:
    """Each of them would be tried from every place to its end."""
    for text in (run * (200_000 // len(run)), "C" + run[-1:] * 200_000):
        assert Redaction([SECRET])._cleaned(text) == text


@given(st.integers(LOOKED_AT - 800, LOOKED_AT + 800), st.sampled_from(sorted(FORMS)))
def test_of_a_long_text_its_beginning_is_shown_and_nothing_that_was_cut(
    before: int, form: str
) -> None:
    written = FORMS[form](SECRET)
    shown = Redaction([SECRET]).clean("." * before + written + "." * 1_000_000)
    assert shown == "." * SHOWN


def test_what_is_none_stays() -> None:
    text = "order 12 of BTCUSDT: price 60000.5 is off the tick, sign it again; 2026-01-05T08:00:00Z"
    assert Redaction([SECRET]).clean(text) == text
    assert Redaction(["abc"]).clean("abc ABC") == f"{HIDDEN} ABC"


@given(
    st.lists(
        st.sampled_from(
            ["sign", "token", "authorization", "\\", "u003", "u", "3d", "3a", "'", " ", "x"]
        )
    )
)
def test_what_gives_nothing_a_value_has_nothing_to_hide(parts: list[str]) -> None:
    """Those texts are not looked at closer."""
    text = "".join(parts)
    if not any(mark in text for mark in _MARKS):
        assert not _HEADERS.search(text)
        assert not _POSITIONS.search(text)
