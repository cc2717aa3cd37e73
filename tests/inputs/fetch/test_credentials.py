from __future__ import annotations

import base64
import logging
import pickle
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch import Auth, Guard, Redactor, Secret, Secrets
from pangeo_forge.inputs.fetch.address import cache_key, redact_url
from tests.inputs.fetch.faulty_server import Request

DATA = b"CDF\x01" + bytes(5000)
SECRET = "s3cr3t-t0ken-Zyxw"


def artifacts(folder: Path) -> bytes:
    return b"".join(p.read_bytes() + p.name.encode() for p in folder.rglob("*") if p.is_file())


def test_secret_shows_itself_nowhere():
    secret = Secret(SECRET)
    assert SECRET not in f"{secret} {secret!r} {secret!s:>5}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_environment_name_and_hosts(monkeypatch):
    monkeypatch.setenv("PANGEO_FORGE_SECRET_EDL_TOKEN", SECRET)
    monkeypatch.setenv("PANGEO_FORGE_SECRET_EDL_TOKEN_HOSTS", "a.org, *.b.org")
    found = Secrets().resolve("edl-token")
    assert found.reveal() == SECRET
    assert found.hosts == ("a.org", "*.b.org")


def test_unknown_secret_names_the_variable():
    with pytest.raises(InputError, match="PANGEO_FORGE_SECRET_NO_SUCH") as caught:
        Secrets({}).resolve("no-such")
    assert caught.value.code == "I309"


def test_redactor_masks_log_records(caplog):
    redactor = Redactor()
    redactor.learn(f"user:{SECRET}")
    assert SECRET not in redactor(f"x {SECRET} y")
    record = logging.LogRecord("a", 20, "f", 1, "token %s", (SECRET,), None)
    assert redactor.filter(record)
    assert SECRET not in record.getMessage()


def test_urls_are_redacted_and_keyed_without_secrets():
    signed = "https://u:p4ss@h.org/a.nc?X-Amz-Signature=abc&var=sst"
    assert redact_url(signed) == "https://h.org/a.nc?X-Amz-Signature=***&var=sst"
    assert cache_key(signed) == cache_key("https://h.org/a.nc?X-Amz-Signature=other&var=sst")
    assert cache_key(signed) != cache_key("https://h.org/a.nc?X-Amz-Signature=abc&var=ice")


@pytest.mark.parametrize("kind", ["basic", "bearer", "query"])
def test_sign_in(server, make_fetcher, tmp_path, kind):
    value = f"user:{SECRET}" if kind == "basic" else SECRET
    wanted = "Basic " + base64.b64encode(value.encode()).decode() if kind == "basic" else f"Bearer {SECRET}"

    def handler(r: Request) -> None:
        given = r.path.endswith(f"?token={SECRET}") if kind == "query" else r.headers.get("authorization") == wanted
        r.serve(DATA) if given else r.send("401 Unauthorized")

    url = server.on("/a", handler)
    auth = Auth(kind, "TOK", parameter="token" if kind == "query" else None)
    found = make_fetcher({"auth": auth}, secrets={"TOK": value}).fetch(url)
    assert found.size == len(DATA)
    assert SECRET not in repr(found)
    assert SECRET.encode() not in artifacts(tmp_path)


def test_wrong_credential_is_an_error_without_the_secret(server, make_fetcher):
    url = server.on("/a", lambda r: r.send("401 Unauthorized"))
    with pytest.raises(InputError) as caught:
        make_fetcher({"auth": Auth("bearer", "TOK")}, secrets={"TOK": SECRET}).fetch(url)
    assert caught.value.code == "I302"
    assert SECRET not in str(caught.value)


def test_expired_token_is_refreshed_once(server, make_fetcher):
    tokens = iter(["old-token", "new-token", "third-token"])
    url = server.on(
        "/a",
        lambda r: r.serve(DATA) if r.headers.get("authorization") == "Bearer new-token" else r.send("401 Unauthorized"),
    )
    fetcher = make_fetcher({"auth": Auth("bearer", "TOK")}, secrets=lambda name: next(tokens))
    assert fetcher.fetch(url).size == len(DATA)
    assert len(server.seen("/a")) == 2


def test_redirect_to_another_host_drops_credentials(server, make_fetcher):
    server.on("/a", lambda r: r.send("302 Found", {"Location": server.url("/b", "localhost")}))
    server.on("/b", lambda r: r.serve(DATA))
    options = {"auth": Auth("bearer", "TOK"), "headers": {"X-Mine": "1"}}
    make_fetcher(options, secrets={"TOK": SECRET}).fetch(server.url("/a"))
    assert "authorization" in server.seen("/a")[0].headers
    assert "authorization" not in server.seen("/b")[0].headers
    assert "x-mine" not in server.seen("/b")[0].headers


def test_earthdata_dance(server, make_fetcher):
    """Data host -> login host (which alone sees the token) -> back with a code -> cookie -> file."""

    def data(r: Request) -> None:
        if "session=yes" in r.headers.get("cookie", ""):
            r.serve(DATA)
        else:
            r.send("302 Found", {"Location": server.url("/oauth", "localhost")})

    def login(r: Request) -> None:
        ok = r.headers.get("authorization") == f"Bearer {SECRET}"
        r.send("302 Found", {"Location": server.url("/back?code=1")}) if ok else r.send("401 Unauthorized")

    server.on("/a", data)
    server.on("/oauth", login)
    server.on("/back", lambda r: r.send("302 Found", {"Location": "/a", "Set-Cookie": "session=yes; Path=/"}))
    auth = Auth("earthdata", "EDL", hosts=("localhost",))
    fetcher = make_fetcher({"auth": auth}, secrets={"EDL": SECRET})
    assert fetcher.fetch(server.url("/a")).size == len(DATA)
    assert all("authorization" not in r.headers for p in ("/a", "/back") for r in server.seen(p))
    server.on("/c", data)
    fetcher.fetch(server.url("/c"))
    assert len(server.seen("/oauth")) == 1  # the cookie is used again


def test_netrc(server, make_fetcher, tmp_path):
    path = tmp_path / "netrc"
    path.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    path.chmod(0o600)
    server.on("/a", lambda r: r.serve(DATA) if "authorization" in r.headers else r.send("401 x"))
    fetcher = make_fetcher({"auth": Auth("netrc", "RC")}, secrets={"RC": str(path)})
    assert fetcher.fetch(server.url("/a")).size == len(DATA)


def test_untrusted_recipe_needs_a_secret_bound_to_hosts(server, make_fetcher):
    url = server.on("/a", lambda r: r.serve(DATA))
    guard = Guard(allow_private=True)
    options = {"auth": Auth("bearer", "TOK")}
    with pytest.raises(InputError) as caught:
        make_fetcher(options, secrets={"TOK": SECRET}, guard=guard).fetch(url)
    assert caught.value.code == "I310"
    make_fetcher(options, secrets={"TOK": Secret(SECRET, ("data.org",))}, guard=guard).fetch(url)
    assert "authorization" not in server.seen("/a")[0].headers
