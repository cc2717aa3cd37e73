"""The process that checks one recipe: ``python -P -m pangeo_forge.ci.review.child``, a job on stdin, findings in a file.

It is ended from outside when it takes too long or too much; what it knew by then is in its file.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from pangeo_forge.ci.review.report import RecipeReport
from pangeo_forge.ci.review.rules import ReviewRules
from pangeo_forge.ci.review.steps import Job, review

FINDINGS = "findings.json"
_LARGEST_FILE = 20 * 10**9
_MOST_FILES = 4096


def main() -> None:
    """Check the job of stdin."""
    given = json.load(sys.stdin)
    job = Job(**{**given, "rules": ReviewRules.from_json(given["rules"])})
    _limit(job.rules)
    target = Path(job.folder) / FINDINGS

    def save(reports: Sequence[RecipeReport]) -> None:
        draft = target.with_suffix(".tmp")
        draft.write_text(json.dumps([r.model_dump(mode="json") for r in reports]), encoding="utf-8")
        os.replace(draft, target)

    review(job, save)


def _limit(rules: ReviewRules) -> None:
    """No core dumps, no file without end, no processor time beyond what the time allows."""
    cpus = os.cpu_count() or 1
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
        (resource.RLIMIT_NOFILE, _MOST_FILES),
        (resource.RLIMIT_CPU, int(rules.timeout * cpus) + 60),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
