"""Strategies for people: the list of them, and one in full."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import figures
from tradectl.cli.output.cells import DIM, PLAIN, TITLE
from tradectl.documents.market import AvailableStrategy, StrategyDescription, StrategyParameter
from tradectl.domain.text import harmless
from tradectl.strategy.parameters import Parameter


def listed(rows: Sequence[AvailableStrategy]) -> RenderableType:
    return Group(*map(_brief, rows)) if rows else Text("no strategies found", DIM)


def one(found: StrategyDescription) -> RenderableType:
    text = Text(harmless(found.name), TITLE, overflow="fold")
    text.append(f"  {found.origin}\n\n", DIM)
    text.append(f"{found.idea}\n", PLAIN)
    if found.parameters:
        text.append("\nparameters", TITLE)
    for name, parameter in found.parameters.items():
        text.append(f"\n  {harmless(name, 40)} = {harmless(parameter.default, 80)}", PLAIN)
        text.append(f"  {_told(parameter)}".rstrip(), DIM)
    text.append("\n\nhears       ", TITLE)
    text.append("; ".join(found.data), PLAIN)
    if found.timeframes:
        text.append(f" of {', '.join(found.timeframes)}", PLAIN)
    text.append("\nwarm-up     ", TITLE)
    text.append(f"{found.warm_up:,} {found.warm_up_of}" if found.warm_up else "none", PLAIN)
    text.append("\nsymbols     ", TITLE)
    text.append("all in one" if found.several_symbols else "each by itself", PLAIN)
    return text


def _told(parameter: StrategyParameter) -> str:
    """`a whole number from 2 to 500; bars in the slow average`."""
    found = Parameter(
        parameter.type, parameter.default, parameter.low, parameter.high, tuple(parameter.choices)
    )
    meaning = f"; {parameter.meaning}" if parameter.meaning else ""
    return f"{found.expected}{meaning}"


def _brief(row: AvailableStrategy) -> Text:
    text = Text(harmless(row.name or figures.NOTHING), TITLE, overflow="fold")
    text.append(f"  {harmless(row.description or '')}", PLAIN)
    for name, default in row.parameters.items():
        text.append(f"\n  {harmless(name, 40)} = {harmless(default, 80)}", DIM)
    return text


__all__ = ["listed", "one"]
