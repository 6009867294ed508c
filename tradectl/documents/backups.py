"""What `backup`, `restore` and `vacuum` answer, and the list that a backup has of itself."""

from __future__ import annotations

from msgspec import Struct

from tradectl.documents.values import Time


class BackupFile(Struct, frozen=True):
    """A file in a backup by its name in the state directory: `size` in bytes, and the SHA-256 of it."""

    name: str
    size: int
    sha256: str


class BackupAccount(Struct, kw_only=True, frozen=True):
    """An account as a backup has it: of which run, up to which record, and the hash of its state then."""

    kind: str
    run_id: str
    last_seq: int
    state_hash: str


class Manifest(Struct, kw_only=True, frozen=True):
    """The last thing in a backup. `key` is the name of the key that signed this list and the journals,
    empty where there is none; `with_key` that it is in the backup, too. `problems` are what could not be
    saved whole."""

    made_at: Time
    program: str
    schema: int
    format: int
    files: list[BackupFile]
    accounts: list[BackupAccount]
    key: str = ""
    with_key: bool = False
    problems: list[str] = []


class Packed(Struct, kw_only=True, frozen=True):
    """A journal that was compressed: its bytes before and after."""

    run_id: str
    before: int
    after: int


class Vacuumed(Struct, kw_only=True, frozen=True):
    """`vacuum`: what was done to which runs' journals; `kept` are those that are old enough to go and
    needed all the same, with the reason. Sizes of the database in bytes; `database` says what was done
    to it: rewritten, or, while a run goes on, only the free pages given back."""

    packed: list[Packed]
    removed: list[str]
    kept: dict[str, str]
    results_removed: int
    database: str
    database_before: int
    database_after: int
    problems: list[str] = []


class Backup(Struct, kw_only=True, frozen=True):
    """`backup`: what was written where; `size` in bytes, of `file`."""

    file: str
    size: int
    files: int
    journals: int
    made_at: Time
    accounts: list[BackupAccount]
    with_key: bool
    problems: list[str] = []


class Restore(Struct, kw_only=True, frozen=True):
    """`restore`: what the directory has now. Each account is what it was, by its hash; it begins paused.
    `signed`: by a key that was known here before. `newer` are accounts that were known to have come
    further than the backup; `key` is where a key was put that came with it."""

    state_dir: str
    file: str
    files: int
    made_at: Time
    accounts: list[BackupAccount]
    signed: bool
    newer: list[str] = []
    key: str | None = None
    halt: str | None = None
    problems: list[str] = []
