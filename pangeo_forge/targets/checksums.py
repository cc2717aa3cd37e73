"""Size and CRC-32C of every chunk, recorded when it was put: what ``verify --full`` compares.

One immutable object per state of a dataset, ``objects/<state>.json``. An append records its own chunks only and names
the state that it was made from; after :data:`DEEPEST` such steps all are written together again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pangeo_forge.targets.objects import ObjectStore
from pangeo_forge.targets.protocol import Digest

DEEPEST = 30


def key_of(state: str) -> str:
    """Where the checksums of a state are, below the dataset's home."""
    return f"objects/{state}.json"


def write_checksums(home: ObjectStore, state: str, digests: Mapping[str, Digest], base: str | None = None) -> None:
    """Record what was put on the way to ``state`` from ``base`` (None: from nothing)."""
    depth = 0
    if base is not None:
        known = home.get(key_of(base))
        depth = json.loads(known)["depth"] + 1 if known is not None else DEEPEST
        if depth >= DEEPEST:
            digests, base, depth = {**(read_checksums(home, base) or {}), **digests}, None, 0
    rows = {k: list(v) for k, v in sorted(digests.items())}
    document = {"base": base, "depth": depth, "objects": rows}
    home.put(key_of(state), json.dumps(document, separators=(",", ":")).encode())


def read_checksums(home: ObjectStore, state: str | None) -> dict[str, Digest] | None:
    """Digests of all chunks of a state; None when they were not recorded."""
    layers = []
    while state is not None:
        data = home.get(key_of(state))
        if data is None:
            return None
        document = json.loads(data)
        layers.append(document["objects"])
        state = document["base"]
    found: dict[str, Digest] = {}
    for layer in reversed(layers):
        found.update({k: (int(n), str(crc)) for k, (n, crc) in layer.items()})
    return found if layers else None
