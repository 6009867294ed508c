"""The file to begin with: every key, its default and what it means, all commented out.

It is made from the settings themselves, their words and bounds, so that it cannot fall behind. Lines that
begin with `# ` are prose; a `#` right before a key is to be removed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from msgspec import Struct

from tradectl.config.places import LISTS
from tradectl.config.render import literal
from tradectl.config.settings import Settings
from tradectl.domain.instruments import BUILT_IN
from tradectl.domain.setting import Field, choices_of, fields_of, is_struct, one_of
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.notification.notification_settings import AlertChannel, AlertEscalation, AlertRoute
from tradectl.notification.threshold_settings import Threshold

WIDTH = 100
PREFACE = (
    "tradectl's configuration: every key with its default. To change one, remove the # right before "
    "it; `tradectl config check -c FILE` says whether all is well. Environment variables win over this "
    "file (TRADECTL__RISK__MAX_LEVERAGE=3), and flags over both. Secrets do not belong here."
)


def template() -> str:
    """TOML that loads as the defaults."""
    defaults = Settings()
    fields = fields_of(Settings)
    sections = [name for name, field in fields.items() if is_struct(field.kind)]
    lists: dict[str, Struct] = {
        "strategies": defaults.strategies[0],
        "instruments": BUILT_IN["BTCUSDT"],
        "exchanges": ExchangeSettings(id="binance"),
        "alert_channels": AlertChannel(name="phone"),
        "alert_routes": AlertRoute(channels=("phone",)),
        "alert_escalations": AlertEscalation(channels=("phone",)),
        "thresholds": Threshold(reading="rss_mb", raised_at=1_000),
    }
    top = [name for name in fields if name not in sections and name not in LISTS]
    lines = [*_prose(PREFACE), "", *_lines_of_keys(defaults, top)]
    for name in sections:
        section = getattr(defaults, name)
        lines += ["", f"[{name}]", *_prose(type(section).__doc__), "", *_lines_of_keys(section)]
    for name, example in lists.items():
        lines += ["", *_prose(type(example).__doc__), "", f"#[[{name}]]", *_lines_of_keys(example)]
    return "\n".join(lines) + "\n"


def _lines_of_keys(
    values: Struct, names: list[str] | None = None, table: str = ""
) -> Iterator[str]:
    """The lines of the keys of `values`, of all of them if no `names` are given; those of a `table` in
    another one are spelled with its name."""
    fields = fields_of(type(values))
    for name in fields if names is None else names:
        if is_struct(fields[name].kind):
            yield from _prose(fields[name].help)
            yield from _lines_of_keys(getattr(values, name), table=f"{name}.")
            continue
        yield from _prose(_explained(fields[name]))
        if choices := choices_of(fields[name].kind):
            yield from _prose(one_of(choices))
        yield f"#{table}{name} = {literal(getattr(values, name))}"


def _explained(field: Field) -> str:
    bounds = field.bounds.described()
    return f"{field.help}; {bounds}" if bounds else field.help


def _prose(text: str | None) -> list[str]:
    lines: list[str] = []
    for paragraph in (text or "").split("\n\n"):
        lines += textwrap.wrap(" ".join(paragraph.split()), WIDTH - 2, break_on_hyphens=False)
    return [f"# {line}" for line in lines]
