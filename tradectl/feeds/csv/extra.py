"""The library for Parquet, Feather and zstd, which is only installed with the extra `arrow`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradectl.domain.errors import DataError


def arrow(path: Path, what: str) -> Any:
    """The library. Raises DataError where it is not installed: `path` is in `what`."""
    try:
        import pyarrow
    except ImportError:
        raise DataError(
            f"{path} is {what}, which is read with the extra: pip install 'tradectl[arrow]'"
        ) from None
    return pyarrow


__all__ = ["arrow"]
