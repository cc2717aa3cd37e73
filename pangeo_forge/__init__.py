"""From a YAML recipe to a verified, consolidated Zarr store.

Importing this package is cheap: Beam, xarray and zarr are imported where they are first needed.
"""

from __future__ import annotations

__version__ = "0.1.0.dev0"
