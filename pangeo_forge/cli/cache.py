"""``pangeo-forge cache``."""

from __future__ import annotations

import click


@click.group()
def cache() -> None:
    """List, verify or prune the cache of inputs.

    \b
    Example:
      pangeo-forge cache list
      pangeo-forge cache verify
      pangeo-forge cache prune --older-than 30D
    """
