"""Is a store sound in itself: metadata consistent, chunks where data should be, every one of them decodable?"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pangeo_forge import progress
from pangeo_forge.errors import VerifyError
from pangeo_forge.targets.metadata import UNCONSOLIDATED
from pangeo_forge.targets.objects import ObjectStore, open_objects
from pangeo_forge.targets.opening import store_of
from pangeo_forge.targets.zarr import root_attrs
from pangeo_forge.verify.result import CheckResult

SHOWN = 5
METADATA = (".zarray", ".zattrs", "zarr.json", ".zgroup")


def check_integrity(
    url: str, options: Mapping[str, Any] | None = None, *, full: bool = False, tell: progress.Progress | None = None
) -> list[CheckResult]:
    """Check a Zarr store (v2 or v3); of an Icechunk repository or of references, that chunks can be read.

    Parameters
    ----------
    full: decode every chunk, instead of the first and last of each array.

    Raises
    ------
    VerifyError: V003 when there is no Zarr group at ``url``, V004 when its metadata is no JSON.
    """
    import zarr

    store = store_of(url, options)
    objects = open_objects(url, options) if isinstance(store, str) else None
    results = [] if objects is None else [_consolidated(objects, url)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = dict(options) if objects is not None and options and "://" in url else None
        group = zarr.open_group(store, mode="r", storage_options=given)
        arrays: list[tuple[str, Any]] = [(n, a) for n, a in group.members(max_depth=None) if hasattr(a, "chunks")]
    total = sum(math.prod(_grid(a)) if full else min(2, math.prod(_grid(a))) for _, a in arrays)
    tell = tell or progress.Silent()
    tell.start("verify", total)
    results += [_array(objects, name, array, full, tell) for name, array in arrays]
    tell.finish("verify")
    return results


def _consolidated(objects: ObjectStore, url: str) -> CheckResult:
    """Consolidated metadata says what each array's own metadata says."""
    root = objects.get("zarr.json")
    if root is not None:
        document = _parsed(root, "zarr.json", url)
        known = (document.get("consolidated_metadata") or {}).get("metadata")
        own = {name: _document(objects, f"{name}/zarr.json") for name in known or {}}
    else:
        text = objects.get(".zmetadata")
        if text is None and objects.get(".zgroup") is None:
            raise VerifyError(
                "there is no Zarr group here",
                code="V003",
                where=url,
                hint="give the path of the store itself; below a root, `<id>/latest.json` names it (see `pangeo-forge versions list`)",
            )
        known = None if text is None else _parsed(text, ".zmetadata", url)["metadata"]
        own = {key: _document(objects, key) for key in known or {}}
    if known is None and root_attrs(root or objects.get(".zattrs") or b"").get(UNCONSOLIDATED):
        return CheckResult("consolidated metadata", True, "there is none, as the recipe wants")
    if known is None:
        return CheckResult(
            "consolidated metadata", False, "there is none: each open reads every array's metadata by itself"
        )
    stale = [k for k in known if _without_empty(own[k]) != _without_empty(known[k])]
    return CheckResult(
        "consolidated metadata", not stale, f"differs from the arrays' own: {', '.join(stale[:SHOWN])}" if stale else ""
    )


def _document(objects: ObjectStore, key: str) -> Any:
    data = objects.get(key)
    return None if data is None else _parsed(data, key, objects.url)


def _parsed(data: bytes, key: str, url: str) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise VerifyError(
            f"the metadata document {key} is damaged: {error}", code="V004", where=url, hint="build the store again"
        ) from None


def _without_empty(document: Any) -> Any:
    # zarr-python writes keys with null that others leave out.
    if not isinstance(document, dict):
        return document
    return {k: v for k, v in document.items() if v is not None and k != "consolidated_metadata"}


def _grid(array: Any) -> tuple[int, ...]:
    step = getattr(array, "shards", None) or array.chunks
    return tuple(-(-n // c) for n, c in zip(array.shape, step, strict=True))


def _array(objects: ObjectStore | None, name: str, array: Any, full: bool, tell: progress.Progress) -> CheckResult:
    """Objects of an array are as many as there may be, and chunks of it can be read."""
    expected, problems, notes = math.prod(_grid(array)), [], []
    figures: dict[str, Any] = {"objects": expected}
    if objects is not None:
        found = sum(1 for key in objects.list(name) if key.rsplit("/", 1)[-1] not in METADATA)
        figures["objects"] = found
        notes.append(
            f"{found:,} of {expected:,} objects there" + (", the others all fill value" if found < expected else "")
        )
        if found > expected:
            problems.append(f"{found:,} objects, of {expected:,} that there may be")
        elif not found and expected and array.fill_value is None:
            problems.append(f"none of {expected:,} objects is there")
    read, nbytes, broken = _read(array, full, tell)
    problems += broken[:SHOWN]
    notes.append(f"{read:,} of {expected:,} read" if objects is None or read < expected else "all read")
    return CheckResult(
        f"array {name}", not problems, "; ".join(problems or notes), {**figures, "read": read, "bytes": nbytes}
    )


def _read(array: Any, full: bool, tell: progress.Progress) -> tuple[int, int, list[str]]:
    """Number of objects that were read, their bytes decoded, and what could not be."""
    broken: list[str] = []
    count = total = 0
    for region in _regions(array, full):
        count += 1
        try:
            nbytes = int(np.asarray(array[region]).nbytes)
        except Exception as error:  # noqa: BLE001 - whatever a codec says of damaged bytes is what we look for
            at = [(s.start, s.stop) for s in region]
            broken.append(f"{at} does not decode: {type(error).__name__}: {error}")
            nbytes = 0
        total += nbytes
        tell.advance("verify", 1, nbytes)
    return count, total, broken


def _regions(array: Any, full: bool) -> Iterator[tuple[slice, ...]]:
    step = getattr(array, "shards", None) or array.chunks
    grid = _grid(array)
    if not math.prod(grid):
        return
    corners = itertools.product(*(range(n) for n in grid))
    chosen = corners if full else iter({tuple(0 for _ in grid), tuple(n - 1 for n in grid)})
    for at in chosen:
        yield tuple(slice(i * c, min((i + 1) * c, n)) for i, c, n in zip(at, step, array.shape, strict=True))
