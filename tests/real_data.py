"""Real recorded market data, where the machine has it; a test that asks for it skips otherwise."""

from __future__ import annotations

import gzip
import os
from itertools import islice
from pathlib import Path

import pytest

_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


def _folder() -> Path:
    return Path(os.environ.get("TRADECTL_TEST_DATA", _BESIDE_THE_CHECKOUT))


def all_real_data(pattern: str) -> list[str]:
    """The names of the files there are, such as `trades/x.csv.gz` for `trades/*`."""
    return sorted(str(path.relative_to(_folder())) for path in _folder().glob(pattern))


def real_data(name: str) -> Path:
    """The file `name` (such as `trades/x.csv.gz`) of the folder TRADECTL_TEST_DATA, or skip."""
    path = _folder() / name
    if not path.is_file():
        pytest.skip(f"no recorded data here: {name} (set TRADECTL_TEST_DATA)")
    return path


def beginning(name: str, rows: int, folder: Path, *, after: int = 0) -> Path:
    """A file of the same name in `folder`, with the heading and `rows` of it, the first ones or those
    `after` so many; or skip."""
    path = folder / Path(name).name
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(real_data(name), "rt") as whole, gzip.open(path, "wt", compresslevel=1) as part:
        part.writelines(islice(whole, 1))
        part.writelines(islice(whole, after, after + rows))
    return path
