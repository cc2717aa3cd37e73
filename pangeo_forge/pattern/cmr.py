"""Granules found through NASA's Common Metadata Repository (CMR).

Source of the method: the CMR Search API documentation, "Granule search by parameters" and "Search After": results
come in pages, each answer's ``CMR-Search-After`` header is sent back for the next, and ``CMR-Hits`` counts them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.expressions import NameExpression
from pangeo_forge.pattern.locations import file_name
from pangeo_forge.pattern.redaction import redact_url
from pangeo_forge.pattern.web import Page, Web

CMR_URL = "https://cmr.earthdata.nasa.gov/search"
PAGE_SIZE = 2000
_DATA = "/data#"


def search_granules(spec: Mapping[str, Any], web: Web, *, limit: int) -> list[str]:
    """HTTPS links to the data of all granules that a search finds, ordered by their start.

    Parameters
    ----------
    spec: ``short_name``, ``version``, ``concept_id``, ``provider``, ``temporal`` (two dates, or text as CMR takes
        it), ``bounding_box``, ``match`` (which of a granule's links, by name), ``url`` (another server).

    Raises
    ------
    InputError: I601 (nothing found), I602 (more than ``limit``), I604 (HTTP), I606 (``match``), I608 (an answer that
    is no search result, fewer granules than announced, a granule without a data link or with several).
    """
    url = str(spec.get("url") or CMR_URL).rstrip("/") + "/granules.json"
    match = NameExpression(spec["match"], where=redact_url(url)) if spec.get("match") else None
    params = _params(spec)
    headers: dict[str, str] = {}
    entries: list[Mapping[str, Any]] = []
    while True:
        page = web.get(url, params=params, headers=headers)
        found, hits = _entries(page), _hits(page)
        if hits is not None and hits > limit:
            message = f"{hits} granules, more than {limit}"
            raise InputError(message, code="I602", where=redact_url(url), hint="narrow the search by `temporal`")
        entries += found
        after = page.headers.get("CMR-Search-After")
        if not found or not after:
            break
        if len(entries) > limit:
            raise InputError(
                f"more than {limit} granules", code="I602", where=redact_url(url), hint="narrow the search"
            )
        headers = {"CMR-Search-After": after}
    if hits is not None and len(entries) < hits:
        message = f"{len(entries)} granules came of {hits} announced"
        raise InputError(message, code="I608", where=redact_url(url), hint="the catalog changes or fails: try again")
    if not entries:
        message = f"no granule of {_named(spec)}"
        raise InputError(
            message, code="I601", where=redact_url(url), hint="check short_name, version, provider and temporal"
        )
    return [link for entry in entries for link in _links(entry, match, url)]


def _params(spec: Mapping[str, Any]) -> dict[str, Any]:
    params: dict[str, Any] = {"page_size": PAGE_SIZE, "sort_key": "start_date"}
    for name in ("short_name", "version", "provider"):
        if spec.get(name) is not None:
            params[name] = str(spec[name])
    if spec.get("concept_id") is not None:
        params["collection_concept_id"] = spec["concept_id"]
    temporal = spec.get("temporal")
    if temporal is not None:
        params["temporal"] = temporal if isinstance(temporal, str) else f"{_first(temporal[0])},{_last(temporal[1])}"
    if spec.get("bounding_box") is not None:
        params["bounding_box"] = ",".join(str(x) for x in spec["bounding_box"])
    return params


def _first(date: Any) -> str:
    text = str(date)
    return text if "T" in text else f"{text}T00:00:00Z"


def _last(date: Any) -> str:
    # A date without a time is meant whole, as everywhere in the catalog's own pages.
    text = str(date)
    return text if "T" in text else f"{text}T23:59:59Z"


def _entries(page: Page) -> list[Mapping[str, Any]]:
    answer = page.json()
    feed = answer.get("feed") if isinstance(answer, dict) else None
    if not isinstance(feed, dict) or not isinstance(feed.get("entry"), list):
        hint = "is this a CMR server?"
        raise InputError("the answer is no list of granules", code="I608", where=redact_url(page.url), hint=hint)
    return list(feed["entry"])


def _hits(page: Page) -> int | None:
    hits = page.headers.get("CMR-Hits", "")
    return int(hits) if hits.isdigit() else None


def _links(entry: Mapping[str, Any], match: NameExpression | None, url: str) -> list[str]:
    name = str(entry.get("title") or entry.get("producer_granule_id") or entry.get("id"))
    links = [
        str(link["href"])
        for link in entry.get("links", [])
        if str(link.get("rel", "")).endswith(_DATA)
        and not link.get("inherited")
        and str(link.get("href", "")).startswith(("https://", "http://"))
    ]
    links = list(dict.fromkeys(links))
    chosen = [link for link in links if match is None or match.fits(file_name(link))]
    if len(chosen) == 1:
        return chosen
    shown = ", ".join(file_name(x) for x in (chosen or links)[:5]) or "none"
    problem = "has no data link" if not chosen else f"has {len(chosen)} data links"
    hint = f"choose one by `match`; its links: {shown}"
    raise InputError(f"granule {name} {problem}", code="I608", where=redact_url(url), hint=hint)


def _named(spec: Mapping[str, Any]) -> str:
    names = [f"{k}={spec[k]}" for k in ("short_name", "version", "concept_id", "provider", "temporal") if spec.get(k)]
    return ", ".join(names) or "no collection"
