"""Assets found through a STAC API, an item collection, or a static catalog.

Source of the method: the STAC specification 1.0 (items, catalogs) and the STAC API specification 1.0 (item search,
paging by links of rel ``next``). Read as plain JSON: only links, ids, times and assets matter here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.locations import resolve
from pangeo_forge.pattern.redaction import redact_url
from pangeo_forge.pattern.web import Web

PAGE_SIZE = 500
_LINKS = "items", "item", "child"


def search_assets(spec: Mapping[str, Any] | str, web: Web, *, folder: Any = None, limit: int) -> list[str]:
    """The URL of one asset of each item, ordered by the items' start, then their id.

    Parameters
    ----------
    spec: ``url`` (API, item collection, catalog or collection; a local file relative to ``folder``), ``asset`` (its
        key; may be left out where items have one asset, or one of role ``data``), and for an API ``collection``,
        ``datetime``, ``bbox``, ``query``.

    Raises
    ------
    InputError: I601 (no item), I602 (more than ``limit``), I604 (HTTP), I608 (not STAC, a filter where nothing can
    filter, no such asset).
    """
    spec = {"url": spec} if isinstance(spec, str) else spec
    url = resolve(str(spec["url"]), folder)
    reader = _Reader(web, limit, redact_url(url))
    items = list(reader.items(url, spec))
    if not items:
        raise InputError(
            "no item found", code="I601", where=redact_url(url), hint="check collection, datetime and bbox"
        )
    items.sort(key=lambda found: (_start(found[1]), str(found[1].get("id"))))
    return [_asset(item, base, spec.get("asset")) for base, item in items]


class _Reader:
    def __init__(self, web: Web, limit: int, where: str) -> None:
        self._web, self._limit, self._where = web, limit, where
        self._seen: set[str] = set()
        self._count = 0

    def items(self, url: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        document = self._read(url)
        search = next((x for x in _links(document, url) if x["rel"] == "search"), None)
        filters = [n for n in ("collection", "datetime", "bbox", "query") if spec.get(n)]
        if search is not None and document.get("type") in ("Catalog", None):
            yield from self._search(search["href"], spec)
        elif filters:
            message = f"{', '.join(filters)}: only an API can search, and this is a {document.get('type')}"
            raise InputError(
                message, code="I608", where=self._where, hint="name the API's URL, or leave the filters out"
            )
        else:
            yield from self._walk(document, url)

    def _search(self, url: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        body: dict[str, Any] = {"limit": PAGE_SIZE}
        if spec.get("collection"):
            body["collections"] = [spec["collection"]]
        body |= {n: spec[n] for n in ("datetime", "bbox", "query") if spec.get(n)}
        if spec.get("query"):  # not expressible in a query string
            yield from self._pages(self._object(self._web.post(url, body).json()), url, body)
            return
        params = {k: ",".join(map(str, v)) if isinstance(v, list) else v for k, v in body.items()}
        page = self._web.get(url, params=params)
        yield from self._pages(self._object(page.json()), page.url, {})

    def _walk(self, document: Mapping[str, Any], url: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        waiting = [(document, url)]
        while waiting:
            document, url = waiting.pop()
            kind = document.get("type")
            if kind == "FeatureCollection":
                yield from self._pages(document, url, {})
            elif kind == "Feature":
                yield self._counted(url, document)
            elif kind in ("Catalog", "Collection"):
                links = [x for x in _links(document, url) if x["rel"] in _LINKS]
                paged = [x for x in links if x["rel"] == "items"]
                for link in reversed(paged or links):
                    if link["href"] not in self._seen:
                        waiting.append((self._read(link["href"]), link["href"]))
            else:
                hint = "a STAC catalog, collection, item or item collection is expected"
                raise InputError(f"not STAC: type is {kind!r}", code="I608", where=redact_url(url), hint=hint)

    def _pages(
        self, page: Mapping[str, Any], url: str, body: Mapping[str, Any]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        while True:
            features = page.get("features")
            if not isinstance(features, list):
                raise InputError("the answer is no item collection", code="I608", where=redact_url(url))
            for item in features:
                yield self._counted(url, item)
            link = next((x for x in _links(page, url) if x["rel"] == "next"), None)
            if link is None:
                return
            if not features:
                raise InputError("an empty page with a next one", code="I608", where=redact_url(url))
            if str(link.get("method", "GET")).upper() == "POST":
                body = {**body, **link.get("body", {})} if link.get("merge") else dict(link.get("body", body))
                page = self._object(self._web.post(link["href"], body).json())
            else:
                page = self._read(link["href"])
            url = link["href"]

    def _counted(self, url: str, item: Any) -> tuple[str, Mapping[str, Any]]:
        self._count += 1
        if self._count > self._limit:
            message = f"more than {self._limit} items"
            raise InputError(message, code="I602", where=self._where, hint="narrow the search by datetime")
        return url, self._object(item)

    def _read(self, url: str) -> Mapping[str, Any]:
        if url in self._seen:
            raise InputError("the catalog's pages run in a circle", code="I608", where=redact_url(url))
        self._seen.add(url)
        if "://" in url:
            return self._object(self._web.get(url).json())
        self._web.check(url)
        try:
            with open(url, encoding="utf-8") as file:
                return self._object(json.load(file))
        except (OSError, ValueError) as error:
            raise InputError(
                f"cannot be read: {error}", code="I603", where=url, hint="is it a STAC JSON file?"
            ) from None

    def _object(self, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise InputError("not STAC: no JSON object", code="I608", where=self._where)
        return value


def _links(document: Mapping[str, Any], url: str) -> list[dict[str, Any]]:
    links = document.get("links")
    found = [x for x in links if isinstance(x, dict)] if isinstance(links, list) else []
    return [{**x, "href": _joined(url, str(x["href"]))} for x in found if x.get("rel") and x.get("href")]


def _joined(base: str, href: str) -> str:
    if "://" in href or (os.path.isabs(href) and "://" not in base):
        return href
    if "://" in base:
        # urljoin knows no relative links of s3:// and the like.
        scheme, rest = base.split("://", 1)
        return scheme + urljoin("http://" + rest, href).removeprefix("http")
    return os.path.normpath(os.path.join(os.path.dirname(base), href))


def _start(item: Mapping[str, Any]) -> str:
    properties = item.get("properties") or {}
    return str(properties.get("start_datetime") or properties.get("datetime") or "")


def _asset(item: Mapping[str, Any], base: str, wanted: str | None) -> str:
    assets = item.get("assets") or {}
    own = next((x["href"] for x in _links(item, base) if x["rel"] == "self"), base)
    names = list(assets)
    if wanted is None and len(names) > 1:
        names = [n for n, a in assets.items() if "data" in (a.get("roles") or [])]
    elif wanted is not None:
        names = [n for n in names if n == wanted]
    if len(names) != 1 or not assets[names[0]].get("href"):
        problem = f"has no asset {wanted!r}" if wanted is not None else "has not exactly one asset of role data"
        hint = f"write asset: NAME; it has {', '.join(list(assets)[:10]) or 'none'}"
        raise InputError(f"item {item.get('id')!r} {problem}", code="I608", where=redact_url(own), hint=hint)
    return _joined(own, str(assets[names[0]]["href"]))
