"""Options that do not wait for the parser's own types.

To give an option its type the parser builds a model, and loads for it what takes longer than most
commands do. What was not typed needs none, a text is one already, and where there is a function that
reads the text it is called with it. All else, a number or a choice, is left to the parser.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from typer import BadParameter
from typer.core import TyperCommand, TyperOption

BELOW_ZERO = re.compile(r"-\.?\d")


EXPECTED = "Input should be "
IN_OUR_WORDS = {
    "greater than or equal to": "a number of at least",
    "less than or equal to": "a number of at most",
    "a valid integer, unable to parse string as an integer": "a whole number",
    "a valid number, unable to parse string as a number": "a number",
}


class QuickOption(TyperOption):
    def process_value(self, ctx: Any, value: Any) -> Any:
        if value is None and not self.required:
            nothing = () if self.multiple else None
            return nothing if self.callback is None else self.callback(ctx, self, nothing)
        described = getattr(self, "type_descriptor", None)  # older parsers load nothing for it
        if described is not None and type(value) is str and self.callback is None:
            if described.parameter_info.parser is not None:
                return described.parameter_info.parser(value)
            if described.annotation is str:
                return value
        try:
            return super().process_value(ctx, value)
        except BadParameter as error:
            error.message = _in_our_words(error.message, value)
            raise


class QuickCommand(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return quick(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Where `-1` is a number that is too small, and no option. Raises BadParameter."""
        for before, word in pairwise(["", *args]):
            if BELOW_ZERO.match(word) and not before.startswith("--"):
                raise BadParameter(f"expected a number above 0, got {word!r:.40}", ctx=ctx)
        return super().parse_args(ctx, args)


def _in_our_words(message: str, value: Any) -> str:
    """What the parser says of a value: what was expected, and what came."""
    expected = message.removeprefix(EXPECTED)
    if expected == message:
        return message.removeprefix("Value error, ")
    for words, ours in IN_OUR_WORDS.items():
        expected = expected.replace(words, ours)
    return f"expected {expected}, got {value!r:.40}"


def quick(options: list[Any]) -> list[Any]:
    for option in options:
        if type(option) is TyperOption:
            option.__class__ = QuickOption
    return options


__all__ = ["QuickCommand", "quick"]
