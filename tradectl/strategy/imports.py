"""What a strategy loads besides its own file trades as well: each module of it is checked, too.

While a strategy is loaded every import of it passes here. What comes with Python, or is tradectl, is
taken as it is. Whatever else is loaded must be a file that only its user, root, or who installed
tradectl can have written, on a way where nobody else can put another one. A module of the user's own
folders, or of the package that brings the strategy, is read once, through the descriptor that was
checked, and run from that text: compiled files beside it, which anybody may have planted before, are
never looked at. Its hash stands in the journal. So that all are known by then, those imported within
functions are loaded, too."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
import site
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tradectl.domain.errors import Interrupted, UsageError
from tradectl.files.own import ForeignFile, open_trusted, refuse_installed
from tradectl.files.trust import OF_ANOTHER, OTHERS_WRITE, installer_of, opening_on_the_way

LARGEST = 16 * 1024 * 1024
LARGEST_LIBRARY = 1024 * 1024 * 1024
HASH = "__tradectl_sha256__"
PROGRAM = Path(__file__).parents[1]


class CheckedImports:
    """Before all other finders, for the thread that loads a strategy. `own` is the package that brings
    it; `modules` are the hashes of what was loaded, by name."""

    def __init__(self, own: str = "") -> None:
        self.modules: dict[str, str] = {}
        self._texts: list[tuple[str, bytes]] = []
        self._refused: UsageError | None = None
        self._own = own
        self._thread = threading.get_ident()

    @contextlib.contextmanager
    def checking(self) -> Iterator[None]:
        """Raises UsageError for what was refused, whatever the strategy made of that."""
        _libraries(), _pythons()  # what they import themselves cannot be judged by them
        if not any(isinstance(finder, LaterImports) for finder in sys.meta_path):
            sys.meta_path.insert(0, LaterImports())
        sys.meta_path.insert(0, self)
        try:
            yield
        finally:
            sys.meta_path.remove(self)
            if self._refused is not None:
                raise self._refused

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if threading.get_ident() != self._thread:
            return None
        spec = _found(name, path, target)
        try:
            if spec is not None:
                self._judge(name, spec)
        except UsageError as error:
            self._refused = self._refused or error
            raise
        return spec

    def _judge(self, name: str, spec: ModuleSpec) -> None:
        if not _is_own(name, spec, self._own):
            _refuse_open_library(name, spec)
            return
        file, what = Path(spec.origin or ""), f"the module {name}: "
        refuse_open(file, what)
        text = read_trusted(file, what, LARGEST_LIBRARY if _is_library(file) else LARGEST)
        if file.suffix == ".py":
            spec.loader, spec.cached = TextLoader(name, str(file), text), None
            is_package = spec.submodule_search_locations is not None
            self._texts.append((name if is_package else name.rpartition(".")[0], text))
        elif not _is_library(file):
            raise UsageError(f"{what}{file} is no Python source, and only that can be looked at")
        self.modules[name] = hashlib.sha256(text).hexdigest()

    def load_what_is_named(self, text: bytes) -> None:
        """Modules of the user's own that the text, or one of theirs, imports within its functions, and
        those that were loaded before. One that cannot be loaded is its importer's to meet."""
        from tradectl.strategy.named_modules import names_in  # only for a file or a package

        self._texts.append(("", text))
        while self._texts:
            for name in names_in(*self._texts.pop()):
                self._load_own(name)

    def _load_own(self, name: str) -> None:
        spec = _found(name.partition(".")[0], None)
        if name in self.modules or spec is None or not _is_own(name, spec, self._own):
            return
        try:
            importlib.import_module(name)
        except Interrupted:  # the operator's
            raise
        except BaseException:  # somebody's code: whatever it raises, an exit too
            pass
        module = sys.modules.get(name)
        if isinstance(digest := getattr(module, HASH, None), str):
            self.modules.setdefault(name, digest)


class TextLoader(SourceFileLoader):
    """Runs the text that was read, and no file that was compiled from it."""

    def __init__(self, name: str, path: str, text: bytes) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, HASH, hashlib.sha256(self._text).hexdigest())
        super().exec_module(module)


class LaterImports:
    """Once a strategy is loaded it loads nothing of the user's own any more: no journal would have it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if HASH not in _importer() or (spec := _found(name, path, target)) is None:
            return None
        if not _is_own(name, spec):
            _refuse_open_library(name, spec)
            return spec
        raise ImportError(
            f"{name} was not loaded with its strategy, so no journal has it: import it at the top"
        )


def _importer() -> dict[str, Any]:
    """Of the code that imports: the first on the way up that is not Python's own machinery."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_globals if frame is not None else {}


def _found(
    name: str, path: Sequence[str] | None, target: ModuleType | None = None
) -> ModuleSpec | None:
    """As it would be without us."""
    for finder in sys.meta_path:
        if not isinstance(finder, CheckedImports | LaterImports):
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
    return None


def _is_own(name: str, spec: ModuleSpec, package: str = "") -> bool:
    """Of the user's own folders, or of the package that brings the strategy."""
    if not spec.has_location or spec.origin is None:
        return False
    file = Path(spec.origin)
    if file.is_relative_to(PROGRAM):
        return False
    if any(file.is_relative_to(folder) for folder in _libraries()):
        return name.partition(".")[0] == package
    return not any(file.is_relative_to(folder) for folder in _pythons())


def _refuse_open_library(name: str, spec: ModuleSpec) -> None:
    """What is installed is run as Python runs it: from what it was compiled to, where that is there."""
    what = f"the module {name}: "
    if not spec.has_location:
        for folder in spec.submodule_search_locations or ():
            refuse_open(Path(folder), what)
        return
    for named in filter(None, (spec.origin, spec.cached)):
        file = Path(named)
        if file.is_relative_to(PROGRAM) or not os.path.lexists(file):
            continue
        if not any(file.is_relative_to(folder) for folder in _libraries()):
            continue  # with Python itself
        refuse_open(file, what)
        refuse_installed_open(file, what)


@functools.cache
def _libraries() -> list[Path]:
    """Where packages are installed."""
    import sysconfig  # only where a strategy is a file or a package

    named = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        named.append(site.getusersitepackages())
    return [Path(folder) for folder in dict.fromkeys(named)]


@functools.cache
def _pythons() -> list[Path]:
    import sysconfig

    return [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("platstdlib"))]


def _is_library(file: Path) -> bool:
    return file.name.endswith(tuple(EXTENSION_SUFFIXES))


# --- who could have written it -------------------------------------------------------------------------


def refuse_open(path: Path, what: str = "") -> None:
    """Where somebody else can put another thing in its place. Raises UsageError."""
    try:
        opening = opening_on_the_way(path, installer_of(PROGRAM))
    except OSError as error:
        raise UsageError(f"cannot use {what}{path}: {error.strerror}") from error
    if opening:
        raise UsageError(f"{what}{opening}, so {path} could be another one at any time")


def read_trusted(path: Path, what: str = "", largest: int = LARGEST) -> bytes:
    """The bytes of a file that only we, or root, can have written. Raises UsageError."""
    with os.fdopen(_opened(path, what, largest), "rb") as file:
        return file.read()


def refuse_installed_open(path: Path, what: str) -> None:
    try:
        refuse_installed(path, installer_of(PROGRAM))
    except OSError as error:
        raise UsageError(what + _not_trusted(path, error.strerror)) from error


def _opened(path: Path, what: str, largest: int) -> int:
    try:
        return open_trusted(path, largest=largest, also=installer_of(PROGRAM))
    except ForeignFile as error:
        raise UsageError(what + _not_trusted(path, error.strerror)) from error
    except OSError as error:
        raise UsageError(f"{what}cannot read the strategy file {path}: {error.strerror}") from error


def _not_trusted(path: Path, why: str | None) -> str:
    if why == OTHERS_WRITE:
        return f"others can write {path}: chmod go-w {path}"
    if why == OF_ANOTHER:
        return f"{path} belongs to somebody else: copy it, read it, use the copy"
    return f"cannot use the strategy {path}: {why}"


__all__ = ["HASH", "LARGEST", "CheckedImports", "read_trusted", "refuse_open"]
