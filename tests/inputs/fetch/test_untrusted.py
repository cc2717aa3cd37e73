"""What a recipe from a stranger may not reach, through the real command line."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pangeo_forge.errors import InputError, UsageError
from pangeo_forge.inputs.fetch import Fetcher, FetchOptions, Guard
from pangeo_forge.inputs.fetch.guarded_client import guarded_client
from pangeo_forge.runs.settings import RunSettings
from tests.cli.invocation import Invocation, invoke

FORBIDDEN = [
    "https://169.254.169.254/latest/meta-data/{time}",
    "https://localhost/{time}",
    "https://files.localhost/{time}",
    "https://127.0.0.1/{time}",
    "https://127.1/{time}",
    "https://[::1]/{time}",
    "https://[::ffff:169.254.169.254]/{time}",
    "https://2852039166/{time}",
    "https://0xa9fea9fe/{time}",
    "https://0251.0376.0251.0376/{time}",
    "https://10.1.2.3/{time}",
    "http://example.org/{time}",
    "ftp://example.org/{time}",
    "s3://bucket/{time}",
    "https://example.org:22/{time}",
    "file:///etc/{time}",
    "/etc/{time}",
    "data/{time}.nc",
]


def write(folder: Path, inputs: dict[str, Any], **sections: Any) -> Path:
    folder.mkdir(exist_ok=True)
    recipe = {
        "format_version": 1,
        "id": folder.name,
        "title": "A stranger's",
        "license": "CC0-1.0",
        "maintainers": [{"name": "N", "github": "n"}],
        "providers": [{"name": "P", "roles": ["producer"]}],
        "inputs": {"concat": {"time": [1, 2]}, **inputs},
        "target": {"chunks": {"time": 1}},
        **sections,
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


def refused(found: Invocation, code: str = "I306") -> str:
    error = json.loads(found.out)["error"]
    assert found.code in (1, 2)
    assert error["code"] == code, error
    return str(error["message"])


@pytest.mark.parametrize("url", FORBIDDEN)
def test_plan_refuses(tmp_path, url):
    recipe = write(tmp_path / "x", {"url": url})
    refused(invoke("plan", recipe, "--untrusted", "--json"))


@pytest.mark.parametrize("command", ["plan", "dry-run", "run"])
def test_every_command_refuses_local_files(tmp_path, command):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "1.nc").write_bytes(b"CDF\x01")
    recipe = write(tmp_path / "x", {"url": "{time}.nc"})
    target = ["--target", tmp_path / "out.zarr"] if command == "run" else []
    refused(invoke(command, recipe, "--untrusted", "--json", *target))
    assert not (tmp_path / "out.zarr").exists()


def test_hosts_not_on_the_list(tmp_path):
    recipe = write(tmp_path / "x", {"url": "https://evil.example.com/{time}"})
    refused(invoke("plan", recipe, "--untrusted", "--allow-host", "*.noaa.gov", "--json"))
    assert invoke("plan", recipe, "--untrusted", "--allow-host", "*.example.com", "--json").code == 0
    assert invoke("plan", recipe, "--untrusted", "--json").code == 0


def test_too_many_inputs(tmp_path):
    recipe = write(tmp_path / "x", {"url": "https://example.com/{time}"})
    refused(invoke("plan", recipe, "--untrusted", "--max-inputs", 1, "--json"), "I312")


@pytest.mark.parametrize(
    "inputs",
    [
        {"glob": "https://example.org/*.nc"},
        {"glob": "/etc/*"},
        {"glob": "memory://x/*"},
        {"csv": {"path": "/etc/passwd", "url": "a"}},
        {"csv": {"path": "list.csv", "url": "a"}},
        {"csv": {"path": "https://127.0.0.1/list.csv", "url": "a"}},
        {"listing": {"url": "https://169.254.169.254/", "match": "x"}},
        {"listing": {"url": "ftp://127.0.0.1/", "match": "x"}},
        {"catalog": {"stac": {"url": "/etc/catalog.json"}}},
        {"catalog": {"stac": {"url": "https://localhost/catalog.json"}}},
    ],
)
def test_sources_are_guarded(tmp_path, inputs):
    recipe = write(tmp_path / "x", {**inputs, "concat": {"time": {}}})
    refused(invoke("plan", recipe, "--untrusted", "--json"))


def test_names_that_resolve_to_private_addresses(tmp_path, monkeypatch, server):
    """The resolver's answer counts, at the moment of connecting."""
    server.on("/", lambda r: r.send("200 OK", {"Content-Type": "text/html"}, b'<html><a href="a.nc">a</a></html>'))
    real = socket.getaddrinfo

    def resolver(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if host == "public.example.org" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    url = f"http://public.example.org:{server.port}/"
    with guarded_client(Guard(), 5) as client, pytest.raises(InputError) as caught:
        client.get(url)
    assert caught.value.code == "I306"
    with guarded_client(Guard(allow_private=True), 5) as client:
        assert client.get(url).status_code == 200
    recipe = write(
        tmp_path / "x",
        {"listing": {"url": "https://public.example.org/", "match": "x"}, "concat": {"time": {}}},
        fetch={"retries": 0, "timeout": "5s"},
    )
    refused(invoke("plan", recipe, "--untrusted", "--json"))


def test_a_listing_is_not_led_to_a_loopback_address(monkeypatch, server):
    """The first address stands for a public one."""
    monkeypatch.setattr("pangeo_forge.inputs.fetch.guard._public", lambda address: address == "127.0.0.1")
    target = f"http://127.0.0.2:{server.port}/"
    server.on("/", lambda r: r.send("302 Found", {"Location": target}))
    with guarded_client(Guard(), 5) as client:
        assert client.get(server.url("/")).status_code == 302
        with pytest.raises(InputError, match=r"127\.0\.0\.2"):
            client.get(target)


def test_an_unreachable_name_is_no_crash():
    with guarded_client(Guard(), 5) as client, pytest.raises(httpx.ConnectError):
        client.get("https://no-such-name.invalid/")


def test_python_hook_is_refused(tmp_path):
    with pytest.raises(UsageError):
        RunSettings(untrusted=True, allow_python=True)
    recipe = write(tmp_path / "x", {"url": "https://example.com/{time}"}, transforms=[{"python": "hooks.py:f"}])
    (recipe / "hooks.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(ds): return ds\n")
    refused(invoke("run", recipe, "--untrusted", "--allow-python", "--json"), "U030")
    invoke("plan", recipe, "--untrusted", "--json")
    assert not (tmp_path / "ran").exists()


def test_stores_read_in_place_are_refused(tmp_path):
    """No copy is made of them, so no address could be checked."""
    recipe = write(tmp_path / "x", {"url": "https://example.com/{time}.zarr"}, open={"format": "zarr"})
    refused(invoke("dry-run", recipe, "--untrusted", "--json", "--mode", "single"), "I001")
    assert "in place" in invoke("dry-run", recipe, "--untrusted", "--mode", "single").err


def test_an_address_that_the_operator_lets_through(server) -> None:
    """This address and port, no other port of it, no name that leads there, no redirect elsewhere."""
    server.on("/a", lambda r: r.send("200 OK", {}, b"x"))
    server.on("/away", lambda r: r.send("302 Found", {"Location": "http://127.0.0.1:9/"}))
    guard = Guard(schemes=("https", "http"), addresses=(f"127.0.0.1:{server.port}",))
    with Fetcher(FetchOptions(retries=0), guard=guard) as fetcher:
        assert fetcher.fetch(server.url("/a")).size == 1
        for url in (server.url("/away"), "http://127.0.0.1:80/a", server.url("/a", "localhost")):
            with pytest.raises(InputError) as refusal:
                fetcher.fetch(url)
            assert refusal.value.code == "I306"


def test_services_pass_the_guard(tmp_path, monkeypatch):
    """Each request for one does, not only the template."""
    recipe = write(tmp_path / "x", {"url": "https://example.com/{time}"}, open={"format": "opendap"})
    real = Guard.check_url

    def checked(self: Guard, url: str) -> None:
        if "/1.d" in url:
            raise self.refusal(url, "seen by the guard")
        real(self, url)

    monkeypatch.setattr(Guard, "check_url", checked)
    done = invoke("dry-run", recipe, "--untrusted", "--mode", "single", "--set", "fetch.retries=0")
    assert done.code == 1
    assert "seen by the guard" in done.err
