"""Where bytes go: one small interface over a local folder and over any fsspec file system.

A local put is atomic (written beside, then renamed), so a killed process leaves no half object under its final name.
Stores hold an address only; they are picklable and safe to use from threads.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pangeo_forge.errors import TargetError
from pangeo_forge.plan.layout import format_bytes
from pangeo_forge.targets.retries import client_options, retried, unreachable

WRITING = ".writing"
"""Folder inside a local store where objects are written before they get their name."""

_BUILDING = re.compile(r"\.([^/]+)\.(partial-[\w-]+|pangeo-forge)(/.*)?$")

T = TypeVar("T")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class ObjectStore(Protocol):
    """Objects under one root, by ``/``-separated key."""

    @property
    def url(self) -> str:
        """Address of the root; holds no secret."""
        ...

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Store ``data`` whole or not at all."""
        ...

    def get(self, key: str) -> bytes | None:
        """The object, or None when there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the object is there."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens when there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys under a prefix (a folder), recursively, in any order."""
        ...

    def is_empty(self) -> bool:
        """Whether nothing is under the root; does not list it all."""
        ...

    def clear(self) -> None:
        """Remove all objects and the root."""
        ...


def is_local(url: str) -> bool:
    """Whether a store's address is a folder of this machine."""
    return "://" not in url or url.startswith(("file://", "local://"))


def local_path(url: str) -> Path:
    """The folder that a local address means, absolute."""
    return Path(url.split("://", 1)[1] if "://" in url else url).expanduser().absolute()


def open_objects(url: str, storage_options: Mapping[str, Any] | None = None) -> LocalObjects | FsspecObjects:
    """The object store at a local path or fsspec URL."""
    return LocalObjects(local_path(url)) if is_local(url) else FsspecObjects(url, storage_options)


def final_address(url: str) -> str:
    """The address that a user knows: that of the store, when ``url`` is where it is built or its records are kept."""
    return _BUILDING.sub(r"\1", url)


class LocalObjects:
    """Files under a folder."""

    def __init__(self, root: Path | str) -> None:
        self.root = str(root)
        self._folders: set[str] = set()
        self._above: list[str] = []
        self._names = itertools.count()

    def __reduce__(self) -> tuple[Any, ...]:
        return LocalObjects, (self.root,)

    def __repr__(self) -> str:
        return f"LocalObjects({self.root!r})"

    @property
    def url(self) -> str:
        """The folder."""
        return self.root

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Write beside, then rename."""
        path = f"{self.root}/{key}"
        # The process's id is asked for each time: after a fork it differs.
        temporary = f"{self.root}/{WRITING}/{os.getpid()}-{threading.get_ident()}-{next(self._names)}"
        try:
            self._make(f"{self.root}/{WRITING}")
            self._make(path.rpartition("/")[0])
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                left = memoryview(data).cast("B")
                while left:
                    left = left[os.write(handle, left) :]
            finally:
                os.close(handle)
            os.replace(temporary, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise write_error(error, self.root, len(memoryview(data).cast("B"))) from error

    def _make(self, folder: str) -> None:
        if folder not in self._folders:
            if not self._folders and not self._above:
                self._above = missing_folders(os.path.dirname(self.root))
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)

    def get(self, key: str) -> bytes | None:
        """Read the whole file."""
        try:
            with open(f"{self.root}/{key}", "rb", buffering=0) as file:
                return file.readall()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def exists(self, key: str) -> bool:
        """Whether the file is there."""
        return os.path.isfile(f"{self.root}/{key}")

    def size(self, key: str) -> int | None:
        """Bytes of the file; None when there is none."""
        try:
            return os.stat(f"{self.root}/{key}").st_size
        except OSError:
            return None

    def delete(self, key: str) -> None:
        """Unlink the file."""
        try:
            os.unlink(f"{self.root}/{key}")
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise write_error(error, self.root, 0) from error

    def list(self, prefix: str = "") -> Iterator[str]:
        """Walk the folder; files that are being written are not listed."""
        for folder, folders, files in os.walk(os.path.join(self.root, prefix)):
            folders[:] = [f for f in folders if f != WRITING]
            for name in files:
                yield os.path.relpath(os.path.join(folder, name), self.root).replace(os.sep, "/")

    def folders(self) -> set[str]:
        """Folders of one level."""
        try:
            with os.scandir(self.root) as found:
                return {entry.name for entry in found if entry.is_dir()}
        except FileNotFoundError:
            return set()

    def is_empty(self) -> bool:
        """Whether the folder is absent or empty."""
        return next(iter(self.list()), None) is None

    def clear(self) -> None:
        """Remove the folder, and those above it that were made for it, as far as nothing else is in them."""
        self._folders.clear()
        shutil.rmtree(self.root, ignore_errors=True)
        remove_empty(self._above)
        self._above = []

    def try_out(self) -> None:
        """Make the folder and remove it again: whether that is possible is better known before than after the work.

        Raises
        ------
        TargetError: T010, T011, T012.
        """
        made = missing_folders(self.root)
        try:
            os.makedirs(self.root, exist_ok=True)
        except OSError as error:
            raise write_error(error, self.root, 0) from error
        finally:
            remove_empty(made)

    def settle(self) -> None:
        """Remove what killed processes left half-written."""
        shutil.rmtree(f"{self.root}/{WRITING}", ignore_errors=True)
        self._folders.clear()


class FsspecObjects:
    """Objects of an fsspec file system (s3, gs, memory ...). Its connections are made on first use in each process."""

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self._address = url.rstrip("/")
        self._options = storage_options or {}
        self._opened: tuple[int, Any, str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return FsspecObjects, (self._address, self._options)

    def __repr__(self) -> str:
        return f"FsspecObjects({self.url!r})"

    @property
    def url(self) -> str:
        """Address of the root, without user and password."""
        scheme, _, rest = self._address.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"

    def filesystem(self) -> tuple[Any, str]:
        """The file system and the root's path in it, opened once a process."""
        if self._opened is None or self._opened[0] != os.getpid():
            import fsspec

            try:
                fs, root = fsspec.core.url_to_fs(self._address, **client_options(self._address, self._options))
            except (ImportError, ValueError) as error:
                raise TargetError(
                    f"cannot be reached: {error}",
                    code="T012",
                    where=final_address(self.url),
                    hint="install the package that speaks this protocol (gcsfs, s3fs, adlfs ...) or mend the URL",
                ) from error
            self._opened = os.getpid(), fs, root.rstrip("/")
        return self._opened[1], self._opened[2]

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """One put."""
        fs, root = self.filesystem()
        try:
            retried(lambda: fs.pipe_file(f"{root}/{key}", bytes(data)))
        except OSError as error:
            raise write_error(error, self.url, len(data)) from error
        except Exception as error:
            raise unreachable(error, final_address(self.url)) from error

    def get(self, key: str) -> bytes | None:
        """One get."""
        fs, root = self.filesystem()
        try:
            return bytes(self._asked(lambda: fs.cat_file(f"{root}/{key}")))
        except FileNotFoundError:
            return None

    def _asked(self, request: Callable[[], T]) -> T:
        """The answer to a request; that there is no such object is an answer, too."""
        try:
            return retried(request)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise unreachable(error, final_address(self.url)) from error

    def exists(self, key: str) -> bool:
        """Whether the object is there, past any listing cache."""
        fs, root = self.filesystem()
        fs.invalidate_cache()
        return bool(self._asked(lambda: fs.exists(f"{root}/{key}")))

    def delete(self, key: str) -> None:
        """One delete."""
        fs, root = self.filesystem()
        try:
            retried(lambda: fs.rm_file(f"{root}/{key}"))
        except (FileNotFoundError, KeyError):
            return
        except OSError as error:
            raise write_error(error, self.url, 0) from error
        except Exception as error:
            raise unreachable(error, final_address(self.url)) from error

    def list(self, prefix: str = "") -> Iterator[str]:
        """One listing."""
        fs, root = self.filesystem()
        fs.invalidate_cache()
        try:
            found = self._asked(lambda: fs.find(f"{root}/{prefix}" if prefix else root))
        except FileNotFoundError:
            return
        start = root.lstrip("/")
        for path in found:
            yield path.lstrip("/")[len(start) + 1 :]

    def folders(self) -> set[str]:
        """One listing of one level."""
        fs, root = self.filesystem()
        fs.invalidate_cache()
        try:
            found = self._asked(lambda: fs.ls(root, detail=True))
        except FileNotFoundError:
            return set()
        return {str(f["name"]).rstrip("/").rpartition("/")[2] for f in found if f["type"] == "directory"}

    def is_empty(self) -> bool:
        """One listing of one level."""
        fs, root = self.filesystem()
        fs.invalidate_cache()
        try:
            return not self._asked(lambda: fs.ls(root, detail=False))
        except FileNotFoundError:
            return True

    def clear(self) -> None:
        """Remove everything under the root."""
        fs, root = self.filesystem()
        fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            self._asked(lambda: fs.rm(root, recursive=True))


def write_error(error: OSError, url: str, size: int) -> TargetError:
    """The user's words for a failed write: disk full, permission, or anything else."""
    if error.errno in _FULL:
        return TargetError(
            f"the disk is full: {_free(url)} free, the next object needs {format_bytes(size)}",
            code="T010",
            where=final_address(url),
            hint="make room and run again (what is done is kept), or choose another --target",
        )
    if error.errno in _DENIED or isinstance(error, PermissionError):
        return TargetError(
            f"may not be written: {error.strerror or 'permission denied'}",
            code="T011",
            where=final_address(url),
            hint="give this user (or these credentials) the right to write there, or choose another --target",
        )
    return TargetError(
        f"cannot be written: {error.strerror or type(error).__name__}",
        code="T012",
        where=final_address(url),
        hint="see whether the address is right and reachable, then run again; what is done is kept",
    )


def missing_folders(folder: str) -> list[str]:
    """Those of ``folder`` and the folders above it that do not exist, the deepest first."""
    path = Path(folder)
    return [str(p) for p in (path, *path.parents) if not os.path.lexists(p)]


def remove_empty(folders: Iterable[str]) -> None:
    """Remove folders, the deepest first, up to the first that is not empty."""
    for folder in folders:
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            continue
        except OSError:
            return


def _free(url: str) -> str:
    path = Path(url)
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return format_bytes(shutil.disk_usage(path).free)
    except OSError:
        return "nothing"
