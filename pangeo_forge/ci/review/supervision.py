"""Starts the processes that check recipes, one after the other, and ends those that take too long or too much."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.review.child import FINDINGS
from pangeo_forge.ci.review.findings import problem
from pangeo_forge.ci.review.report import Problem, RecipeReport
from pangeo_forge.ci.review.rules import ReviewRules
from pangeo_forge.ci.review.steps import Job

_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "COVERAGE_PROCESS_START",
)
"""What of the environment a check sees: no token, no credential, no home."""
CHILD = ("-m", "pangeo_forge.ci.review.child")
_PAUSE = 0.2
_LOG_TAIL = 4000


def check_job(job: Job, left: float) -> list[RecipeReport]:
    """The reports of one job, whatever becomes of the process that makes them.

    Parameters
    ----------
    left: seconds that all checks together have left.
    """
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    seconds = min(job.rules.timeout, left)
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module; -P: none of the folder that it runs in
            [sys.executable, "-P", *CHILD],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment(job.rules, folder),
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps({**asdict(job), "rules": job.rules.to_json()}).encode())
            process.stdin.close()
            fault = _watch(process, job.rules, began + seconds)
        finally:
            end_tree(process)
    spent = time.monotonic() - began
    fault = fault or _death(process.returncode, folder / "log")
    return _reports(job, folder / FINDINGS, fault, spent)


def environment(rules: ReviewRules, folder: Path) -> dict[str, str]:
    """What a check sees of this process's environment, and a home of its own."""
    from pangeo_forge.inputs.fetch.credentials import environment_name

    names = [*_KEPT]
    for secret in rules.secrets:
        names += [environment_name(secret), environment_name(secret) + "_HOSTS"]
    home = folder / "home"
    home.mkdir(exist_ok=True)
    made = {name: os.environ[name] for name in names if name in os.environ}
    return made | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "MPLCONFIGDIR": str(home),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_GCE_CHECK": "true",
    }


def tidy(folder: Path) -> None:
    """Remove what a check has left beside its pictures."""
    for path in folder.iterdir():
        if path.name != "pictures":
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def _watch(process: subprocess.Popen[bytes], rules: ReviewRules, until: float) -> Problem | None:
    while process.poll() is None:
        if time.monotonic() > until:
            hint = "make the recipe's first and last inputs smaller, or ask a maintainer to run it by hand"
            return problem("error", "A121", "the check took longer than it may, and was stopped", hint)
        used = _memory(process.pid)
        if used > rules.max_process_memory:
            message = f"the check took {used / 1e9:.1f} GB of memory, more than {rules.max_process_memory / 1e9:.1f} GB"
            return problem("error", "A123", message, "choose smaller chunks, or ask a maintainer to run it by hand")
        try:
            process.wait(_PAUSE)
        except subprocess.TimeoutExpired:
            continue
    return None


def _memory(pid: int) -> int:
    """Bytes that a process and those below it hold."""
    import psutil

    total = 0
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0
    for process in tree:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours and all that it has started."""
    import psutil

    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        below = []
    for child in below:
        try:
            child.kill()
        except psutil.Error:
            continue
    with suppress(ProcessLookupError, PermissionError):
        # Its session is its own, so the group holds nothing of ours.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _death(code: int | None, log: Path) -> Problem | None:
    if code == 0:
        return None
    how = f"by signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"with code {code}"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL))
        tail = clean(file.read().decode(errors="replace"), 1500, lines=True).strip()
    hint = "an input or the recipe brings the program down: report it to the maintainers"
    return problem("error", "A122", f"the process of the check ended {how}\n{tail}".strip(), hint)


def _reports(job: Job, path: Path, fault: Problem | None, spent: float) -> list[RecipeReport]:
    """What the process knew when it ended."""
    try:
        found = [RecipeReport.model_validate_json(json.dumps(r)) for r in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError, ValidationError):
        found = []
    if not found:
        found = [blank(job, "unchecked")]
    last = found[-1]
    if fault is not None and last.verdict == "unchecked":
        found[-1] = faulty(last, fault, spent)
    # A process that dies when all is done (libraries do that at their exit) leaves findings that are whole.
    return found


def faulty(report: RecipeReport, fault: Problem, spent: float) -> RecipeReport:
    """The report of a check that was stopped or died."""
    verdict = {"A121": "timeout", "A124": "unchecked"}.get(fault.code, "crashed")
    problems = (fault, *report.problems)[:50]
    more = {"problems": problems, "problems_count": report.problems_count + 1, "seconds": round(spent, 3)}
    return report.model_copy(update={"verdict": verdict, **more})


def blank(job: Job, verdict: str) -> RecipeReport:
    """A report that knows the recipe's place only."""
    name = Path(job.shown).parent.name
    return RecipeReport(path=clean(job.shown, 300), id=clean(name, 200), change=job.change, verdict=verdict)  # type: ignore[arg-type]


def not_begun(job: Job) -> RecipeReport:
    """The report of a recipe whose turn did not come."""
    hint = "split the pull request, or ask a maintainer to run it by hand"
    fault = problem("error", "A124", "the time for all recipes was over before this one's turn", hint)
    return faulty(blank(job, "unchecked"), fault, 0.0)
