"""Bytes and seconds for people."""

from __future__ import annotations

from pangeo_forge.plan.layout import format_bytes


def amount(count: float) -> str:
    """Bytes, of any size: ``1.2 GB``, ``34 PB``."""
    return format_bytes(count) if count < 999.5e12 else f"{count / 1e15:,.2g} PB"


def duration(seconds: float) -> str:
    """Seconds, in the unit that fits: ``4.2 s``, ``12 min``, ``3.5 h``, ``2 days``."""
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    for unit, length, most in (("min", 60, 90), ("h", 3600, 48)):
        if seconds / length < most:
            return f"{seconds / length:.2g} {unit}" if seconds / length < 9.95 else f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:,.0f} days"
