"""Two real users: what one of them leaves about neither freezes, nor steers, nor halts the other."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.fixtures.live_trader import KEYS
from tests.fixtures.users import OWNER, STRANGER, Users, users_can_be_made
from tests.loopback import loopback_thread
from tradectl.files.places import FOLDER

pytestmark = users_can_be_made

AT_ONCE_S = 30.0
"""Far more than a command takes, on a busy machine too, and far less than for ever."""


@pytest.fixture
def users() -> Iterator[Users]:
    """In a folder that everybody may enter, as those of pytest are not."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Users(Path(made))


def spare_name(state: Path) -> str:
    return hashlib.sha256(os.fsencode((state / "halt").resolve())).hexdigest()[:16]


PLANTS = {
    "a pipe": "os.mkfifo(sys.argv[1])",
    "a file": "open(sys.argv[1], 'w').write('halt')",
    "a link to an endless device": "os.symlink('/dev/zero', sys.argv[1])",
}


@pytest.mark.parametrize("plant", PLANTS)
def test_what_another_user_puts_into_a_shared_folder_halts_and_holds_up_nobody(
    users: Users, plant: str
) -> None:
    """A name in /tmp that anybody can compute."""
    spare = Path(f"/tmp/tradectl-halt-{OWNER}-{spare_name(users.state)}")
    users.stranger(PLANTS[plant], spare)
    try:
        assert_nobody_is_held_up(users)
    finally:
        spare.unlink()


@pytest.mark.parametrize("plant", PLANTS)
def test_what_another_user_has_put_in_the_place_of_the_spare_is_ignored_and_told(
    users: Users, plant: str
) -> None:
    """While its folder was open to him; now it is shut."""
    place = users.home / ".local" / "state" / FOLDER
    users.owner("os.makedirs(sys.argv[1]), os.chmod(sys.argv[1], 0o777)", place)
    spare = place / f"halt-{spare_name(users.state)}"
    users.stranger(PLANTS[plant], spare)
    for mode, why in ((0o777, "others could have put it there"), (0o700, "")):
        place.chmod(mode)
        assert_nobody_is_held_up(users)
        users.tradectl("run", "--headless", "--duration", "0.5")
        (alert,) = users.tradectl("alerts", "--all", "--json").document()[-1:]
        told = f"ignored as a halt latch: {spare}: {why}"
        assert alert["message"].startswith(told)
        doctor = users.tradectl("doctor", "--json").document()
        (line,) = (f for f in doctor["findings"] if f["check"] == "halt latch")
        assert (line["verdict"], str(spare) in line["message"]) == ("warned", True)
    assert os.path.lexists(spare)


def assert_nobody_is_held_up(users: Users) -> None:
    since = time.monotonic()
    traded = users.tradectl("run", "--headless", "--duration", "0.5", "--json")
    assert traded.code == 0, traded.err
    stopped = users.tradectl("emergency-stop", "--json")
    assert (stopped.code, stopped.document()["confirmed"]) == (0, True)
    assert users.tradectl("run", "--headless", "--duration", "0.5").code == 6
    assert users.tradectl("clear-halt", "--confirm").code == 0
    assert time.monotonic() - since < AT_ONCE_S


# --- a configuration that somebody else could have written ---------------------------------------


LIVE = """
mode = "live"
symbols = ["BTCUSDT"]
[[exchanges]]
id = "binance"
url = "{url}"
"""


def signed(exchange: Any) -> list[Any]:
    return [request for request in exchange.truth.requests() if "signature" in str(request)]


@pytest.mark.parametrize("whose", ["his", "open to all", "open to a group"])
def test_no_key_is_read_before_the_configuration_is_known_to_be_ours(
    users: Users, whose: str
) -> None:
    """Nor sent: whoever writes it says where."""
    with loopback_thread(seed=1) as exchange:
        config = users.folder / "live.toml"
        config.write_text(LIVE.format(url=exchange.url))
        os.chown(config, STRANGER if whose == "his" else OWNER, OWNER)
        config.chmod({"his": 0o644, "open to all": 0o646, "open to a group": 0o664}[whose])
        is_his = whose == "his"
        why = "belongs to somebody else" if is_his else "others can write"
        for words in (
            "run --live --yes --headless",
            "reconcile",
            "config check",
            "record --exchange binance --duration 1",
        ):
            refused = users.tradectl(*words.split(), "-c", str(config), **KEYS)
            assert refused.code == 2
            assert why in refused.complaint()
        stopped = users.tradectl("emergency-stop", "--json", "-c", str(config), **KEYS)
        assert (stopped.code, why in stopped.err) == (0, True)
        assert exchange.truth.requests() == []
        examined = users.tradectl("doctor", "--json", "-c", str(config), **KEYS)
        findings = {f["check"]: f for f in json.loads(examined.out)["findings"]}
        assert (examined.code, findings["config file"]["verdict"]) == (1, "failed")
        assert why in findings["config file"]["message"]
        assert "binance: keys" not in findings
        assert signed(exchange) == []
        os.chown(config, OWNER, OWNER)
        config.chmod(0o600)
        users.tradectl("doctor", "--json", "-c", str(config), **KEYS)
        assert signed(exchange)


@pytest.mark.parametrize("whose", ["his", "open to all"])
def test_a_strategy_that_somebody_else_could_have_written_is_refused_before_a_key_is_sent(
    users: Users, whose: str
) -> None:
    with loopback_thread(seed=1) as exchange:
        strategy = users.folder / "momentum.py"
        strategy.write_text(
            "from tradectl.strategy import Strategy\nclass M(Strategy):\n    pass\n"
        )
        os.chown(strategy, STRANGER if whose == "his" else OWNER, OWNER)
        strategy.chmod(0o644 if whose == "his" else 0o666)
        config = users.home / "live.toml"
        named = f'[[strategies]]\nname = "m"\nstrategy = "{strategy}:M"\n'
        config.write_text(LIVE.format(url=exchange.url) + named)
        os.chown(config, OWNER, OWNER)
        words = ("run", "--live", "--yes", "--headless", "-c", str(config))
        refused = users.tradectl(*words, **KEYS)
        assert refused.code == 2, refused.err
        assert exchange.truth.requests() == []
