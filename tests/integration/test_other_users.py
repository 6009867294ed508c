"""Two real users: what one of them leaves about neither freezes, nor steers, nor halts the other."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fixtures.users import OWNER, Users, users_can_be_made
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
