"""Which data it was: files by their hashes, so that the same data is known again, and other data told."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from tradectl.documents.backtest import DataFile
from tradectl.domain.errors import DataError
from tradectl.feeds.csv.blocks import check_file
from tradectl.files.own import open_named


def hashed(paths: Iterable[Path]) -> list[DataFile]:
    """The files as they are now, in their order. Raises DataError for what cannot be read."""
    return [_hashed(path) for path in paths]


def _hashed(path: Path) -> DataFile:
    size = check_file(path)
    try:
        with os.fdopen(open_named(path), "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return DataFile(path=str(path.absolute()), size=size, sha256=sha256)


def hash_of(files: Iterable[DataFile]) -> str:
    """One hash of all of them: of their names, which may say whose prices they are, and their bytes."""
    told = "\n".join(f"{Path(file.path).name} {file.sha256}" for file in files)
    return hashlib.sha256(told.encode()).hexdigest()


__all__ = ["hash_of", "hashed"]
