"""An exchange's answer is read up to a bound: what has no end, or unpacks to anything, is no answer.

Without it whoever speaks for the exchange fills the memory of a process that holds positions. Lists of
markets are the longest that there are, some 20 MB.
"""

from __future__ import annotations

from typing import Any

import aiohttp

LARGEST = 96 * 1024 * 1024
AT_ONCE = 256 * 1024


class BoundedResponse(aiohttp.ClientResponse):
    async def read(self) -> bytes:
        """Raises ClientPayloadError for more than LARGEST."""
        if self._body is None:
            held = bytearray()
            async for piece in self.content.iter_chunked(AT_ONCE):
                held += piece
                if len(held) > LARGEST:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"the answer has more than {LARGEST:,} bytes")
            self._body = bytes(held)
        return await super().read()


def bound(session: Any) -> None:
    """From now on, whoever made the session."""
    if session is not None:
        session._response_class = BoundedResponse


__all__ = ["bound"]
