"""The results as a table, and as a picture."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.works import LIMIT, LIMIT_OF_OURS, OURS, WORKS

Medians = dict[str, dict[str, dict[str, float]]]
"""work -> tool -> quantity -> median."""

MEGABYTE = 1e6
PROGRAM_MEMORY = 350e6
"""What the program itself takes beside max_memory."""


def medians(results: Mapping[str, Any]) -> Medians:
    """Medians over the runs that ended well."""
    runs: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for record in results["runs"]:
        if record["status"] == 0:
            runs[record["work"], record["tool"]].append(record)
    found: Medians = defaultdict(dict)
    for (work, tool), records in runs.items():
        found[work][tool] = {
            q: statistics.median(r[q] for r in records) for q in ("wall", "cpu", "peak", "stored", "load")
        }
        found[work][tool]["runs"] = len(records)
    return found


def line(record: Mapping[str, Any]) -> str:
    """One run, for the log."""
    problems = "; ".join(record["problems"]) or ("values equal" if record["checked"] else "not read back")
    return (
        f"{record['work']:16} {record['tool']:22} wall {record['wall']:6.1f} s  cpu {record['cpu']:6.1f} s  "
        f"peak {record['peak'] / MEGABYTE:6.0f} MB  load {record['load']:4.1f}  {problems}"
    )


def text(results: Mapping[str, Any]) -> str:
    """All tables in Markdown."""
    found = medians(results)
    parts = ["Machine: " + "; ".join(f"{k} {v}" for k, v in results["machine"].items()), ""]
    for work, tools in found.items():
        parts += [
            f"### {work}",
            "",
            "| tool | runs | wall s | CPU s | peak MB | stored MB | wall ÷ ours | CPU ÷ ours | load |",
            "|---|" + "---:|" * 8,
        ]
        parts += [_row(tool, m, tools.get(OURS)) for tool, m in tools.items()]
        parts.append("")
    failed = [r for r in results["runs"] if r["problems"]]
    parts += [f"- {r['work']}, {r['tool']}: {'; '.join(r['problems'])}" for r in failed]
    parts += ["", "### Against the targets", "", "| | target | found | |", "|---|---:|---:|---|"]
    parts += [
        f"| {name} | {target} | {value} | {'met' if met else 'NOT met'} |"
        for name, target, value, met in verdicts(results)
    ]
    return "\n".join(parts) + "\n"


def _row(tool: str, m: Mapping[str, float], ours: Mapping[str, float] | None) -> str:
    wall, cpu = (f"{m[q] / ours[q]:.2f}" if ours else "" for q in ("wall", "cpu"))
    return (
        f"| {tool} | {m['runs']:.0f} | {m['wall']:.1f} | {m['cpu']:.1f} | {m['peak'] / MEGABYTE:.0f} "
        f"| {m['stored'] / MEGABYTE:.0f} | {wall} | {cpu} | {m['load']:.1f} |"
    )


Verdict = tuple[str, str, str, bool]


def verdicts(results: Mapping[str, Any]) -> list[Verdict]:
    """What was wanted and what was found: (name, target, found, met)."""
    found = medians(results)
    rows: list[Verdict] = []

    def at_most(name: str, value: float | None, target: float, unit: str = "×") -> None:
        if value is not None:
            rows.append((name, f"<= {target:g} {unit}", f"{value:.2f} {unit}", value <= target))

    def times_faster(name: str, value: float | None, target: float) -> None:
        if value is not None:
            rows.append((name, f">= {target:g} ×", f"{value:.1f} ×", value >= target))

    def ratio(work: str, quantity: str, tool: str) -> float | None:
        tools = found.get(work, {})
        return tools[OURS][quantity] / tools[tool][quantity] if OURS in tools and tool in tools else None

    at_most("slabs: wall against the limit", ratio("slabs", "wall", LIMIT), 1.5)
    at_most("slabs: CPU against the limit", ratio("slabs", "cpu", LIMIT), 1.5)
    at_most("slabs: wall against the limit with our blocks", ratio("slabs", "wall", LIMIT_OF_OURS), 1.5)
    at_most("slabs: CPU against the limit with our blocks", ratio("slabs", "cpu", LIMIT_OF_OURS), 1.5)
    for work, peer, wanted in (
        ("slabs", "pangeo-forge-recipes", 6),
        ("slabs", "dask", 5),
        ("slabs-of-100", "xarray-beam", 12),
    ):
        of_peer = ratio(work, "wall", peer)
        times_faster(f"{work}: wall against {peer}", None if of_peer is None else 1 / of_peer, wanted)
    at_most("tiles: wall against the limit", ratio("tiles", "wall", LIMIT), 1.8)
    at_most("tiles: CPU against the limit", ratio("tiles", "cpu", LIMIT), 1.8)
    two_pass = ratio("tiles-in-400MB", "wall", "dask")
    times_faster("tiles in 400 MB: wall against dask", None if two_pass is None else 1 / two_pass, 1)
    rows += _memory(found)
    at_most("stored bytes against zarr's defaults (dask's store)", ratio("slabs", "stored", "dask"), 0.9)
    if "small" in results:
        at_most(
            f"overhead per input, {results['small']['inputs']:,} small inputs",
            results["small"]["overhead_ms"],
            5,
            "ms CPU",
        )
    return rows


def _memory(found: Medians) -> list[Verdict]:
    rows: list[Verdict] = []
    for work, allowed in (("slabs", 2e9), ("tiles", 8e9), ("tiles-in-400MB", 400e6)):
        if OURS in found.get(work, {}):
            peak, bound = found[work][OURS]["peak"], allowed + PROGRAM_MEMORY
            rows.append(
                (f"{work}: peak memory", f"<= {bound / MEGABYTE:.0f} MB", f"{peak / MEGABYTE:.0f} MB", peak <= bound)
            )
    if OURS in found.get("slabs", {}) and OURS in found.get("slabs-of-100", {}):
        growth = found["slabs"][OURS]["peak"] / found["slabs-of-100"][OURS]["peak"]
        rows.append(("peak memory of 400 files against 100", "<= 1.1 ×", f"{growth:.2f} ×", growth <= 1.1))
    return rows


def picture(results: Mapping[str, Any], path: Path) -> None:
    """Bars of wall and CPU seconds by tool, one panel a work; nothing where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = medians(results)
    works = [w for w in WORKS if w in found and len(found[w]) > 1]
    if not works:
        return
    figure, panels = pyplot.subplots(1, len(works), figsize=(5 * len(works), 3.2), squeeze=False, layout="constrained")
    for panel, work in zip(panels[0], works, strict=True):
        tools = sorted(found[work], key=lambda t: -found[work][t]["wall"])
        places = range(len(tools))
        for shift, quantity, colour in ((0.2, "wall", "#1f6f8b"), (-0.2, "cpu", "#99c1d6")):
            values = [found[work][t][quantity] for t in tools]
            bars = panel.barh([p + shift for p in places], values, 0.38, color=colour, label=f"{quantity} s")
            panel.bar_label(bars, [f"{v:.0f}" for v in values], padding=2, fontsize=8)
        panel.set_yticks(list(places), tools)
        panel.set_title(f"{work}, {WORKS[work].files or results['files']} files")
        panel.margins(x=0.12)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
