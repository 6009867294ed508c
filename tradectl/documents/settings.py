"""What `config apply` answers: the difference between a file and what runs, and what became of it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class SettingDifference(Struct, kw_only=True, frozen=True):
    """`old` is what runs, `new` what the file says, as the file spells them ("none": off; "default": a
    parameter that is not set); of as many tables as before a row for each, as `thresholds[0]`, with what
    differs in it. `verdict`: it is safe, it loosens a limit, or it is refused for a
    `reason`."""

    key: str
    old: str
    new: str
    verdict: Literal["safe", "loosens", "refused"]
    reason: str = ""


class SettingsApplied(Struct, kw_only=True, frozen=True):
    """`applied`: all of it holds, from record `seq` of the journal on. Else nothing does: `why` says what
    is in the way, empty where nothing is (it was only asked for, or nothing differs). `plan` names these
    differences, for who wants to apply just them. `notes` say what else is to be known."""

    file: str
    run_id: str
    state: str
    applied: bool
    differences: list[SettingDifference]
    plan: str = ""
    seq: int | None = None
    why: str = ""
    notes: list[str] = []
