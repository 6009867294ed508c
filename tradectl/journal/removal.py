"""A journal whose time is over goes as a whole, however many parts it is in.

Its beginning is renamed first: from then on nobody takes what is left for a journal, and whoever reads
it is told. It is deleted last: who finds it knows what a removal that was killed has left to do.
"""

from __future__ import annotations

from pathlib import Path

from tradectl.journal.parts import PACKED, PLAIN, later_parts

REMOVED = ".removed"


def remove(path: Path) -> None:
    """All parts of the log that begins with `path`, put away or not. Raises OSError."""
    begun = path.with_name(f"{path.name}{REMOVED}")
    path.replace(begun)
    _finish(begun)


def finish_removals(folder: Path) -> None:
    """Those of the journals in `folder` that were killed. Raises OSError."""
    for begun in sorted(folder.glob(f"*{PLAIN}*{REMOVED}")):
        _finish(begun)


def without_beginning(folder: Path) -> dict[str, int]:
    """Journals of which later parts are there and the first is not, by run: how many parts."""
    found: dict[str, int] = {}
    for part in sorted(folder.glob(f"*.*{PLAIN}*")):
        run_id, _, start = part.name.partition(PLAIN)[0].partition(".")
        beginnings = (folder / f"{run_id}{end}" for end in (PLAIN, PACKED))
        if start.isdigit() and not any(each.exists() for each in beginnings):
            found[run_id] = found.get(run_id, 0) + 1
    return found


def _finish(begun: Path) -> None:
    run_id = begun.name.partition(".")[0]
    for _, part in later_parts(begun.with_name(f"{run_id}{PLAIN}")):
        part.unlink(missing_ok=True)
    begun.unlink(missing_ok=True)


__all__ = ["finish_removals", "remove", "without_beginning"]
