"""How a command ended, as the answer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pangeo_forge.ci.escaping import code, fenced
from pangeo_forge.ci.github.incidents import error_text
from pangeo_forge.ci.github.review_comment import run_address
from pangeo_forge.ci.review.sizes import amount, duration

LARGEST_RESULT = 20_000_000


def answer_of(data: bytes) -> str:
    """Markdown that tells what a command's ``--json`` says."""
    try:
        document = json.loads(data) if len(data) <= LARGEST_RESULT else None
    except ValueError:
        document = None
    address = run_address()
    log = f"\n\n[Log]({address})" if address else ""
    if not isinstance(document, dict):
        return f"It ended without a result.{log}"
    if "ran" in document:
        return _of_runs(document) + log
    if "error" in document:
        return f"It failed.\n\n{fenced(error_text(document['error']), 6000)}{log}"
    return _of_plan(document) + log


def _of_runs(document: Mapping[str, Any]) -> str:
    parts = []
    for ran in document.get("ran", ()):
        name, seconds = code(ran.get("id", "")), duration(float(ran.get("seconds") or 0))
        if ran.get("outcome") == "done":
            store = code(ran.get("store") or "", 300)
            what = {"append": "appended to", "build": "built", "nothing": "found nothing new for"}.get(
                str(ran.get("action")), "finished"
            )
            parts.append(f"{name} {what} {store} in {seconds}.")
        elif ran.get("outcome") == "failed":
            parts.append(f"{name} failed after {seconds}.\n\n{fenced(error_text(ran.get('error') or {}), 6000)}")
        else:
            parts.append(f"{name} was left alone: {code(ran.get('outcome') or 'unknown', 40)}.")
    for broken in document.get("broken", ()):
        text = "\n".join(error_text(e) for e in broken.get("errors") or ())
        parts.append(f"{code(broken.get('feedstock', ''))} cannot run.\n\n{fenced(text, 6000)}")
    return "\n\n".join(parts) or "Nothing was run."


def _of_plan(document: Mapping[str, Any]) -> str:
    known = document.get("known") or {}
    absent = document.get("absent") or []
    lines = [
        f"{code(document.get('recipe_id', ''))}: {int(document.get('inputs') or 0):,} inputs, {len(absent)} absent."
    ]
    if known:
        sizes = ", ".join(f"{code(k, 60)} {int(v):,}" for k, v in list(known.get("sizes", {}).items())[:20])
        lines += ["", f"Dimensions: {sizes}; {amount(float(known.get('bytes') or 0))} uncompressed.", ""]
        lines.append(code(known.get("text", ""), 400))
    if absent:
        lines += ["", fenced("\n".join(map(str, absent[:50])), 6000)]
    return "\n".join(lines)
