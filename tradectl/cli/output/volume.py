"""The usual volume of a day, as a line of the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output.cells import DIM
from tradectl.documents.data import VolumeProfile
from tradectl.domain.text import counted, harmless


def profiles(found: Sequence[VolumeProfile]) -> RenderableType:
    parts: list[RenderableType] = []
    for each in found:
        parts.append(Text(f"# {harmless(each.symbol)}, {counted(each.days, 'day')}", DIM))
        parts.append(Text(f"volume_profile = [{', '.join(each.shares)}]"))
    return Group(*parts)


__all__ = ["profiles"]
