"""A stand-in for GitHub's API on loopback: issues, comments, pulls, permissions, artifacts, git objects.

Every request is checked against GitHub's published description (``openapi.json``, made by ``cut_openapi.py``): path, method,
parameters, body. So is every answer: no property that GitHub does not have, no value of another type. What does not fit is
kept in ``faults`` and answered with 500, and the fixture fails the test.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from jsonschema import Draft202012Validator, ValidationError, validators

BOT = "github-actions[bot]"
DESCRIPTION = Path(__file__).with_name("openapi.json")


@cache
def description() -> dict[str, Any]:
    """GitHub's own words."""
    found: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return found


def _no_unknown(validator: Any, properties: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        unknown = set(instance) - set(properties)
        if unknown and not schema.get("additionalProperties"):
            yield ValidationError(f"GitHub has no {sorted(unknown)}")
        yield from Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, schema)


def _any(validator: Any, branches: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    yield from Draft202012Validator.VALIDATORS["anyOf"](validator, branches, instance, schema)


# A stand-in tells less than GitHub does, but nothing that GitHub does not.
AnswerValidator = validators.extend(
    Draft202012Validator,
    {"required": lambda *_: iter(()), "properties": _no_unknown, "oneOf": _any, "format": lambda *_: iter(())},
)


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str | None


Answer = tuple[int, Any, dict[str, str]]


@dataclass
class Standin:
    """The state of one repository, and the server that shows it."""

    repository: str = "pangeo/forge"
    token: str = "ghs_standin"
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    permissions: dict[str, str] = field(default_factory=dict)
    artifacts: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    requests: list[Sent] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    troubles: list[Callable[[Sent], Answer | None]] = field(default_factory=list)
    """Asked before each answer: what one returns is answered instead."""
    url: str = ""
    page: int = 100
    _next: int = 1000

    def number(self) -> int:
        """A new id."""
        self._next += 1
        return self._next

    def serve(self) -> ThreadingHTTPServer:
        """Begin to serve; the caller shuts it down."""
        handler = type("Handler", (_Handler,), {"standin": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        return server

    def add_comment(self, number: int, login: str, body: str) -> dict[str, Any]:
        """A comment by somebody."""
        made = {
            "id": self.number(),
            "body": body,
            "user": {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"},
            "html_url": f"https://github.com/{self.repository}/issues/{number}#issuecomment-{self._next}",
        }
        self.comments.setdefault(number, []).append(made)
        return made

    def add_pull(self, number: int, sha: str, branch: str = "work", owner: str = "stranger") -> None:
        """An open pull request from a fork."""
        head = {
            "sha": sha,
            "ref": branch,
            "label": f"{owner}:{branch}",
            "repo": {"full_name": f"{owner}/forge"},
        }
        self.pulls.append({"number": number, "state": "open", "head": head})

    def ours(self, number: int) -> list[str]:
        """Bodies of the bot's comments."""
        return [c["body"] for c in self.comments.get(number, []) if c["user"]["login"] == BOT]

    # -- answers -----------------------------------------------------------------------------------------------------

    def answer(self, sent: Sent) -> Answer:
        """What GitHub would say."""
        for trouble in self.troubles:
            instead = trouble(sent)
            if instead is not None:
                return instead
        if sent.authorization != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}, {}
        template, operation, values = self._operation(sent)
        self._check_request(sent, operation, values)
        name = f"{sent.method.lower()} {template.removeprefix('/repos/{owner}/{repo}')}"
        status, body, headers = _ANSWERS[name](self, sent, values)
        if status < 400:
            self._check_answer(name, operation, status, body)
        return status, body, headers

    def _operation(self, sent: Sent) -> tuple[str, dict[str, Any], dict[str, str]]:
        for template, methods in description()["paths"].items():
            # {ref} and {path} may hold slashes; everything else may not.
            pattern = re.sub(
                r"\\\{(\w+)\\\}",
                lambda m: f"(?P<{m[1]}>{'.+' if m[1] in ('ref', 'path') else '[^/]+'})",
                re.escape(template),
            )
            found = re.fullmatch(pattern, sent.path)
            if found and sent.method.lower() in methods:
                return template, methods[sent.method.lower()], {k: unquote(v) for k, v in found.groupdict().items()}
        raise ValidationError(f"there is no {sent.method} {sent.path}")

    def _check_request(self, sent: Sent, operation: dict[str, Any], values: dict[str, str]) -> None:
        if f"{values['owner']}/{values['repo']}" != self.repository:
            raise ValidationError(f"another repository: {sent.path}")
        known = {p["name"]: p for p in operation["parameters"]}
        for name, text in {**values, **sent.query}.items():
            schema = known[name]["schema"] if name in known else None
            if schema is None:
                raise ValidationError(f"{sent.method} {sent.path} has no parameter {name}")
            value: Any = int(text) if schema.get("type") == "integer" else text
            Draft202012Validator(schema).validate(value)
        body = operation.get("requestBody")
        if body is None and sent.body is not None:
            raise ValidationError(f"{sent.method} {sent.path} takes no body")
        if body is not None:
            if sent.body is None and body["required"]:
                raise ValidationError(f"{sent.method} {sent.path} needs a body")
            schema = {**body["schema"], "components": description()["components"]}
            Draft202012Validator(schema).validate(sent.body)
            unknown = set(sent.body) - set(body["schema"].get("properties", {}))
            if unknown:
                raise ValidationError(f"{sent.method} {sent.path} has no fields {sorted(unknown)}")

    def _check_answer(self, name: str, operation: dict[str, Any], status: int, body: Any) -> None:
        if str(status) not in operation["responses"]:
            raise ValidationError(f"{name} never answers {status}")
        schema = operation["responses"][str(status)]
        if schema is not None:
            AnswerValidator({**schema, "components": description()["components"]}).validate(body)

    def _paged(self, items: list[Any], sent: Sent) -> Answer:
        size, page = int(sent.query.get("per_page", 30)), int(sent.query.get("page", 1))
        return 200, items[(page - 1) * size : page * size], {}

    def _list_comments(self, sent: Sent, values: dict[str, str]) -> Answer:
        return self._paged(self.comments.get(int(values["issue_number"]), []), sent)

    def _create_comment(self, sent: Sent, values: dict[str, str]) -> Answer:
        return 201, self.add_comment(int(values["issue_number"]), BOT, sent.body["body"]), {}

    def _comment(self, values: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
        for there in self.comments.values():
            for comment in there:
                if comment["id"] == int(values["comment_id"]):
                    return there, comment
        return None

    def _change_comment(self, sent: Sent, values: dict[str, str]) -> Answer:
        found = self._comment(values)
        if found is None:
            return 404, {"message": "Not Found"}, {}
        found[1]["body"] = sent.body["body"]
        return 200, found[1], {}

    def _delete_comment(self, sent: Sent, values: dict[str, str]) -> Answer:
        found = self._comment(values)
        if found is None:
            return 404, {"message": "Not Found"}, {}
        found[0].remove(found[1])
        return 204, None, {}

    def _list_issues(self, sent: Sent, values: dict[str, str]) -> Answer:
        state, creator = sent.query.get("state", "open"), sent.query.get("creator")
        found = [i for i in self.issues if i["state"] == state and creator in (None, i["user"]["login"])]
        return self._paged(found, sent)

    def _create_issue(self, sent: Sent, values: dict[str, str]) -> Answer:
        number = self.number()
        made = {
            "number": number,
            "state": "open",
            "title": sent.body["title"],
            "body": sent.body["body"],
            "labels": [{"name": n} for n in sent.body.get("labels", [])],
            "user": {"login": BOT, "type": "Bot"},
            "html_url": f"https://github.com/{self.repository}/issues/{number}",
        }
        self.issues.append(made)
        return 201, made, {}

    def _change_issue(self, sent: Sent, values: dict[str, str]) -> Answer:
        for issue in self.issues:
            if issue["number"] == int(values["issue_number"]):
                issue.update(sent.body)
                return 200, issue, {}
        return 404, {"message": "Not Found"}, {}

    def _list_pulls(self, sent: Sent, values: dict[str, str]) -> Answer:
        state, head = sent.query.get("state", "open"), sent.query.get("head")
        found = [p for p in self.pulls if p["state"] == state and head in (None, p["head"]["label"])]
        return self._paged(found, sent)

    def _permission(self, sent: Sent, values: dict[str, str]) -> Answer:
        login = values["username"]
        if login not in self.permissions:
            return 404, {"message": f"{login} is not a user"}, {}
        return (
            200,
            {"permission": self.permissions[login], "role_name": self.permissions[login], "user": {"login": login}},
            {},
        )

    def _list_artifacts(self, sent: Sent, values: dict[str, str]) -> Answer:
        found = [
            {"id": 10 * int(values["run_id"]) + n, "name": name, "size_in_bytes": len(data), "expired": False}
            for n, (name, data) in enumerate(self.artifacts.get(int(values["run_id"]), []))
            if sent.query.get("name") in (None, name)
        ]
        return 200, {"total_count": len(found), "artifacts": found}, {}

    def _artifact(self, sent: Sent, values: dict[str, str]) -> Answer:
        return 302, None, {"Location": f"{self.url}/blobs/{int(values['artifact_id'])}"}

    def blob(self, artifact: int) -> bytes | None:
        """The content of an artifact, as the other host serves it."""
        run, place = divmod(artifact, 10)
        there = self.artifacts.get(run, [])
        return there[place][1] if place < len(there) else None

    def _put_object(self, kind: str, body: Any) -> str:
        sha = hashlib.sha1(f"{kind}{json.dumps(body, sort_keys=True)}".encode()).hexdigest()
        self.objects[sha] = (kind, body)
        return sha

    def _create_blob(self, sent: Sent, values: dict[str, str]) -> Answer:
        return 201, {"sha": self._put_object("blob", sent.body), "url": "https://x"}, {}

    def _contents(self, sent: Sent, values: dict[str, str]) -> Answer:
        commit = self.objects[sent.query["ref"]][1]
        blob = self.objects[commit["tree"]][1].get(values["path"])
        if blob is None:
            return 404, {"message": "Not Found"}, {}
        data = base64.b64decode(self.objects[blob][1]["content"])
        sha = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        return 200, {"type": "file", "path": values["path"], "sha": sha, "size": len(data)}, {}

    def files(self, branch: str) -> dict[str, str]:
        """What a branch holds."""
        commit = self.objects[self.refs[f"refs/heads/{branch}"]][1]
        tree = self.objects[commit["tree"]][1]
        return {path: base64.b64decode(self.objects[sha][1]["content"]).decode() for path, sha in tree.items()}

    def add_branch(self, branch: str, files: dict[str, str]) -> None:
        """A commit on a branch, made by others."""
        before = self.refs.get(f"refs/heads/{branch}")
        blobs = {
            path: self._put_object("blob", {"content": base64.b64encode(text.encode()).decode(), "encoding": "base64"})
            for path, text in files.items()
        }
        tree = self._put_object("tree", blobs)
        commit = {"message": "others", "tree": tree, "parents": [before] if before else []}
        self.refs[f"refs/heads/{branch}"] = self._put_object("commit", commit)

    def _create_tree(self, sent: Sent, values: dict[str, str]) -> Answer:
        base = self.objects[sent.body["base_tree"]][1] if "base_tree" in sent.body else {}
        tree = {**base, **{e["path"]: e["sha"] for e in sent.body["tree"]}}
        return 201, {"sha": self._put_object("tree", tree), "truncated": False}, {}

    def _create_commit(self, sent: Sent, values: dict[str, str]) -> Answer:
        sha = self._put_object("commit", sent.body)
        return 201, {"sha": sha, "tree": {"sha": sent.body["tree"]}, "message": sent.body["message"]}, {}

    def _get_commit(self, sent: Sent, values: dict[str, str]) -> Answer:
        _, body = self.objects[values["commit_sha"]]
        return 200, {"sha": values["commit_sha"], "tree": {"sha": body["tree"]}}, {}

    def _get_ref(self, sent: Sent, values: dict[str, str]) -> Answer:
        sha = self.refs.get(f"refs/{values['ref']}")
        if sha is None:
            return 404, {"message": "Not Found"}, {}
        return 200, {"ref": f"refs/{values['ref']}", "object": {"sha": sha, "type": "commit"}}, {}

    def _create_ref(self, sent: Sent, values: dict[str, str]) -> Answer:
        if sent.body["ref"] in self.refs:
            return 422, {"message": "Reference already exists"}, {}
        self.refs[sent.body["ref"]] = sent.body["sha"]
        return 201, {"ref": sent.body["ref"], "object": {"sha": sent.body["sha"]}}, {}

    def _change_ref(self, sent: Sent, values: dict[str, str]) -> Answer:
        name = f"refs/{values['ref']}"
        parents = self.objects[sent.body["sha"]][1]["parents"]
        if self.refs.get(name) not in parents and not sent.body.get("force"):
            return 422, {"message": "Update is not a fast forward"}, {}
        self.refs[name] = sent.body["sha"]
        return 200, {"ref": name, "object": {"sha": sent.body["sha"]}}, {}


_ANSWERS: dict[str, Callable[[Standin, Sent, dict[str, str]], Answer]] = {
    "get /issues": Standin._list_issues,
    "post /issues": Standin._create_issue,
    "patch /issues/{issue_number}": Standin._change_issue,
    "get /issues/{issue_number}/comments": Standin._list_comments,
    "post /issues/{issue_number}/comments": Standin._create_comment,
    "patch /issues/comments/{comment_id}": Standin._change_comment,
    "delete /issues/comments/{comment_id}": Standin._delete_comment,
    "get /pulls": Standin._list_pulls,
    "get /collaborators/{username}/permission": Standin._permission,
    "get /actions/runs/{run_id}/artifacts": Standin._list_artifacts,
    "get /actions/artifacts/{artifact_id}/{archive_format}": Standin._artifact,
    "get /contents/{path}": Standin._contents,
    "post /git/blobs": Standin._create_blob,
    "post /git/trees": Standin._create_tree,
    "post /git/commits": Standin._create_commit,
    "get /git/commits/{commit_sha}": Standin._get_commit,
    "get /git/ref/{ref}": Standin._get_ref,
    "post /git/refs": Standin._create_ref,
    "patch /git/refs/{ref}": Standin._change_ref,
}


class _Handler(BaseHTTPRequestHandler):
    standin: Standin

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if parts.path.startswith("/blobs/"):
            self._blob(int(parts.path.rpartition("/")[2]))
            return
        query = {k: v[-1] for k, v in parse_qs(parts.query).items()}
        sent = Sent(
            self.command, parts.path, query, json.loads(data) if data else None, self.headers.get("Authorization")
        )
        self.standin.requests.append(sent)
        try:
            status, body, headers = self.standin.answer(sent)
        except (ValidationError, KeyError, ValueError) as error:
            self.standin.faults.append(f"{sent.method} {sent.path}: {str(error)[:500]}")
            status, body, headers = 500, {"message": "not as GitHub has it"}, {}
        content = b"" if body is None else json.dumps(body).encode()
        self._send(status, content, {"Content-Type": "application/json", **headers})

    def _blob(self, artifact: int) -> None:
        if self.headers.get("Authorization"):
            self.standin.faults.append("the token was sent to the host of artifacts")
        found = self.standin.blob(artifact)
        self._send(200 if found is not None else 404, found or b"", {"Content-Type": "application/zip"})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve

    def log_message(self, *_: Any) -> None:
        pass
