"""`replay`: recompute a recorded run and say whether it is so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    StateDirOption,
    parse_speed,
    print_data,
    refuse_useless,
)
from tradectl.cli.panel.progress import reading_shown

DIVERGED = 3

HELP = """Recompute a run from its journal: every decision again, compared event by event.

Exit code 0: verified. 3: it diverged; the first difference is shown. 1: the journal is damaged, or forged
(it says that your key signed it, and is not so).
A strategy's file that the journal names is run only with --trust, or by your answer. With another config,
shows the first decision that differs, and the difference in the result.

Examples:

    tradectl replay latest

    tradectl replay RUN.jsonl --until 5000 --json

    tradectl replay RUN.jsonl --strategy momentum.py:Momentum

    tradectl replay RUN.jsonl -c other.toml
"""


RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A journal, the beginning of a run's id, or `latest`; see `tradectl runs`.",
        show_default=False,
    ),
]
SpeedOption = Annotated[
    str | None, typer.Option(help="A multiple of real time, or `max`.", show_default="max")
]
StrategyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy", help="Run this path/to/file.py:ClassName in their place; repeatable."
    ),
]


def register(app: typer.Typer) -> None:
    app.command(
        "replay", help=HELP, short_help="Decide a run again from its journal, and compare."
    )(replay)


def replay(
    run: RunArgument,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare with what was recorded.")
    ] = True,
    speed: SpeedOption = None,
    until: Annotated[
        int | None, typer.Option(help="Stop after this sequence number.", min=1)
    ] = None,
    config: ConfigOption = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the strategy files that the journal names.")
    ] = False,
    strategy: StrategyOption = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.domain.keys import take_keys
    from tradectl.journal.signing_keys import SigningKeys

    keys = SigningKeys(take_keys(os.environ))  # nothing is asked of an exchange, and strategies run
    multiple = parse_speed(speed)
    file = _journal(run, state_dir)
    if config is not None:
        of_run = {"--speed": speed, "--until": until, "--no-verify": not verify}
        _refuse_beside_config(of_run, {"--trust": trust, "--strategy": strategy})
        _counterfactual(file, config, as_json)
        return
    both = "--trust runs the files that the journal names, and --strategy others: leave one out"
    refuse_useless({both: trust and bool(strategy)})
    from tradectl.cli.commands.strategy_trust import judge
    from tradectl.journal.signature import Signed
    from tradectl.replay.replay import NO_LIMIT, Replay
    from tradectl.strategy.own_process import interrupted_by_signals, stdout_to_stderr

    with stdout_to_stderr(), interrupted_by_signals(), reading_shown(quiet=as_json):
        report = Replay(file, judge=judge(strategy or (), trust=trust), keys=keys).run(
            verify=verify, until=until or NO_LIMIT, speed=multiple
        )
    print_data(report, as_json, "reports.replay")
    if report.divergences:
        raise typer.Exit(DIVERGED)
    if report.signed == Signed.FORGED:
        raise typer.Exit(1)


def _journal(run: str, state_dir: Path | None) -> Path:
    """A file is read wherever it is, and needs no account."""
    from tradectl.storage.run_names import is_file_name

    if is_file_name(run):
        return Path(run)
    from tradectl.explain.runs import find_journal
    from tradectl.storage.directory import StateDir

    return find_journal(StateDir(state_dir), run)


def _refuse_beside_config(of_run: Mapping[str, object], of_names: Mapping[str, object]) -> None:
    """What says how the run as it was is recomputed, or by which of the files that its journal names."""
    rest = "of the run as it was, and -c recomputes all of it by other settings: leave it out"
    others = "of what the journal names, and -c names others: leave it out"
    refuse_useless({f"{option} is {rest}": bool(given) for option, given in of_run.items()})
    refuse_useless({f"{option} is {others}": bool(given) for option, given in of_names.items()})


def _counterfactual(file: Path, config: Path, as_json: bool) -> None:
    from tradectl.config.load import load_settings
    from tradectl.explain.counterfactual import counterfactual
    from tradectl.strategy.own_process import interrupted_by_signals, stdout_to_stderr

    with stdout_to_stderr(), interrupted_by_signals(), reading_shown(quiet=as_json):
        result = counterfactual(file, load_settings(config))
    print_data(result, as_json, "reports.counterfactual")
