"""How much a strategy may get wrong, and how many signals it may emit."""

from typing import Annotated

from tradectl.domain.setting import HIGHER_IS_LOOSER, Bounds, Section

AtLeastOne = Annotated[int, Bounds(ge=1)]


class EngineSettings(Section, frozen=True, kw_only=True):
    """Bounds on every strategy: how much it may get wrong, and how many signals it may emit."""

    section = "engine"
    reload = HIGHER_IS_LOOSER

    max_failures: Annotated[
        AtLeastOne, "failures in a row of one callback that quarantine a strategy"
    ] = 3
    max_signals_per_second: Annotated[
        AtLeastOne,
        "per strategy and symbol; of those that come faster the last is emitted when it may be",
    ] = 20
