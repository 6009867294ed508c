"""What is in a file of market data, before it is played."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.values import Amount, Time


class DataGap(Struct, kw_only=True, frozen=True):
    """Nothing of a symbol for a while: of candles, more than one length."""

    symbol: str
    after: Time
    seconds: float


class SymbolData(Struct, kw_only=True, frozen=True):
    """`currency` is null where nobody knows it. `rows` are those that would be played."""

    symbol: str
    currency: str | None
    rows: int
    first: Time | None
    last: Time | None
    gaps: int
    missing: int
    duplicates: int


class DataCheck(Struct, kw_only=True, frozen=True):
    """`refused` says why a run would not play the file; null where it would. `kind` is trades, quotes,
    candles, books or several of them; `columns` are those that are read, each by what it is taken for.
    `missing` counts the candles that gaps leave out, `empty_candles` the rows that have no price for it,
    `duplicates` rows like the one before them, `spikes` prices far from all others; `bad` all rows that
    are left out, by reason."""

    file: str
    refused: str | None
    format: str
    compression: str | None
    kind: str | None
    separator: str | None
    header: bool
    columns: dict[str, str]
    time_unit: str | None
    time_zone: str | None
    newest_first: bool
    candle_seconds: float | None
    rows: int
    first: Time | None
    last: Time | None
    symbols: list[SymbolData]
    gaps: int
    longest_gaps: list[DataGap]
    empty_candles: int
    duplicates: int
    spikes: int
    bad_rows: int
    bad: dict[str, int]
    first_bad_rows: list[str]
    left_out: dict[str, str]


class VolumeProfile(Struct, kw_only=True, frozen=True):
    """The share of the volume that each of as many equal parts of a day (UTC) has, over so many `days`:
    what `execution.volume_profile` takes."""

    symbol: str
    days: int
    shares: list[Amount]


__all__ = ["DataCheck", "DataGap", "SymbolData", "VolumeProfile"]
