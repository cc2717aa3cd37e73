"""Replace an object only if nobody else has replaced it since it was read: what leases, pointers and commits rest on.

- local folders: under an exclusive ``flock`` of the folder, which the kernel frees when a process dies;
- S3 and what speaks it: ``If-Match`` and ``If-None-Match`` of PutObject (AWS since August and November 2024);
- GCS: ``ifGenerationMatch``;
- any other file system: read, compare, put. Two writers in the same instant are not kept apart there.

A refusal may be the echo of our own put whose answer was lost and which the client sent again, so what is there is
compared with what was to be put before anybody is told that it failed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.objects import FsspecObjects, LocalObjects, ObjectStore, final_address, write_error
from pangeo_forge.targets.retries import retried, unreachable

Tag = str | None
"""Names the state of an object (digest, ETag, generation); None: there is no object."""

_REFUSED = (412, 409)


class Conflict(Exception):
    """The object is not in the state that was expected."""


def read_tagged(objects: ObjectStore, key: str) -> tuple[bytes | None, Tag]:
    """An object and the tag of its state."""
    if isinstance(objects, FsspecObjects):
        fs, root = objects.filesystem()
        for protocol in _protocols(fs):
            if protocol in _READERS:
                with _told(objects):
                    return _READERS[protocol](fs, f"{root}/{key}")  # type: ignore[no-any-return]
    data = objects.get(key)
    return data, _digest(data)


def put_if(objects: ObjectStore, key: str, data: bytes, expected: Tag) -> None:
    """Put ``data`` if the object is in the state ``expected``.

    Raises
    ------
    Conflict: it is in another; nothing was changed.
    """
    try:
        _put(objects, key, data, expected)
    except Conflict:
        if objects.get(key) != data:
            raise


def _put(objects: ObjectStore, key: str, data: bytes, expected: Tag) -> None:
    if isinstance(objects, LocalObjects):
        with _locked(objects, key):
            if _digest(objects.get(key)) != expected:
                raise Conflict(key)
            objects.put(key, data)
        return
    if isinstance(objects, FsspecObjects):
        fs, root = objects.filesystem()
        for protocol in _protocols(fs):
            if protocol in _WRITERS:
                with _told(objects):
                    _WRITERS[protocol](fs, f"{root}/{key}", data, expected)
                fs.invalidate_cache()
                return
    if _digest(objects.get(key)) != expected:
        raise Conflict(key)
    objects.put(key, data)


@contextlib.contextmanager
def _told(objects: FsspecObjects) -> Iterator[None]:
    """What the store's library raises, in words for the user."""
    try:
        yield
    except Conflict:
        raise
    except TargetError as error:
        error.where = error.where or final_address(objects.url)
        raise
    except Exception as error:
        raise unreachable(error, final_address(objects.url)) from error


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _digest(data: bytes | None) -> Tag:
    return None if data is None else hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def _locked(objects: LocalObjects, key: str) -> Iterator[None]:
    # The folder itself is locked: a lock file of its own would stay behind.
    folder = os.path.dirname(os.path.join(objects.root, key))
    try:
        os.makedirs(folder, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise write_error(error, objects.root, 0) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# -- S3 ----------------------------------------------------------------------------------------------------------------


def _read_s3(fs: Any, path: str) -> tuple[bytes | None, Tag]:
    from fsspec.asyn import sync

    bucket, key, _ = fs.split_path(path)

    async def read() -> tuple[bytes, str]:
        answer = await fs._call_s3("get_object", Bucket=bucket, Key=key)
        return await answer["Body"].read(), answer["ETag"]

    try:
        found: tuple[bytes, str] = retried(lambda: sync(fs.loop, read))
    except FileNotFoundError:
        return None, None
    return found


def _write_s3(fs: Any, path: str, data: bytes, expected: Tag) -> None:
    bucket, key, _ = fs.split_path(path)
    condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
    try:
        retried(lambda: fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition))
    except FileNotFoundError as error:
        if expected is None:
            raise no_bucket(bucket) from error
        # If-Match on an object that is gone is answered with 404.
        raise Conflict(path) from error
    except OSError as error:
        if _s3_refused(error):
            raise Conflict(path) from error
        raise


def no_bucket(bucket: str) -> TargetError:
    """A put was answered with 404."""
    return TargetError(
        f"there is no bucket {bucket}, or these credentials may not see it",
        code="T012",
        hint="see whether the name is right; buckets are not made by this program",
    )


def _s3_refused(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            code = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return code in _REFUSED or response.get("Error", {}).get("Code") == "PreconditionFailed"
        cause = cause.__cause__
    return "recondition" in str(error)


# -- GCS ---------------------------------------------------------------------------------------------------------------


def _read_gcs(fs: Any, path: str) -> tuple[bytes | None, Tag]:
    from fsspec.asyn import sync

    bucket, key, _ = fs.split_path(path)
    try:
        # The generation first: when the object changes in between, the put is refused, which is right.
        found = retried(lambda: sync(fs.loop, fs._call, "GET", "b/{}/o/{}", bucket, key, json_out=True))
        fs.invalidate_cache()
        return bytes(retried(lambda: fs.cat_file(path))), str(found["generation"])
    except FileNotFoundError:
        return None, None


def _write_gcs(fs: Any, path: str, data: bytes, expected: Tag) -> None:
    from urllib.parse import quote
    from uuid import uuid4

    from fsspec.asyn import sync

    bucket, key, _ = fs.split_path(path)
    address = f"{fs._location}/upload/storage/v1/b/{quote(bucket)}/o"
    # In two parts: emulators heed conditions of this kind of upload only.
    edge = uuid4().hex
    name = json.dumps({"name": key})
    head = f"--{edge}\r\nContent-Type: application/json\r\n\r\n{name}\r\n--{edge}\r\nContent-Type: application/json\r\n\r\n"
    body = head.encode() + data + f"\r\n--{edge}--".encode()
    asked = {"uploadType": "multipart", "ifGenerationMatch": expected or "0"}
    kind = {"Content-Type": f"multipart/related; boundary={edge}"}
    try:
        retried(lambda: sync(fs.loop, fs._call, "POST", address, headers=kind, data=body, json_out=True, **asked))
    except FileNotFoundError as error:
        raise no_bucket(bucket) from error
    except Exception as error:
        status = getattr(error, "code", None) or getattr(error, "status", None)
        # gcsfs says of 412 that the file exists.
        if (
            isinstance(error, FileExistsError)
            or str(status) in map(str, _REFUSED)
            or "onditionNotMet" in str(error)
            or "recondition" in str(error)
        ):
            raise Conflict(path) from error
        raise


_READERS: dict[str, Any] = {"s3": _read_s3, "s3a": _read_s3, "gs": _read_gcs, "gcs": _read_gcs}
_WRITERS: dict[str, Any] = {"s3": _write_s3, "s3a": _write_s3, "gs": _write_gcs, "gcs": _write_gcs}
