"""What scheduled runs did, as Markdown: for the summary of a workflow, or a mail."""

from __future__ import annotations

import html

from pangeo_forge.ci.campaign import Campaign, Ran

_WORDS = {"busy": "another run works on it", "taken": "another scheduler has run it", "stopped": "stopped"}


def markdown(campaign: Campaign) -> str:
    """A table of all runs, and the errors in full below it."""
    done = sum(r.outcome == "done" for r in campaign.ran)
    failed = sum(r.outcome == "failed" for r in campaign.ran) + len(campaign.broken)
    head = [f"## Scheduled runs, {campaign.now:%Y-%m-%d %H:%M} UTC", ""]
    head.append(f"{done} done, {failed} failed, {len(campaign.left)} left for the next time, {campaign.seconds:.0f} s.")
    lines = [*head, ""]
    if campaign.ran or campaign.broken:
        lines += ["| dataset | slot | outcome | time | store |", "|---|---|---|---|---|"]
        lines += [_row(r) for r in campaign.ran]
        lines += [f"| {_cell(b.feedstock)} | | **cannot run** | | |" for b in campaign.broken]
        lines.append("")
    for name, text in [*((r.id, r.text) for r in campaign.ran if r.outcome == "failed"),
                       *((b.feedstock, b.message) for b in campaign.broken)]:  # fmt: skip
        lines += [f"### {_cell(name)}", "", f"<pre>{html.escape(text)}</pre>", ""]
    return "\n".join(lines)


def _row(ran: Ran) -> str:
    slot = f"{ran.slot or 'by hand'}{f', try {ran.attempt}' if ran.attempt > 1 else ''}"
    outcome = str(ran.result.get("action", "done")) if ran.outcome == "done" else _WORDS.get(ran.outcome, "**failed**")
    store = str(ran.result.get("store") or "")
    return f"| {_cell(ran.id)} | {_cell(slot)} | {outcome} | {ran.seconds:.1f} s | {_cell(store)} |"


def _cell(text: str) -> str:
    """Text that is nothing but text, whatever it holds: an error or a name may come from a stranger."""
    escaped = html.escape(text, quote=False).replace("\n", " ")
    for mark in "\\`*_[]|#@":
        escaped = escaped.replace(mark, f"&#{ord(mark)};" if mark in "|@#" else f"\\{mark}")
    return escaped
