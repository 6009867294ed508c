"""The page: one file that needs nothing from elsewhere, and may ask for nothing.

A content security policy forbids every request and every style and script but the two that are in the
page, which it names by their hash. What strategies, symbols and configurations say is text (`markup`);
even if it were not, no browser would run it.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from tradectl.documents.report import Report
from tradectl.report import breakdown, figures, result, risk
from tradectl.report.markup import Markup, join, tag, void

CONVENTIONS = """
A round trip goes from flat to flat, per strategy and symbol, on the strategy's own virtual position;
prices are averages, and a fill that turns a position around is split. Results are net of fees and of
funding.

Returns are simple, of days that end at UTC midnight (the first and the last may be parts of days, and
count as days); a year has 365 days, and a run of less than a day no figure of a year; the risk-free rate
is 0; deviations are of a sample (ddof 1).

Sharpe is mean / deviation \N{MULTIPLICATION SIGN} \N{SQUARE ROOT}365; Sortino the same by the root of the
mean square of all days' losses; CAGR (end / start)^(365 / days) \N{MINUS SIGN} 1; Calmar CAGR / largest
drawdown; SQN \N{SQUARE ROOT}n \N{MULTIPLICATION SIGN} mean / deviation of the results.

Drawdown is measured at every mark (of a candle: its close) from the highest equity before it. Money put
in or taken out is neither profit nor loss: returns are time-weighted around it.

Buy and hold puts the same money in equal parts into every symbol of the data at its first price, pays the
fee for buying, and waits.

Money is exact: each table of the result adds up to it to the last digit.
"""


def page(report: Report) -> str:
    """The whole document."""
    style, script = join(_asset("style.css"), _places()), _asset("script.js")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; script-src 'sha256-{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=policy),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        void("meta", name="referrer", content="no-referrer"),
        tag("title", _title(report)),
        tag("style", style),
    )
    body = tag("body", tag("main", *_parts(report)), tag("script", script))
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _parts(report: Report) -> list[Markup]:
    return [
        result.head(report),
        result.headline(report),
        result.section("Equity", "", result.equity(report), result.drawdown(report)),
        result.calendar(report),
        breakdown.attribution(report),
        breakdown.costs(report),
        breakdown.prices(report),
        risk.all_of(report),
        breakdown.trades(report),
        _conventions(),
        _provenance(report),
    ]


def _title(report: Report) -> str:
    made = figures.percent(report.statistics.return_pct, signed=True)
    return f"{', '.join(report.strategies)} {made} \N{MIDDLE DOT} {report.run_id}"


def _conventions() -> Markup:
    told = (tag("li", " ".join(each.split())) for each in CONVENTIONS.split("\n\n"))
    return result.section("How it is counted", "", tag("ul", *told))


def _provenance(report: Report) -> Markup:
    facts = {
        "Run": report.run_id,
        "Mode": f"{report.mode}, {report.source}",
        "Strategies": ", ".join(report.strategies),
        "Data begins": figures.moment(report.data_from),
        "Trading could begin": figures.moment(report.tradable_from or report.data_from),
        "Ended": report.end_reason or "not by itself",
        "Records": figures.count(report.records),
        "Configuration": report.config_hash,
        "Journal": report.journal or "none was kept",
        "tradectl": report.program,
    }
    told = [join(tag("dt", name), tag("dd", value)) for name, value in facts.items()]
    lead = "Each decision can be made again from the journal, and compared: tradectl replay."
    return result.section(
        "Where it comes from", lead if report.journal else "", tag("dl", *told, class_="facts")
    )


def _asset(name: str) -> Markup:
    """A file of ours beside this one: it is trusted, and must not end its element."""
    return Markup(files(__package__).joinpath(name).read_text("utf-8"))


def _places() -> Markup:
    """Where labels stand, in percent: the classes that `charts` gives them."""
    rules = (f".x{n}{{left:{n}%}}.y{n}{{top:{n}%}}" for n in range(101))
    return Markup("\n".join(rules))


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


__all__ = ["page"]
