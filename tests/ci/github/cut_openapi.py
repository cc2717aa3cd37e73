"""Cut GitHub's OpenAPI description down to what the stand-in needs.

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python tests/ci/github/cut_openapi.py package/generated/api.github.com.json package/package.json

writes ``openapi.json`` beside this file: the operations below, the schemas that they name, without descriptions and examples,
``nullable`` as JSON Schema says it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = {
    "/issues": ("get", "post"),
    "/issues/{issue_number}": ("patch",),
    "/issues/{issue_number}/comments": ("get", "post"),
    "/issues/comments/{comment_id}": ("patch", "delete"),
    "/pulls": ("get",),
    "/collaborators/{username}/permission": ("get",),
    "/actions/runs/{run_id}/artifacts": ("get",),
    "/actions/artifacts/{artifact_id}/{archive_format}": ("get",),
    "/contents/{path}": ("get",),
    "/git/blobs": ("post",),
    "/git/trees": ("post",),
    "/git/commits": ("post",),
    "/git/commits/{commit_sha}": ("get",),
    "/git/ref/{ref}": ("get",),
    "/git/refs": ("post",),
    "/git/refs/{ref}": ("patch",),
}
_LEFT_OUT = (
    "description",
    "summary",
    "example",
    "examples",
    "externalDocs",
    "title",
    "x-github",
    "x-github-breaking-changes",
    "xml",
    "deprecated",
)
_DEEPEST = 3
"""Objects nested deeper in an answer are not described: nobody reads them."""


def cut(document: dict[str, Any]) -> dict[str, Any]:
    """The part of the description that is kept."""
    kept: dict[str, Any] = {"paths": {}, "components": {"schemas": {}}}
    wanted: set[str] = set()
    for path, methods in OPERATIONS.items():
        for method in methods:
            operation = document["paths"][REPOSITORY + path][method]
            kept["paths"].setdefault(REPOSITORY + path, {})[method] = _operation(document, operation, wanted)
    done: set[str] = set()
    while wanted - done:
        name = min(wanted - done)
        done.add(name)
        schema = plain(document["components"]["schemas"][name], wanted)
        kept["components"]["schemas"][name] = schema
    return kept


def _operation(document: dict[str, Any], operation: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": operation["operationId"], "parameters": [], "responses": {}}
    for parameter in operation.get("parameters", ()):
        found = _resolved(document, parameter)
        made["parameters"].append({
            "name": found["name"], "in": found["in"], "required": found.get("required", False),
            "schema": plain(found["schema"], wanted),
        })  # fmt: skip
    body = operation.get("requestBody")
    if body is not None:
        schema = body["content"]["application/json"]["schema"]
        made["requestBody"] = {"required": body.get("required", False), "schema": plain(schema, wanted)}
    for status, answer in operation["responses"].items():
        if status.startswith(("2", "3")):
            content = _resolved(document, answer).get("content", {}).get("application/json")
            # An answer's objects are described as deep as anybody reads them.
            made["responses"][status] = None if content is None else inline(document, content["schema"], 0)
    return made


def inline(document: dict[str, Any], schema: dict[str, Any], depth: int) -> Any:
    """The schema of an answer with its references put in, down to what is read of it."""
    found = _resolved(document, schema)
    if "allOf" in found:
        parts = [_resolved(document, part) for part in found["allOf"]]
        found = {k: v for k, v in found.items() if k != "allOf"} | {
            "type": "object",
            "properties": {k: v for part in parts for k, v in part.get("properties", {}).items()},
        }
    if depth > _DEEPEST:
        return {}
    made: dict[str, Any] = {}
    for key, value in found.items():
        if key in _LEFT_OUT:
            continue
        if key == "properties":
            made[key] = {name: inline(document, below, depth + 1) for name, below in value.items()}
        elif key in ("anyOf", "oneOf"):
            made[key] = [inline(document, below, depth) for below in value]
        elif key == "items":
            made[key] = inline(document, value, depth)
        else:
            made[key] = value
    return _nullable(made)


def plain(schema: Any, wanted: set[str]) -> Any:
    """A schema without what is for people, in JSON Schema's words; schemas that it refers to are added to ``wanted``."""
    if isinstance(schema, list):
        return [plain(s, wanted) for s in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: plain(below, wanted) for name, below in value.items()}
        elif key == "$ref":
            wanted.add(value.rpartition("/")[2])
            made[key] = value
        elif key not in _LEFT_OUT:
            made[key] = plain(value, wanted)
    return _nullable(made)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema.pop("nullable", False):
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def main() -> None:
    """Write the cut."""
    source, package = (json.loads(Path(p).read_text(encoding="utf-8")) for p in sys.argv[1:3])
    about = {
        "source": f"npm {package['name']} {package['version']}, generated/api.github.com.json",
        "licence": "MIT, Copyright (c) 2020 Octokit contributors; the description itself: MIT, GitHub",
        "made_by": "tests/ci/github/cut_openapi.py",
    }
    target = Path(__file__).with_name("openapi.json")
    target.write_text(json.dumps({"about": about, **cut(source)}, separators=(",", ":"), sort_keys=True) + "\n")
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
