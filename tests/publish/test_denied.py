"""Targets that may not be written, are not there, or go away under the run: an error that says what to do, and no remains."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs import append_chunks, append_references, build, replacement
from tests.cli.invocation import Invocation, invoke
from tests.publish.archive import Daily, expected, read, tree
from tests.publish.conftest import Bucket, free_port, s3_bucket, wait_for

SECTIONS: dict[str, dict[str, Any]] = {
    "": {"append": "time"},
    ".zarr": {"append": "time"},
    ".icechunk": {"append": "time", "format": "icechunk"},
    ".parquet": {"append": "time", "format": "reference", "chunks": "auto"},
    ".json": {"append": "time", "format": "reference", "chunks": "auto", "reference": {"format": "json"}},
}
FORMS = pytest.mark.parametrize("ending", SECTIONS, ids=lambda e: e or "root")


# -- local ---------------------------------------------------------------------------------------------------------------


def as_somebody(call: Callable[[], str]) -> str:
    """What a call says in a process of a user who owns nothing; root may write anywhere."""
    if os.getuid() != 0:
        return call()
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setresuid(65534, 65534, 65534)
            os.write(sender, call().encode())
        except BaseException:
            os.write(sender, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as file:
        return file.read().decode()


def outcome(archive: Daily, recipe: Recipe) -> str:
    """How a run ends."""
    try:
        return archive.run(recipe).action
    except PangeoForgeError as error:
        return f"{error.code} {error.exit_code} {error}"


@pytest.mark.slow
@pytest.mark.parametrize("there", [False, True], ids=["build", "append"])
@FORMS
def test_read_only_folder(tmp_path: Path, ending: str, there: bool) -> None:
    """Told before an input is opened; nothing is changed."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    out = tmp_path / "out"
    archive = Daily(tmp_path, f"{out}/x{ending}", target_section=SECTIONS[ending])
    archive.write(range(3))
    out.mkdir()
    if there:
        archive.run()
    archive.path(3).write_bytes(b"nothing that opens")
    recipe = archive.recipe()
    before = tree(out)
    modes = {p: p.stat().st_mode for p in (out, *out.rglob("*")) if p.is_dir()}
    for folder in modes:
        folder.chmod(0o555)
    try:
        said = as_somebody(lambda: outcome(archive, recipe))
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)
    assert said.startswith("T011 1 "), said
    assert str(out) in said
    assert "choose another --target" in said
    assert tree(out) == before


WORKING = {
    ("build", ""): (build, "write_tasks"),
    ("build", ".zarr"): (build, "write_tasks"),
    ("build", ".icechunk"): (replacement, "write_tasks"),
    ("build", ".parquet"): (replacement, "make_references"),
    ("build", ".json"): (replacement, "make_references"),
    ("append", ""): (append_chunks, "write_tasks"),
    ("append", ".zarr"): (append_chunks, "write_tasks"),
    ("append", ".icechunk"): (append_chunks, "write_tasks"),
    ("append", ".parquet"): (append_references, "make_references"),
    ("append", ".json"): (append_references, "make_references"),
}
"""Where the work of each run is done."""


def removed_under(
    archive: Daily, what: str, ending: str, when: str, remove: Callable[[], None], patch: pytest.MonkeyPatch
) -> PangeoForgeError | None:
    """The error of a run under which its target is removed before or after its work."""
    archive.write(range(4))
    if what == "append":
        archive.run()
        archive.write(range(7))
    module, name = WORKING[what, ending]
    real = getattr(module, name)

    def work(*given: Any, **more: Any) -> Any:
        if when == "before":
            remove()
        done = real(*given, **more)
        if when == "after":
            remove()
        return done

    with patch.context() as patched:
        patched.setattr(module, name, work)
        try:
            archive.run()
        except PangeoForgeError as error:
            return error
    return None


LOST = ("T012", "T013", "T033", "T034", "T041", "T062")


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["build", "append"])
@FORMS
def test_folder_deleted_under_the_run(
    tmp_path: Path, ending: str, what: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Daily(tmp_path, f"{tmp_path}/out/x{ending}", target_section=SECTIONS[ending])
    error = removed_under(archive, what, ending, when, lambda: shutil.rmtree(tmp_path / "out"), monkeypatch)
    assert error is not None
    assert error.code in LOST
    # Nothing is in the way of the next run.
    result = archive.run()
    assert result.action == "build"
    days = range(7 if what == "append" else 4)
    assert (read(result.store)["sst"] == expected(days)).all()


# -- S3 ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Guarded:
    """An S3 that heeds who asks: key and secret of users who may write and read, and read only."""

    endpoint: str
    writer: tuple[str, str]
    reader: tuple[str, str]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    import boto3

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    lenient = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "1000000"}
    process = subprocess.Popen(command, env=lenient, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        endpoint = f"http://127.0.0.1:{port}"
        access: dict[str, Any] = {
            "endpoint_url": endpoint,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "region_name": "us-east-1",
        }
        boto3.client("s3", **access).create_bucket(Bucket="bucket")
        iam = boto3.client("iam", **access)

        def user(name: str, actions: list[str]) -> tuple[str, str]:
            iam.create_user(UserName=name)
            allow = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
            made = iam.create_access_key(UserName=name)["AccessKey"]
            return made["AccessKeyId"], made["SecretAccessKey"]

        users = user("writer", ["s3:*"]), user("reader", ["s3:Get*", "s3:List*"])
        # From now on it asks who one is.
        strict = urllib.request.Request(
            f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST"
        )
        urllib.request.urlopen(strict).close()
        yield Guarded(endpoint, *users)
    finally:
        process.kill()
        process.wait()


SECRET = "a-secret-that-nobody-may-see"


@pytest.mark.servers
@pytest.mark.parametrize("ending", ["", ".zarr", ".icechunk"], ids=lambda e: e or "root")
@pytest.mark.parametrize(
    ("who", "bucket", "code", "what"),
    [
        ("reader", "bucket", "T011", "Access Denied"),
        ("writer", "no-such-bucket", "T012", "there is no bucket no-such-bucket"),
        ("nobody", "bucket", "T011", "does not exist in our records"),
        ("forger", "bucket", "T011", "signature"),
    ],
)
def test_who_may_not_write_is_told_before_anything_starts(
    guarded: Guarded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    who: str,
    bucket: str,
    code: str,
    what: str,
) -> None:
    pairs = {"reader": guarded.reader, "writer": guarded.writer, "nobody": ("AKIANOBODYATALL00000", SECRET)}
    key, secret = pairs.get(who, (guarded.writer[0], SECRET))
    archive = Daily(tmp_path, f"s3://{bucket}/x{ending}", target_section=SECTIONS[ending])
    archive.path(0).write_bytes(b"nothing that opens")
    archive.recipe()
    got = run_with(monkeypatch, archive, guarded.endpoint, key, secret, "--json")
    assert got.code == 1
    error = got.json["error"]
    assert error["code"] == code, error
    assert what in error["message"]
    assert error["hint"]
    assert ".pangeo-forge" not in str(error["where"])
    plain = run_with(monkeypatch, archive, guarded.endpoint, key, secret)
    assert f"[{code}]" in plain.err
    for said in (got.out, got.err, plain.out, plain.err):
        assert secret not in said
        assert "Traceback" not in said


def run_with(
    monkeypatch: pytest.MonkeyPatch, archive: Daily, endpoint: str, key: str, secret: str, *more: str
) -> Invocation:
    """The command, with credentials from the environment."""
    monkeypatch.setenv("A_KEY", key)
    monkeypatch.setenv("A_SECRET", secret)
    options = [
        f"endpoint_url={endpoint}",
        "client_kwargs.region_name=us-east-1",
        "key=env:A_KEY",
        "secret=env:A_SECRET",
    ]
    given = [part for option in options for part in ("--storage-option", option)]
    return invoke("run", archive.folder / "daily" / "recipe.yaml", "--target", archive.target, *given, *more)


@pytest.mark.servers
@pytest.mark.parametrize(("what", "when"), [("build", "before"), ("append", "before"), ("append", "after")])
@pytest.mark.parametrize(
    "ending",
    ["", ".icechunk", *(pytest.param(e, marks=pytest.mark.long) for e in (".zarr", ".parquet"))],
    ids=lambda e: e or "root",
)
def test_bucket_deleted_under_the_run(
    s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, what: str, when: str
) -> None:
    """An error within bounded time, also when nothing is left to write the record of it to."""
    monkeypatch.setenv("PANGEO_FORGE_RETRY_PAUSE", "0.01")
    bucket = s3_bucket(s3_endpoint)
    archive = Daily(tmp_path, f"{bucket.url}/x{ending}", bucket.options, target_section=SECTIONS[ending])
    began = time.monotonic()
    error = removed_under(archive, what, ending, when, lambda: delete_bucket(bucket), monkeypatch)
    assert error is not None
    assert error.code in LOST
    assert time.monotonic() - began < 120


def delete_bucket(bucket: Bucket) -> None:
    """With all that is in it."""
    import boto3

    options = bucket.options
    client = boto3.resource(
        "s3",
        endpoint_url=options["endpoint_url"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    there = client.Bucket(bucket.url.removeprefix("s3://"))
    there.objects.all().delete()
    there.delete()
