"""What changed in a repository, asked of git's plumbing in a handful of processes, whatever the number of files.

Nothing that a contribution holds is executed: no external diff, no text conversion, no hook, no file system monitor; and a
revision that begins with a dash stays a revision.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pangeo_forge.errors import AutomationError

LINK = "120000"
"""Mode of a symbolic link."""
_ABSENT = "0" * 40
_HARMLESS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")


@dataclass(frozen=True)
class FileChange:
    """One file that differs between the base and the work tree; paths are relative to the folder that was asked about."""

    path: str
    old: str | None
    """The blob at the base; None: it was not there."""
    mode: str
    """Mode of the file now; all zeros: it is gone."""

    @property
    def is_gone(self) -> bool:
        """Whether the file was removed."""
        return self.mode == "000000"

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link now."""
        return self.mode == LINK


@dataclass(frozen=True)
class TreeFile:
    """One file of a commit."""

    path: str
    mode: str
    blob: str


class Repository:
    """The git repository around a folder; paths are relative to that folder."""

    def __init__(self, folder: Path | str = ".") -> None:
        self.folder = Path(folder)
        said = self._git("rev-parse", "--is-shallow-repository", "--is-inside-work-tree").decode().split()
        self.is_shallow = said[:1] == ["true"]
        if said[1:] != ["true"]:
            raise AutomationError(
                "the folder is not in a work tree of git",
                code="A001",
                where=str(self.folder.absolute()),
                hint="run this in a checkout",
            )

    def commit(self, revision: str) -> str:
        """The commit that a revision names.

        Raises
        ------
        AutomationError: A002, there is no such revision.
        """
        try:
            found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except _Failed:
            raise self._unknown(revision) from None
        return found.decode().strip()

    def merge_base(self, commit: str, revision: str) -> str:
        """The latest commit that ``commit`` and HEAD share.

        Raises
        ------
        AutomationError: A003 the clone is too shallow to know, A004 they share none.
        """
        try:
            return self._git("merge-base", commit, "HEAD").decode().split()[0]
        except (_Failed, IndexError):
            pass
        if self.is_shallow:
            raise AutomationError(
                f"the clone is shallow: it does not reach back to where HEAD left {revision}",
                code="A003",
                where=revision,
                hint="git fetch --unshallow; in a workflow `fetch-depth: 0` for actions/checkout",
            )
        raise AutomationError(
            f"HEAD and {revision} share no history",
            code="A004",
            where=revision,
            hint="give the branch that this work began from",
        )

    def changed_files(self, base: str, below: str) -> list[FileChange]:
        """Files below a folder that differ between a commit and the work tree, those unknown to git included."""
        # `below` as a literal pathspec: a folder's name is no pattern.
        raw = self._git("diff", "--raw", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--relative",
                        "--abbrev=40", "--ignore-submodules=all", base, "--", f":(literal){below}")  # fmt: skip
        found = [FileChange(path, None if old == _ABSENT else old, mode) for path, old, mode in _raw_changes(raw)]
        known = {change.path for change in found}
        others = self._git("ls-files", "--others", "--exclude-standard", "-z", "--", f":(literal){below}")
        for path in filter(None, os.fsdecode(others).split("\0")):
            if path not in known:
                found.append(FileChange(path, None, LINK if (self.folder / path).is_symlink() else "100644"))
        return sorted(found, key=lambda change: change.path)

    def tree(self, commit: str, below: str) -> list[TreeFile]:
        """Files that a commit holds below a folder."""
        raw = self._git("ls-tree", "-r", "-z", commit, "--", f"{below}/")
        rows = (row.split("\t", 1) for row in filter(None, os.fsdecode(raw).split("\0")))
        found = ((about.split(), path) for about, path in rows)
        return [TreeFile(path, mode, blob) for (mode, kind, blob), path in found if kind == "blob"]

    def blobs(self, names: Iterable[str], largest: int) -> dict[str, bytes | None]:
        """Contents of blobs, by one process; None for those of more than ``largest`` bytes."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        raw = self._git("cat-file", "--batch", text="".join(f"{name}\n" for name in wanted).encode())
        found: dict[str, bytes | None] = {}
        at = 0
        for name in wanted:
            end = raw.index(b"\n", at)
            header = raw[at:end].split()
            size = int(header[2]) if len(header) == 3 else 0
            at = end + 1
            found[name] = raw[at : at + size] if size <= largest else None
            at += size + 1 if len(header) == 3 else 0
        return found

    def _unknown(self, revision: str) -> AutomationError:
        from difflib import get_close_matches

        known = self._git("for-each-ref", "--format=%(refname:short)", "--count=10000").decode().split()
        near = get_close_matches(revision, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "give a branch, a tag or a commit that git knows here"
        if self.is_shallow and not near:
            hint = "the clone is shallow: git fetch --unshallow, or `fetch-depth: 0` for actions/checkout"
        return AutomationError(f"git knows no revision {revision!r}", code="A002", where="--base", hint=hint)

    def _git(self, *words: str, text: bytes = b"") -> bytes:
        # Locks are not taken and variables that point elsewhere are not followed: this only reads, and only here.
        environment = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")}
        environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        return _run(["git", "-C", str(self.folder), *_HARMLESS, *words], environment, text)


class _Failed(Exception):
    """git ended with an error that the caller explains."""


def _run(words: Sequence[str], environment: dict[str, str], text: bytes) -> bytes:
    try:
        done = subprocess.run(words, env=environment, input=text, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise AutomationError("git is not installed", code="A005", hint="install git") from None
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ").splitlines()
    first = said[0] if said else ""
    if "not a git repository" in first or "cannot change to" in first:
        raise AutomationError(
            "the folder is not in a git repository",
            code="A001",
            where=os.path.abspath(words[2]),
            hint="run this in a checkout",
        )
    if "dubious ownership" in first:
        raise AutomationError(
            "git refuses a repository that belongs to another user",
            code="A001",
            where=os.path.abspath(words[2]),
            hint="git config --global --add safe.directory PATH",
        )
    raise _Failed(first)


def _raw_changes(raw: bytes) -> Iterator[tuple[str, str, str]]:
    """``:old_mode new_mode old new status NUL path NUL`` ... of ``git diff --raw -z``."""
    parts = iter(os.fsdecode(raw).split("\0"))
    for header in parts:
        if header:
            _, mode, old, _, _ = header.removeprefix(":").split(" ")
            yield next(parts), old, mode
