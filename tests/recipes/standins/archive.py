"""A web server over a folder whose paths are ``<host>/<path>``, and recipes whose URLs lead there."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.settings import RunSettings

RECIPES = Path(__file__).parents[3] / "recipes"


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, without ranges (as Python's server is). Requests and their credentials are kept."""

    archive: Archive

    def do_GET(self) -> None:
        self.archive.requests.append((self.path, self.headers.get("Authorization"), self.headers.get("Range")))
        answer = self.archive.answers.get(self.path.split("?")[0])
        needed = next((v for k, v in self.archive.logins.items() if self.path.startswith(k)), None)
        if needed is not None and self.headers.get("Authorization") != needed:
            self.send_error(401)
        elif answer is None:
            super().do_GET()
        else:
            body, headers = answer
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Archive:
    """The folder and its server."""

    folder: Path
    url: str = ""
    answers: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    """Path: body and headers of answers that are no file."""
    logins: dict[str, str] = field(default_factory=dict)
    """Beginning of a path: the Authorization header that it needs."""
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    """Path, Authorization and Range of each GET."""

    def path(self, url: str) -> Path:
        """Where the file of a real URL lies."""
        path = self.folder / url.split("://", 1)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def serve(self) -> http.server.ThreadingHTTPServer:
        """Begin to serve; the caller shuts the server down."""
        handler = type("Handler", (_Handler,), {"archive": self})
        made = functools.partial(handler, directory=str(self.folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        return server

    def recipe(
        self,
        name: str,
        workplace: Path,
        *,
        hosts: Sequence[str],
        set_: Sequence[str] = (),
        id: str | None = None,
        root: str | None = None,
    ) -> Recipe:
        """The recipe ``name`` with ``scheme://host`` of each of ``hosts`` led here, and ``set_`` overrides of its range.

        Only the beginning of URLs is changed, in the text of the recipe.
        """
        folder = workplace / name
        shutil.copytree(RECIPES / name, folder, dirs_exist_ok=True)
        for path in [folder / "recipe.yaml", *folder.glob("files/*.csv")]:
            text = path.read_text(encoding="utf-8")
            for host in hosts:
                # Not the pages of providers and licences, which are no inputs.
                text = re.sub(
                    rf"(?<!license_url: )(?<!, url: )(?<![a-z0-9])[a-z0-9]+://{re.escape(host)}/",
                    f"{root or self.url}/{host}/",
                    text,
                )
            path.write_text(text, encoding="utf-8")
        return load_recipe(str(folder) if id is None else str(workplace / id), set_=set_, recipes_dir=workplace)

    def run(self, recipe: Recipe, workplace: Path, **settings: Any) -> tuple[RunResult, xr.Dataset]:
        """Run the recipe in this process; the store is opened decoded, times as cftime."""
        store = str(workplace / f"{recipe.id}.zarr")
        made = RunSettings(target=store, cache=str(workplace / "cache"), mode="single", workers=1, **settings)
        result = run_recipe(recipe, made)
        return result, opened(store)


def opened(store: str, **options: Any) -> xr.Dataset:
    """What a reader gets."""
    coder = xr.coders.CFDatetimeCoder(use_cftime=True)
    return xr.open_dataset(store, engine="zarr", consolidated=True, chunks=None, decode_times=coder, **options)


def stored(store: Path | str) -> xr.Dataset:
    """What is stored, not decoded."""
    return xr.open_dataset(str(store), engine="zarr", consolidated=True, chunks=None, decode_cf=False)


def times(ds: xr.Dataset, name: str = "time") -> list[str]:
    """ISO texts of a time coordinate."""
    return [t.isoformat() for t in ds[name].values]


def headers(**pairs: str) -> Mapping[str, str]:
    """HTTP headers from keywords."""
    return {k.replace("_", "-"): v for k, v in pairs.items()}
