"""Who changes the settings of a run: made when somebody asks first, for hardly any run is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.session import Session

if TYPE_CHECKING:
    from tradectl.runtime.reloading import Reloading, Watching


class Reloads:
    """Gives the one of a run, always the same."""

    def __init__(self, session: Session, options: RunOptions, watchers: Watching) -> None:
        self._of = session, options, watchers
        self._made: Reloading | None = None

    def __call__(self) -> Reloading:
        if self._made is None:
            from tradectl.runtime.reloading import Reloading

            self._made = Reloading(*self._of)
        return self._made


__all__ = ["Reloads"]
