"""Options and arguments that do not wait for the parser's own types.

To give an option its type the parser builds a model, and loads for it what takes longer than most
commands do. What was not typed needs none, a text is one already, a plain number within its limits is
read as it is, and where there is a function that reads the text it is called with it. All else, a choice
or what is to be refused, is left to the parser.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from typer import BadParameter
from typer.core import TyperArgument, TyperCommand, TyperOption

BELOW_ZERO = re.compile(r"-\.?\d")


PLAIN = {int: re.compile(r"[0-9]{1,15}"), float: re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")}
NOT_ONE_OF = re.compile(r"(.*) is not one of ('[^']*'(?:, '[^']*')*)\.?", re.DOTALL)
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
        if described is not None and self.callback is None:
            number = _plain(described, value)
            if number is not None:
                return number
        try:
            return super().process_value(ctx, value)
        except BadParameter as error:
            error.message = _in_our_words(error.message, value)
            raise


class QuickArgument(TyperArgument):
    def process_value(self, ctx: Any, value: Any) -> Any:
        described = getattr(self, "type_descriptor", None)
        if described is not None and self.callback is None and self.nargs == 1:
            is_text = described.annotation is str and described.parameter_info.parser is None
            if (type(value) is str and is_text) or (value is None and not self.required):
                return value
        return super().process_value(ctx, value)


class QuickCommand(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return quick(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Where `-1` is a number that is too small, and no option. Raises BadParameter."""
        for before, word in pairwise(["", *args]):
            if BELOW_ZERO.match(word) and not before.startswith("--"):
                raise BadParameter(
                    f"expected a number above 0, got {word!r:.40}",
                    ctx=ctx,
                    param_hint=f"'{self._named(args[: args.index(word)])}'",
                )
        try:
            return super().parse_args(ctx, args)
        except BadParameter as error:  # of an argument
            error.message = _choice(error.message.removeprefix("Value error, "))
            raise

    def _named(self, before: list[str]) -> str:
        """The argument that comes next, or the option that was `before`."""
        if before and before[-1].startswith("-"):
            return before[-1]
        flags = {
            name for each in self.params if getattr(each, "is_flag", False) for name in each.opts
        }
        values = [
            word
            for last, word in pairwise(["", *before])
            if not word.startswith("-") and (not last.startswith("-") or last in flags)
        ]
        arguments = [p.name or "" for p in self.params if p.param_type_name == "argument"]
        return "".join(arguments[len(values) :][:1]).upper() or "the last word"


def _plain(described: Any, value: Any) -> Any:
    """A value that is of its option's type, as its default is, or a number that was typed and is no other
    by any reading; None for what the parser has to look at."""
    kind, limits = described.annotation, described.parameter_info
    if type(value) is kind:
        return value
    if kind not in PLAIN or type(value) is not str or not PLAIN[kind].fullmatch(value):
        return None
    number = kind(value)
    is_low = limits.min is not None and number < limits.min
    is_high = limits.max is not None and number > limits.max
    return None if is_low or is_high else number


def _in_our_words(message: str, value: Any) -> str:
    """What the parser says of a value: what was expected, and what came."""
    expected = message.removeprefix(EXPECTED)
    if expected == message:
        return _choice(message.removeprefix("Value error, "))
    for words, ours in IN_OUR_WORDS.items():
        expected = expected.replace(words, ours)
    return f"expected {expected}, got {value!r:.40}"


def _choice(message: str) -> str:
    found = NOT_ONE_OF.fullmatch(message)
    if found is None:
        return message
    return f"expected one of {found[2].replace(chr(39), '')}, got {found[1]:.40}"


def quick(options: list[Any]) -> list[Any]:
    for option in options:
        if type(option) is TyperOption:
            option.__class__ = QuickOption
        elif type(option) is TyperArgument:
            option.__class__ = QuickArgument
    return options


__all__ = ["QuickCommand", "quick"]
