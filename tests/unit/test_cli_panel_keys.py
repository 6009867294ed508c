"""What was typed, what it does to the panel, and what is shown then."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from tests.fixtures.documents import document
from tests.fixtures.rows import each_row
from tests.unit.test_cli_panel import SIZES, a_view
from tradectl.cli.panel.keys import Keys
from tradectl.cli.panel.look import HELP, KEYS, VIEWS, Deed, Look
from tradectl.cli.panel.panel import render
from tradectl.cli.panel.views import lines_of
from tradectl.documents.run import LiveStatus

PASTE, END = b"\x1b[200~", b"\x1b[201~"


@each_row(
    ("data", "keys"),
    [
        (b"p", ["p"]),
        (b"\x1b[A", ["up"]),
        (b"\x1bOB", ["down"]),
        (b"\x1b[5~\x1b[6~", ["page up", "page down"]),
        (b"\x1b", ["escape"]),
        (b"\r", ["enter"]),
        (b"\x7f", ["backspace"]),
        (b"12", ["1", "2"]),
        (b"\x1b[1;5C", []),  # known to nobody
        (b"\xc3\xa9", []),
        (b"stop\r", [*"stop", "enter"]),  # held back by a slow line
        (b"estop\r", ["pasted"]),  # more at once than a person types, and nobody marks pastes
        (PASTE + b"p" + END, []),
        (b"1" + PASTE + b"e\rstop\r" + END + b"2", ["1", "2"]),
        (PASTE + END + b"p", ["p"]),
    ],
)
def test_keys_of_one_read(data: bytes, keys: list[str]) -> None:
    assert Keys().take(data) == keys


def test_a_paste_may_come_in_pieces() -> None:
    keys = Keys()
    assert keys.take(PASTE + b"p") == []
    assert keys.take(b"e") == []
    assert keys.take(END + b"r") == ["r"]


def test_an_end_that_is_split_over_two_reads_is_found() -> None:
    for at in range(1, len(END)):
        keys = Keys()
        assert keys.take(PASTE + b"x" * 1000 + END[:at]) == []
        assert keys.take(END[at:] + b"p") == ["p"]


def test_a_beginning_that_is_split_is_no_key() -> None:
    for at in range(2, len(PASTE)):
        keys = Keys()
        assert keys.take(PASTE[:at]) == []
        assert keys.take(PASTE[at:] + b"pe" + END + b"r") == ["r"]


def test_who_marks_pastes_may_type_fast() -> None:
    keys = Keys()
    keys.take(PASTE + b"x" + END)
    assert keys.take(b"estop\r") == [*"estop", "enter"]


@given(text=st.binary(max_size=60).filter(lambda text: END not in text))
def test_nothing_in_a_paste_is_a_key(text: bytes) -> None:
    assert Keys().take(PASTE + text.replace(b"\x1b", b"") + END) == []


def after(*keys: str, attached: bool = False) -> tuple[Look, list[Deed]]:
    look, deeds = Look(attached=attached), list[Deed]()
    for key in keys:
        look, deed = look.after(key)
        deeds += [deed] if deed else []
    return look, deeds


@each_row(
    ("keys", "deeds"),
    [
        ("p", ["pause"]),
        ("r", []),
        ("ry", ["resume"]),
        ("rn", []),
        ("rry", []),  # the second r is the answer
        ("e", []),
        ("ey", []),
        (["e", *"stop"], []),
        (["e", *"stop", "enter"], ["stop"]),
        (["e", *"STOP", "enter"], ["stop"]),
        (["e", *"stob", "backspace", "p", "enter"], ["stop"]),
        (["e", *"stop", "escape", "enter"], []),
        (["e", *"pause", "enter"], []),
        (["e", "enter"], []),
        (["/", *"pry", "enter"], []),  # a text to look for, and no keys
        ("q", []),
    ],
)
def test_what_is_done(keys: str | list[str], deeds: list[str]) -> None:
    assert after(*keys)[1] == deeds


def test_only_who_is_attached_can_leave() -> None:
    assert after("q", attached=True)[1] == ["leave"]


@each_row(("number", "view"), [*enumerate(VIEWS, 1)])
def test_numbers_choose_views(number: int, view: str) -> None:
    assert after(str(number))[0].view == view


def test_tab_goes_through_all_views() -> None:
    assert [after(*["tab"] * n)[0].view for n in range(1, len(VIEWS) + 1)] == [*VIEWS[1:], VIEWS[0]]


def test_a_text_is_kept_until_escape() -> None:
    look, _ = after("/", "E", "T", "enter", "2")
    assert (look.only, look.view) == ("ET", "positions")
    assert look.after("escape")[0].only == ""


def sheet(look: Look | None, width: int = 80, height: int = 24, **changes: object) -> list[str]:
    console = Console(width=width, height=height, legacy_windows=False)
    status = document(LiveStatus, a_view(**changes))
    with console.capture() as captured:
        console.print(render(status, width, height, look), end="")
    return captured.get().splitlines()


@each_row("size", SIZES)
@each_row("view", [*VIEWS, HELP])
def test_each_view_is_exactly_as_large_as_the_terminal(view: str, size: tuple[int, int]) -> None:
    width, height = size
    lines = sheet(Look(view=view), width, height)
    assert len(lines) == height
    assert {len(line) for line in lines} == {width}


def test_the_help_has_every_key() -> None:
    lines = "\n".join(sheet(Look(view=HELP), 80, 24))
    assert all(key in lines and does in lines for key, does in KEYS)


def test_only_rows_with_the_text_are_shown() -> None:
    assert "BTCUSDT" in sheet(Look(view="positions"))[2] + sheet(Look(view="positions"))[3]
    lines = "\n".join(sheet(Look(view="positions", only="eth")))
    assert "none of 1 has 'eth'" in lines
    assert "BTCUSDT" not in lines.split("Equity")[1]


def test_a_small_terminal_says_what_it_has_no_room_for() -> None:
    assert "no room for Market, Orders (order), " in sheet(Look(), 80, 12)[-1]
    assert "no room for Orders (order): 1-8 show more" in sheet(Look(), 160, 50)[-1]
    assert "no room for" not in sheet(Look(view="positions"), 80, 24)[-1]
    lines = sheet(Look(view="positions"), 60, 12)
    head = next(line for line in lines if "Positions" in line)
    assert head.rstrip().endswith("+2")
    assert "no room for Positions" in lines[-1]


@each_row("view", VIEWS)
@each_row("width", [40, 80, 200])
def test_the_key_of_the_emergency_stop_is_said_however_little_room_there_is(
    view: str, width: int
) -> None:
    assert "e emergency stop" in sheet(Look(view=view), width, 12)[-1]


def test_the_help_has_every_view_by_its_key() -> None:
    text = " ".join(sheet(Look(view="help"), 80, 24))
    assert all(f"{number} {view}" in text for number, view in enumerate(VIEWS, 1))


def test_components_stand_with_where_a_steps_time_goes_and_how_late_data_comes() -> None:
    text = "\n".join(sheet(Look(view="components"), 80, 24))
    assert "Step  strategy 61% 3 us, p99 9 us  risk 22% 20 us, p99 95 us" in text
    assert "Data lag  binance 34.0 ms, p99 81.2 ms" in text


def test_facts_that_have_no_room_in_their_line_are_named() -> None:
    on_margin = {**a_view()["portfolio"], "margin_used": "12.5"}
    assert "Margin" not in sheet(Look(), 80, 24)[2]
    assert "Margin 12.50" in sheet(Look(), 80, 24, portfolio=on_margin)[2]
    narrow = sheet(Look(), 73, 24, portfolio=on_margin)
    assert "Margin" not in narrow[2]
    assert "no room for Margin" in narrow[-1]


def test_how_many_symbols_have_no_room_is_said() -> None:
    prices = {f"COIN{number}USDT": "1.5" for number in range(30)}
    assert " symbols" in sheet(Look(), 120, 50, prices=prices, data_age_s={})[-1]


def test_a_view_that_goes_on_below_says_so() -> None:
    found = Text("\n".join(f"line {number}" for number in range(30)))
    status = document(LiveStatus, a_view())
    for skip, said in ((0, "no room for 9 lines below (j)"), (9, "1-8 views")):
        lines = lines_of(status, 80, 24, Look(view="risk", skip=skip), found)
        assert said in "".join(segment.text for segment in lines[-1])
    lines = lines_of(status, 80, 24, Look(view="risk", skip=9), found)
    assert any("line 29" in "".join(segment.text for segment in line) for line in lines)


def test_what_was_taken_for_a_paste_is_said() -> None:
    assert "are a paste" in sheet(after("e", "pasted")[0])[-1]
    assert after("e", "pasted", "enter")[1] == []


def test_what_is_asked_stands_in_the_last_line() -> None:
    asked = sheet(after("r")[0])[-1]
    assert asked.startswith(" Resume trading? y")
    assert "(the limits' day and peak begin anew)" in asked
    assert "type stop, Enter: st_" in sheet(after("e", "s", "t")[0])[-1]
    assert "takes the word stop" in sheet(after("e", "n", "enter")[0])[-1]
