"""An exchange: what it can, what it cannot, and what of it is proven by which test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from tradectl.cli.output.cells import BOLD, DIM, GOOD, WARN, Cell
from tradectl.cli.output.listing import line, value

if TYPE_CHECKING:
    from tradectl.documents.market import ExchangeDetail


def exchange(found: ExchangeDetail) -> RenderableType:
    yes = {True: "yes", False: "no"}
    modes = ", ".join(found.position_modes) or ("not known" if found.perpetual else "none")
    lines = [
        line("exchange", value(f"{found.name} ", BOLD), Cell(found.note, WARN)),
        line("spot", value(yes[found.spot])),
        line("perpetual", value(yes[found.perpetual])),
        line("reports", value("pushed" if found.user_stream else "asked for")),
        line("by our id", value(yes[found.lookup_by_client_id])),
        line("stops", value(", ".join(found.stops) or "no")),
        line("dead man", value(", ".join(found.dead_man_switch) or "no")),
        line("funding", value(yes[found.funding_history])),
        line("modes", value(modes)),
        line("order life", value(found.fence)),
        line("read in", value(found.fence_read_in or "no document of its own", DIM)),
        *(line("cannot", value(each, WARN)) for each in found.cannot),
    ]
    for kind in found.proven:
        lines.append(line(kind.kind, value(", ".join(kind.tests))))
        lines.append(line("shapes", value(kind.source, DIM)))
        lines += [line("holds", value(case, GOOD)) for case in kind.cases]
        lines += [line("not", value(each, WARN)) for each in kind.cannot]
    return Group(*lines)


__all__ = ["exchange"]
