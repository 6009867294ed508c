"""The page is one file that asks for nothing, and no text in it is markup, whoever said it."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.fixtures.journal import HEADER
from tests.fixtures.rows import each_row
from tests.unit.test_strategies_add_up import START, settings_of, strategy, ticks
from tradectl.bus.clock import DataClock
from tradectl.documents.report import Report, ReportAlert
from tradectl.domain.money import ZERO
from tradectl.domain.time import iso
from tradectl.report.builder import Beside, ReportBuilder
from tradectl.report.csv_files import cell
from tradectl.report.markup import join, tag
from tradectl.report.page import page
from tradectl.state.account import Account
from tradectl.system.trading_system import TradingSystem, on_paper

__all__ = ["strategy"]

HOSTILE = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)></title></style>&lt;b&gt;{{7*7}}"
)
FIGURES = re.compile(r"-?[0-9.]+|[0-9]{4}-[0-9]{2}(-[0-9]{2}.*)?")
OF_THE_PAGE = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "h3", "p",
    "div", "span", "figure", "figcaption", "i", "b", "dl", "dt", "dd", "small", "br", "ul", "li", "table",
    "thead", "tbody", "tr", "th", "td", "svg", "path", "rect", "details", "summary", "button", "input",
    "script",
}  # fmt: skip
ASKS = {"src", "href", "srcset", "action", "data", "style", "xlink:href", "background", "poster"}


class Read(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.inside: dict[str, str] = {}
        self._in = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._in = tag

    def handle_endtag(self, _tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        self.inside[self._in] = self.inside.get(self._in, "") + data


@pytest.fixture(scope="module")
def report(strategy: str) -> Report:
    """Of some minutes of random trading in two symbols."""
    dice = random.Random(3)
    settings = settings_of(dice, strategy)
    account = Account.open("", "USDT", 100_000 + ZERO)
    header = replace(HEADER, config=settings.dump(), state=account.dump())
    builder = ReportBuilder(header)
    made = TradingSystem(settings, account, "r1", DataClock(), gateway=on_paper(settings))
    made.open()
    for tick in ticks(dice, 400, START):
        for record in made.apply(tick):
            builder.take(record)
    alert = ReportAlert(time=iso(START), severity="warning", message="it fell", count=1)
    return builder.end(beside=Beside([alert]))


def hostile(document: Any) -> Any:
    """Every word in it replaced."""
    if isinstance(document, dict):
        return {key: hostile(value) for key, value in document.items()}
    if isinstance(document, list):
        return [hostile(value) for value in document]
    if isinstance(document, str) and not FIGURES.fullmatch(document):
        return HOSTILE
    return document


def test_no_text_is_markup(report: Report) -> None:
    said: Report = msgspec.convert(hostile(msgspec.to_builtins(report)), Report)
    assert said.strategies[0] == said.trips[0].entry_reason == said.prices[0].symbol == HOSTILE
    as_it_is, changed = Read(page(report)), Read(page(said))
    assert set(changed.tags) <= OF_THE_PAGE
    assert changed.tags.count("script") == 1
    assert changed.inside["script"] == as_it_is.inside["script"]
    assert changed.inside["style"] == as_it_is.inside["style"]
    assert {name for name, _ in changed.attributes} == {name for name, _ in as_it_is.attributes}
    assert HOSTILE in changed.inside["title"] + changed.inside["h1"]


def test_it_asks_for_nothing(report: Report) -> None:
    text = page(report)
    read = Read(text)
    names = {name for name, _ in read.attributes}
    assert not names & ASKS
    assert not [name for name in names if name.startswith("on")]
    assert "url(" not in read.inside["style"]
    assert "@import" not in read.inside["style"]
    for word in ("fetch", "XMLHttpRequest", "import(", "innerHTML", "eval", "http:"):
        assert word not in read.inside["script"].replace("http://www.w3.org/2000/svg", "")


def test_its_policy_names_its_style_and_its_script_and_nothing_else(report: Report) -> None:
    read = Read(page(report))
    [policy] = [value for _, value in read.attributes if value and "default-src" in value]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'sha256-{_hash(read.inside['style'])}'",
        "script-src": f"'sha256-{_hash(read.inside['script'])}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_a_run_without_anything_has_a_page(report: Report) -> None:
    settings = settings_of(random.Random(0), "x.py:X")
    account = Account.open("", "USDT", 100_000 + ZERO)
    empty = ReportBuilder(replace(HEADER, config=settings.dump(), state=account.dump())).end()
    assert "Nothing was traded" in page(empty)
    assert empty.pnl == "0"
    assert empty.statistics.sharpe is None


def test_text_is_escaped_where_it_is_joined() -> None:
    assert join("<b>", tag("i", "&"), None) == "&lt;b&gt;<i>&amp;</i>"
    assert tag("p", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;"></p>'


@each_row(
    ("value", "expected"),
    [("=1+1", "'=1+1"), ("-cmd|x", "'-cmd|x"), ("-12.5", "-12.5"), ("@x", "'@x"), ("a=b", "a=b"),
     (None, ""), (True, "true"), (1.5, 1.5)],
)  # fmt: skip
def test_no_cell_is_a_formula(value: object, expected: object) -> None:
    assert cell(value) == expected
