"""Trading with money is deliberate: the configuration says so, the command says so, and a human does.

    mode = "live"  +  run --live  +  nothing failed in the examination  +  a typed phrase (or --yes)

A mode and a flag that disagree are refused, in either direction that could cost money. The examination's
failure is an error of exit code 1, as `tradectl doctor` has it; a word that is not given is one of 2.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from tradectl.domain.errors import TradectlError, UsageError

if TYPE_CHECKING:
    from tradectl.config.settings import Settings
    from tradectl.documents.operations import Finding
    from tradectl.runtime.exchanges import Venues
    from tradectl.runtime.run_options import Approve
    from tradectl.storage.directory import StateDir

NO_WORDS = (
    "live trading asks for typed words, and there is no terminal to type them on: "
    "add --yes to start without"
)


def check_mode(settings: Settings, live: bool | None) -> Settings:
    """The settings of a run that was asked for with --live (True), --paper (False) or neither.

    Raises UsageError where configuration and command do not agree on trading with money.
    """
    if settings.mode == "live" and live is None:
        raise UsageError(
            'the configuration says mode = "live": add --live to trade with money, '
            "or --paper to trade on paper"
        )
    if settings.mode == "paper" and live:
        raise UsageError(
            'the configuration says mode = "paper": set mode = "live" in it to trade with money'
        )
    if settings.mode == "live" and not live:
        from tradectl.config.rules import on_paper

        return on_paper(settings)
    return settings


def approval(
    assume_yes: bool, config_path: Path | None, *, answers: TextIO | None = None
) -> Approve:
    """What asks for the word before anything is traded: examine, show, refuse or ask. `answers` is
    where it is typed, stdin otherwise.

    Raises UsageError at once where nobody could type it; the word itself raises TradectlError where the
    examination failed, UsageError where the answer is no.
    """
    typed = sys.stdin if answers is None else answers
    if not assume_yes and not typed.isatty():
        raise UsageError(NO_WORDS)

    async def approve(venues: Venues, state_dir: StateDir) -> None:
        from tradectl.cli.output.live_banner import banner, show_banner

        await _examine(venues, state_dir, config_path)
        show_banner(banner(venues, await venues.holdings()))
        if not assume_yes:
            await _confirm(phrase_of(venues), typed)

    return approve


async def _examine(venues: Venues, state_dir: StateDir, config_path: Path | None) -> None:
    from tradectl.cli.output.reports import show_findings
    from tradectl.doctor.examination import examine
    from tradectl.doctor.finding import report_of

    findings = await examine(
        venues.settings, venues, state_dir, private=True, config_path=config_path
    )
    report = report_of(findings)
    show_findings(report, stderr=True)
    if not report.ok:
        raise TradectlError(f"not fit to trade live: {_failures(findings)}")


def _failures(findings: Sequence[Finding]) -> str:
    from tradectl.documents.operations import Verdict

    names = [finding.check for finding in findings if finding.verdict is Verdict.FAILED]
    return f"{', '.join(names)} failed; mend what is said above"


# --- the typed phrase -----------------------------------------------------------------------------


def phrase_of(venues: Venues) -> str:
    """What must be typed: `binance live`."""
    return " ".join([*venues.trading(), "live"])


async def _confirm(phrase: str, typed: TextIO) -> None:
    typer.echo(f"Type `{phrase}` to trade, anything else to leave: ", nl=False, err=True)
    answer = await _line(typed)
    if answer.split() != phrase.split():
        raise UsageError(f"not started: `{phrase}` was not typed")


async def _line(stream: TextIO) -> str:
    """The next line; the loop goes on meanwhile, and an interrupt ends the waiting."""
    try:
        number = stream.fileno()
    except (OSError, io.UnsupportedOperation):
        return stream.readline()
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(number, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(number)
    return stream.readline()


__all__ = ["approval", "check_mode", "phrase_of"]
