"""Archives on a loopback server, recipes that read them, and a check of one recipe in this process."""

from __future__ import annotations

import functools
import http.server
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from pangeo_forge.ci.review.report import RecipeReport
from pangeo_forge.ci.review.rules import ReviewRules
from pangeo_forge.ci.review.steps import Job, review
from tests.publish.archive import write_file


class _Handler(http.server.SimpleHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        self.site.requests.append(self.path)
        answer = self.site.answers.get(self.path)
        if answer is None:
            super().do_GET()
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def send_head(self) -> Any:
        # The base class sends headers by this for both methods.
        return super().send_head()

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Site:
    """A folder that is served."""

    folder: Path
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    address: str = ""

    def serve(self) -> http.server.ThreadingHTTPServer:
        """Begin to serve; the caller shuts it down."""
        handler = type("Handler", (_Handler,), {"site": self})
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=str(self.folder))
        )
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.address = f"127.0.0.1:{server.server_address[1]}"
        return server

    def write(self, days: range) -> None:
        """Daily files of a small archive."""
        for day in days:
            write_file(self.folder / f"day{day:05d}.nc", day)

    def document(self, name: str = "daily", days: int = 30, **sections: Any) -> dict[str, Any]:
        """A recipe for the daily files."""
        values = {"start": 0, "end": days - 1, "step": 1}
        return {
            "format_version": 1,
            "id": name,
            "title": "Days",
            "license": "CC0-1.0",
            "providers": [{"name": "P", "roles": ["producer"]}],
            "maintainers": [{"name": "N", "github": "n"}],
            "inputs": {
                "url": f"http://{self.address}/day{{n:05d}}.nc",
                "concat": {"n": {"dim": "time", "values": values}},
            },
            "fetch": {"retries": 0},
            "target": {"chunks": {"time": 10}, "append": "time"},
            **sections,
        }

    @property
    def rules(self) -> ReviewRules:
        """What lets a check read this server and no other on this machine."""
        return ReviewRules(addresses=(self.address,), schemes=("http",), pictures=False, workers=1)


def write_recipe(folder: Path, document: dict[str, Any] | str) -> Path:
    """The recipe in ``folder``, as YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return path


def checked(path: Path, rules: ReviewRules, base: Path | None = None, **more: Any) -> list[RecipeReport]:
    """Check a recipe in this process; what was known after the last step."""
    known: list[list[RecipeReport]] = []
    scratch = path.parent.parent / f"scratch-{path.parent.name}"
    scratch.mkdir(exist_ok=True)
    job = Job(
        path=str(path),
        shown=f"recipes/{path.parent.name}/recipe.yaml",
        change="added" if base is None else "changed",
        base=None if base is None else str(base),
        folder=str(scratch),
        rules=rules,
    )
    review(replace(job, **more), lambda found: known.append(list(found)))
    return known[-1]
