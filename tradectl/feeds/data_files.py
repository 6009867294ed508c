"""Which data it was: files by their hashes, so that the same data is known again, and other data told."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from msgspec.structs import replace

from tradectl.documents.backtest import DataFile
from tradectl.domain.errors import DataError, UsageError
from tradectl.feeds.csv.blocks import check_file
from tradectl.files.own import open_named


def named(paths: Iterable[Path], exchanges: Collection[str] = ()) -> list[DataFile]:
    """The files as they are named, not read yet: `kraken:btc.csv` is of the exchange kraken, where there
    is one of that name. Raises UsageError for one that is none."""
    return [_named(path, exchanges) for path in paths]


def _named(path: Path, exchanges: Collection[str]) -> DataFile:
    exchange, found, own = str(path).partition(":")
    if found and not path.exists():
        if exchange in exchanges:
            return DataFile(path=own, size=0, sha256="", exchange=exchange)
        if exchanges and Path(own).exists():
            raise UsageError(
                f"--data {path}: {exchange!r:.40} is no exchange here: expected one of "
                f"{', '.join(exchanges)}; [[paper.exchanges]] names more"
            )
    return DataFile(path=str(path), size=0, sha256="")


def hashed(paths: Iterable[Path], exchanges: Collection[str] = ()) -> list[DataFile]:
    """The files as they are now, in their order. Raises DataError for what cannot be read."""
    return [_hashed(file) for file in named(paths, exchanges)]


def _hashed(file: DataFile) -> DataFile:
    path = Path(file.path)
    size = check_file(path)
    try:
        with os.fdopen(open_named(path), "rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return replace(file, path=str(path.absolute()), size=size, sha256=sha256)


def hash_of(files: Iterable[DataFile]) -> str:
    """One hash of all of them: of their names, which may say whose prices they are, and their bytes."""
    told = "\n".join(
        f"{file.exchange and file.exchange + ':'}{Path(file.path).name} {file.sha256}"
        for file in files
    )
    return hashlib.sha256(told.encode()).hexdigest()


__all__ = ["hash_of", "hashed", "named"]
