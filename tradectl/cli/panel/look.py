"""What the panel shows, and what its keys do: the state that a person changes by typing.

Pure: a key in, the next state and, where it is more than a look, what is to be done out. What cannot be
taken back is asked first, and an emergency stop wants its word.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from tradectl.cli.panel.keys import PASTED

Deed = Literal["pause", "resume", "stop", "leave"]
Prompt = Literal["", "filter", "resume", "stop"]

VIEWS = (
    "overview", "positions", "orders", "strategies", "risk", "alerts", "components", "log",
)  # fmt: skip
HELP = "help"
STOP_WORD = "stop"
LONGEST = 40
NOT_TYPED = "so many keys at once are a paste, which is none: type them"
SCROLLS = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -10, "page down": 10}


class Key(NamedTuple):
    """For the help: what to type, and what for."""

    key: str
    does: str


KEYS = (
    *(
        Key(
            "1-8, Tab" if not at else "",
            "   ".join(f"{n + 1} {VIEWS[n]}" for n in range(at, at + 4)),
        )
        for at in (0, 4)
    ),
    Key("/", "only rows with a text, such as a symbol; Esc: all again"),
    Key("j k, Page", "move through the rows of a view"),
    Key("p", "pause: no new entries; exits go on, and stops stay"),
    Key("r", "resume, once you say y"),
    Key("e", f"emergency stop: halts for good, once you type {STOP_WORD} and Enter"),
    Key("?", "this help"),
)
LEAVES = Key("q", "leave: the system goes on")
ENDS = Key("Ctrl-C", "stop the system gracefully")


class Look(Struct, frozen=True):
    """`view` with the rows that have `only` in them, from row `skip` on; a `prompt` takes `typed`;
    `said` is what came of the last deed. A panel that `attached` from elsewhere can be left."""

    view: str = VIEWS[0]
    only: str = ""
    skip: int = 0
    prompt: Prompt = ""
    typed: str = ""
    said: str = ""
    attached: bool = False

    def after(self, key: str) -> tuple[Look, Deed | None]:
        """The look after a key, and what is to be done."""
        if key == PASTED:
            return replace(self, prompt="", typed="", said=NOT_TYPED), None
        if self.prompt == "resume":
            closed = replace(self, prompt="")
            return (closed, "resume") if key == "y" else (closed, None)
        if self.prompt:
            return self._typing(key)
        calm = replace(self, said="")
        if key.isdigit() and 1 <= int(key) <= len(VIEWS):
            return replace(calm, view=VIEWS[int(key) - 1], skip=0), None
        if key == "tab":
            at = VIEWS.index(self.view) if self.view in VIEWS else -1
            return replace(calm, view=VIEWS[(at + 1) % len(VIEWS)], skip=0), None
        if key in SCROLLS:
            return replace(calm, skip=max(0, self.skip + SCROLLS[key])), None
        return self._ordered(key, calm)

    def _ordered(self, key: str, calm: Look) -> tuple[Look, Deed | None]:
        if key == "p":
            return calm, "pause"
        if key == "r":
            return replace(calm, prompt="resume"), None
        if key == "e":
            return replace(calm, prompt="stop", typed=""), None
        if key == "/":
            return replace(calm, prompt="filter", typed=self.only), None
        if key == "home":
            return replace(calm, skip=0), None
        if key in ("?", "h"):
            return replace(calm, view=VIEWS[0] if self.view == HELP else HELP, skip=0), None
        if key == "escape":
            view = VIEWS[0] if self.view == HELP else self.view
            return replace(calm, view=view, only="", skip=0), None
        return calm, "leave" if key == "q" and self.attached else None

    def _typing(self, key: str) -> tuple[Look, Deed | None]:
        if key == "escape":
            only = "" if self.prompt == "filter" else self.only
            return replace(self, prompt="", typed="", only=only), None
        if key == "enter":
            return self._entered()
        if key == "backspace":
            typed = self.typed[:-1]
        else:
            typed = (self.typed + key)[:LONGEST] if len(key) == 1 else self.typed
        only = typed if self.prompt == "filter" else self.only
        return replace(self, typed=typed, only=only, skip=0), None

    def _entered(self) -> tuple[Look, Deed | None]:
        closed = replace(self, prompt="", typed="")
        if self.prompt != "stop":
            return closed, None
        if self.typed.strip().lower() == STOP_WORD:
            return closed, "stop"
        return replace(closed, said=f"nothing was stopped: that takes the word {STOP_WORD}"), None


__all__ = ["ENDS", "HELP", "KEYS", "LEAVES", "VIEWS", "Deed", "Key", "Look"]
