"""zstd: of the standard library, or below Python 3.14 the same of a package; for who needs it alone."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd


def length_of_frame(beginning: bytes) -> int:
    """Bytes that are in a packed file, by its first ones; 0 where these do not say."""
    try:
        return zstd.get_frame_info(beginning).decompressed_size or 0
    except zstd.ZstdError:
        return 0


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """What is in a packed file."""
    return cast("IO[bytes]", zstd.ZstdFile(file))  # it reads, seeks and closes like one


Broken = zstd.ZstdError
"""What a reader raises for one that is damaged."""

__all__ = ["Broken", "length_of_frame", "unpacked", "zstd"]
