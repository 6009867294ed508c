"""Settings of the log. Nothing of it decides anything: a journal does not have it."""

from typing import Annotated, Literal

from tradectl.domain.setting import HOT, Bounds, Section


class LogSettings(Section, frozen=True, kw_only=True):
    """The log in the state directory, which `tradectl logs` reads. The journal is the truth; this is for
    people, and for what collects logs."""

    section = "log"
    reload = HOT

    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical", "off"],
        "the least that is written; debug has signals, cancels and each step of an order, too",
    ] = "info"
    format: Annotated[
        Literal["json", "text"], "json: an object a line; text: words; `logs` reads either"
    ] = "json"
    file_mb: Annotated[
        float, Bounds(ge=0.01, le=10_000), "a file that is larger becomes an older one"
    ] = 10.0
    files: Annotated[int, Bounds(ge=1, le=1_000), "so many are kept, the newest included"] = 5


__all__ = ["LogSettings"]
