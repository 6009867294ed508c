"""What was saved, and what came back, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from tradectl.cli.output import figures
from tradectl.cli.output.cells import DIM, GOOD, WARN, Cell
from tradectl.cli.output.listing import line, value
from tradectl.documents.backups import Backup, BackupAccount, Restore, Vacuumed
from tradectl.domain.text import counted


def backup(found: Backup) -> RenderableType:
    key = "with the journals' key: guard it" if found.with_key else "without the journals' key"
    held = f"{counted(found.files, 'file')}, {counted(found.journals, 'journal')}; {key}"
    return Group(
        line("backup", value(found.file, GOOD), Cell(f"  {figures.size(found.size)}", DIM)),
        line("of", value(figures.moment(found.made_at)), Cell(f"  {held}", DIM)),
        *_accounts(found.accounts),
        *_warnings(found.problems),
    )


def restore(found: Restore) -> RenderableType:
    proof = "signed by your key" if found.signed else "whole by its hashes"
    said = [*found.newer, *found.problems]
    if found.key is not None:
        said.append(f"the journals' key came with it, and is in {found.key} now")
    if found.halt is not None:
        said.append(f"halted, as it was: {found.halt}")
    return Group(
        line(
            "restored",
            value(found.state_dir, GOOD),
            Cell(f"  {counted(found.files, 'file')}, {proof}", DIM),
        ),
        line("as of", value(figures.moment(found.made_at))),
        *_accounts(found.accounts),
        *_warnings(said),
        line("next", Cell("its next run begins paused: look at `status`, then `resume`")),
    )


def vacuumed(found: Vacuumed) -> RenderableType:
    before = sum(each.before for each in found.packed)
    after = sum(each.after for each in found.packed)
    packed = (
        f"{figures.size(before)} became {figures.size(after)}"
        if found.packed
        else "none old enough"
    )
    sizes = f"{figures.size(found.database_before)} became {figures.size(found.database_after)}"
    results = f", {found.results_removed} results of backtests" if found.results_removed else ""
    return Group(
        line("packed", value(counted(len(found.packed), "journal")), Cell(f"  {packed}", DIM)),
        line("removed", value(counted(len(found.removed), "journal") + results)),
        *(line("kept", value(run_id), Cell(f"  {why}", DIM)) for run_id, why in found.kept.items()),
        line("database", value(found.database), Cell(f"  {sizes}", DIM)),
        *_warnings(found.problems),
    )


def _accounts(accounts: Sequence[BackupAccount]) -> list[RenderableType]:
    return [
        line(
            each.kind,
            value(f"run {each.run_id} to record {each.last_seq}"),
            Cell(f"  state {each.state_hash[:16]}", DIM),
        )
        for each in accounts
    ]


def _warnings(said: Sequence[str]) -> list[RenderableType]:
    return [line("beware", value(each, WARN)) for each in said]
