"""What is wrong is told in the words of who asked: in code there are arguments, and no flags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tradectl.domain.errors import TradectlError

ARGUMENTS = {
    "--from": "since",
    "--to": "until",
    "--data": "data",
    "--symbol": "symbols",
    "--fill intrabar": 'fill="intrabar"',
    "--fill": "fill",
    "--columns": "columns",
    "--strategy": "strategy",
}
_WORDS = re.compile(rf"(?<![\w/-])(?:command line: |--set |({'|'.join(ARGUMENTS)})(?![a-z-]))")
"""Settings are named by their keys alone."""


def _argument(found: re.Match[str]) -> str:
    return ARGUMENTS[found[1]] if found[1] else ""


@contextmanager
def told_in_code() -> Iterator[None]:
    """A TradectlError that is raised within names arguments where it names flags."""
    try:
        yield
    except TradectlError as error:
        error.args = (_WORDS.sub(_argument, str(error)), *error.args[1:])
        raise


__all__ = ["told_in_code"]
