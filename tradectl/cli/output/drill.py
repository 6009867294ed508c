"""A scorecard: what was tried, what was seen, and whether it passed."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD, WARN
from tradectl.documents.drill import DrillRow, Scorecard
from tradectl.domain.text import harmless


def scorecard(found: Scorecard) -> RenderableType:
    parts: list[RenderableType] = []
    for row in found.rows:
        parts += _drill(row)
    good = sum(row.passed for row in found.rows)
    said = f"{good} of {len(found.rows)} passed in {found.took_s:.0f} s"
    parts.append(Text(said, GOOD if found.passed else BAD))
    if found.folder is not None:
        parts.append(Text(f"everything is in {harmless(found.folder)}", DIM))
    return Group(*parts)


def _drill(row: DrillRow) -> list[RenderableType]:
    verdict = ("passed", GOOD) if row.passed else ("FAILED", BAD)
    if row.skipped is not None:
        verdict = ("skipped", WARN)
    head = Text(f"{verdict[0]:<8}", verdict[1]) + Text(row.name, BOLD)
    head += Text(f"  {harmless(row.tried)}, {row.took_s} s", DIM)
    lines = [Text(f"        {harmless(each)}") for each in row.seen]
    lines += [Text(f"     no {harmless(each)}", WARN) for each in row.failed]
    if row.skipped is not None:
        lines.append(Text(f"        {harmless(row.skipped)}", WARN))
    return [head, *lines]
