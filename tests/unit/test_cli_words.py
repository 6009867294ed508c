"""What is no number, no symbol and no order is refused where it is typed, before anybody is asked."""

from __future__ import annotations

import typer
from typer.testing import CliRunner

from tests.fixtures.rows import each_row
from tradectl.cli.app import app

NUMBER = "expected a number above 0 and below 1e15, got"
WRONG = {
    ("order", "BTCUSDT", "buy", "1e400"): f"'QUANTITY': {NUMBER} '1e400'",
    ("order", "BTCUSDT", "buy", "9" * 29): f"'QUANTITY': {NUMBER} '999",
    ("order", "BTCUSDT", "buy", "nan"): f"'QUANTITY': {NUMBER} 'nan'",
    ("order", "BTCUSDT", "buy", "0"): f"'QUANTITY': {NUMBER} '0'",
    ("order", "BTCUSDT", "buy", "\u0661"): f"'QUANTITY': {NUMBER} '\u0661'",
    ("order", "BTCUSDT", "buy", "-1"): "'QUANTITY': expected a number above 0, got '-1'",
    ("order", "BTCUSDT", "buy", "-.5e3"): "expected a number above 0, got '-.5e3'",
    ("order", "BTCUSDT", "buy", "1", "--limit", "-5"): f"'--limit': {NUMBER} '-5'",
    ("order", "", "buy", "1"): "'SYMBOL': expected a name, got ''",
    ("close", " "): "'SYMBOL': expected a name, got ' '",
    ("run", "--duration", "nan"): "'--duration': expected a number of at least 0.001, got 'nan'",
    ("record", "--duration", "-5"): "'--duration': expected a number of at least 0.001, got '-5'",
    ("run", "--seed", "1.5"): "'--seed': expected a whole number, got '1.5'",
    ("emergency-stop", "--timeout", "x"): "'--timeout': expected a number, got 'x'",
    ("emergency-stop", "--timeout", "999"): "expected a number of at most 600, got '999'",
    ("export", "bogus"): "'what': expected one of fills, orders, positions, equity, got 'bogus'",
    ("export", "fills", "--format", "x"): "'--format': expected one of csv, json, parquet, got 'x'",
    ("cancel", ""): "'ORDER': expected a name, got ''",
}


@each_row("words", WRONG)
def test_it_is_refused_where_it_is_typed(words: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*words], standalone_mode=False)
    assert isinstance(answer.exception, typer.BadParameter)
    assert WRONG[words] in answer.exception.format_message()
