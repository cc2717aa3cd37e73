"""SPDX identifiers of licenses that data and their catalogs use (https://spdx.org/licenses, list 3.25, an excerpt)."""

from __future__ import annotations

_CC = [
    f"CC-{kind}-{version}"
    for kind in ("BY", "BY-NC", "BY-NC-ND", "BY-NC-SA", "BY-ND", "BY-SA")
    for version in ("1.0", "2.0", "2.5", "3.0", "4.0")
]

LICENSES = (
    "CC0-1.0", "CC-PDDC", *_CC, "CC-BY-3.0-US", "CC-BY-3.0-IGO", "CC-BY-NC-SA-3.0-IGO", "CC-BY-SA-3.0-IGO", "CC-BY-2.5-AU", "CC-BY-3.0-AU",
    "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "C-UDA-1.0", "ODC-By-1.0", "ODbL-1.0", "PDDL-1.0",
    "OGL-UK-1.0", "OGL-UK-2.0", "OGL-UK-3.0", "OGL-Canada-2.0", "OGC-1.0", "etalab-2.0", "DL-DE-BY-2.0", "DL-DE-ZERO-2.0", "NLOD-1.0",
    "NLOD-2.0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "ISC", "0BSD", "Unlicense", "GPL-2.0-only", "GPL-2.0-or-later",
    "GPL-3.0-only", "GPL-3.0-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "AGPL-3.0-only", "AGPL-3.0-or-later", "MPL-2.0", "EUPL-1.2",
    "NASA-1.3", "NIST-PD", "NCGL-UK-2.0", "GFDL-1.3-or-later", "Artistic-2.0", "LAL-1.3", "MS-PL", "W3C",
)  # fmt: skip
"""Identifiers that the lint knows. ``other`` with ``license_url`` covers the rest."""
