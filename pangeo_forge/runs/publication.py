"""The last step of a run: let readers follow what was built and verified, and say so in its result."""

from __future__ import annotations

from typing import Any

from pangeo_forge.runs.entries import refresh_entry
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.steps import Run


def publish(run: Run, version: str, url: str, **known: Any) -> RunResult:
    """Point the dataset's ``latest.json`` to a version that was built, unless it is one that was only tried out.

    Parameters
    ----------
    version: its name below the root; of no matter for a store at a path of its own.
    url: where it is.
    known: figures of the result.
    """
    session, place = run.session, run.place
    tried = place.store is None and session.settings.prune is not None and not session.settings.make_latest
    if tried:
        session.warnings.append(
            f"the run was pruned, so readers keep what they follow; what was made is {url} (--make-latest publishes it)"
        )
    else:
        document: dict[str, Any] = {"version": version, "fingerprint": session.recipe.fingerprint(), "run": run.id}
        document |= {"published": run.began.isoformat(), "token": run.lease.token}
        if session.settings.prune:
            document["pruned"] = session.settings.prune
        place.publish(version, document)
        session.warnings.extend(refresh_entry(place, session.recipe))
    return run.result(url, "build", published=not tried, **known)
