"""What `config apply` did, or would do, for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output.cells import DIM, GOOD, PLAIN, WARN
from tradectl.documents.settings import SettingDifference, SettingsApplied
from tradectl.domain.text import counted, harmless

STYLES = {"safe": GOOD, "loosens": WARN, "refused": WARN}
WORDS = {"safe": "loosens nothing"}


def applied(found: SettingsApplied) -> RenderableType:
    """A line for each difference, old and new, and what became of all of them."""
    if not found.differences:
        said = f"nothing differs: the run goes by {found.file}, with its flags and environment"
        return Text(harmless(said), PLAIN)
    notes = [Text(note, WARN) for note in found.notes]
    return Group(*(_line(each) for each in found.differences), _outcome(found), *notes)


def _line(each: SettingDifference) -> Text:
    line = Text(harmless(f"{each.key}: {each.old} -> {each.new}  "), PLAIN)
    line.append(WORDS.get(each.verdict, each.verdict), STYLES[each.verdict])
    if each.reason:
        line.append(harmless(f": {each.reason}"), DIM)
    return line


def _outcome(found: SettingsApplied) -> Text:
    what = counted(len(found.differences), "setting")
    if found.applied:
        return Text(f"{what} applied, at record {found.seq} of run {found.run_id}", GOOD)
    if not found.why:
        return Text(f"nothing is in the way: `tradectl config apply --plan {found.plan}`", PLAIN)
    loosens = any(each.verdict == "loosens" for each in found.differences)
    refused = any(each.verdict == "refused" for each in found.differences)
    hint = f": `tradectl config apply --confirm --plan {found.plan}`" if loosens else ""
    return Text(harmless(found.why + ("" if refused else hint)), WARN)


__all__ = ["applied"]
