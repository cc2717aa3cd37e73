"""Pull requests that mean harm: each is refused, or harmless. ``trap`` fails the test when something inside is reached."""

from __future__ import annotations

import io
import socket
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from pangeo_forge.ci.review.check import check, notes_of
from pangeo_forge.ci.review.proposal import proposal_since
from pangeo_forge.ci.review.report import CheckReport, RecipeReport, read_report
from pangeo_forge.ci.review.rules import ReviewRules
from pangeo_forge.ci.review.supervision import environment
from tests.ci.project import Project
from tests.ci.review.served import Site, checked, write_recipe
from tests.ci.test_escaping import seen

STRANGER = ReviewRules(pictures=False, workers=1, max_inputs=1000)
PLAIN: dict[str, Any] = {
    "format_version": 1,
    "id": "evil",
    "title": "Evil",
    "license": "CC0-1.0",
    "maintainers": [{"name": "N", "github": "n"}],
    "providers": [{"name": "P", "roles": ["producer"]}],
    "inputs": {"url": "https://example.org/{time}.nc", "concat": {"time": [1, 2]}},
    "fetch": {"retries": 0, "timeout": "5s"},
    "target": {"chunks": {"time": 1}},
}


def judged(tmp_path: Path, document: dict[str, Any] | str, rules: ReviewRules = STRANGER) -> RecipeReport:
    """The report of one recipe; whatever it holds, it fits the report's schema."""
    [found] = checked(write_recipe(tmp_path / "evil", document), rules)
    assert found.verdict in ("failed", "refused")
    page = CheckReport(made_by="x", began="2026-01-01T00:00:00", recipes=(found,))
    assert read_report(page.to_json().encode(), "x") == page
    return found


def codes(found: RecipeReport) -> set[str]:
    return {p.code for p in found.problems if p.level == "error"}


# -- the file itself -------------------------------------------------------------------------------------------------

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(12)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BOMB, "R005"),
        ("a: " + "[" * 100 + "]" * 100, "R005"),
        ("a: " + "[" * 5000 + "]" * 5000, "R001"),
        ("a: &x [*x]\n", "R005"),
        ("id: " + "x" * 20_000_000, "R002"),
        ("id: !!python/object/apply:os.system [touch pwned]\n", "R004"),
        ("id: !!python/name:os.system\n", "R004"),
        ("<<: {id: x}\n", "R004"),
        ("id: a\n---\nid: b\n", "R006"),
        ("", "R006"),
        ("- just\n- a list\n", "R006"),
        ("id: 'a\0b'\n", "R001"),
    ],
    ids=[
        "aliases",
        "nesting",
        "deeper",
        "self",
        "size",
        "tag",
        "name-tag",
        "merge",
        "documents",
        "empty",
        "list",
        "null",
    ],
)
def test_yaml_that_means_harm(tmp_path: Path, text: str, code: str) -> None:
    began = time.process_time()
    assert code in codes(judged(tmp_path, text))
    assert time.process_time() - began < 20
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/evil", "a/b", "..", "evil\n::error::x", "evil\u202e", "Evil", "x" * 5000, "$(id)"]
)
def test_ids_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    found = judged(tmp_path, {**PLAIN, "id": name})
    assert codes(found) & {"R020", "R021"}
    assert found.id == "evil"


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", ".."])
def test_target_names_that_lead_elsewhere(tmp_path: Path, site: Site, name: str) -> None:
    document = site.document("evil")
    document["target"]["name"] = name
    before = set(tmp_path.rglob("*"))
    [found] = checked(write_recipe(tmp_path / "evil", document), site.rules)
    after = {p for p in set(tmp_path.rglob("*")) - before if "scratch" not in str(p) and p.parent != tmp_path / "evil"}
    assert after <= {tmp_path / "evil", tmp_path / "evil/recipe.yaml"}
    assert not Path("/tmp/evil").exists()
    assert found.verdict in ("passed", "failed")


def test_a_matrix_without_end(tmp_path: Path) -> None:
    document = {**PLAIN, "id": "evil-{a}-{b}-{c}", "matrix": {k: list(range(200)) for k in "abc"}}
    assert "R072" in codes(judged(tmp_path, document))


@pytest.mark.parametrize(
    "values",
    [
        {"start": 0, "end": 10**9, "step": 1},
        {"start": "1700-01-01", "end": "2262-01-01", "step": "1min"},
        {"start": 0, "end": 10**15, "step": 1},
    ],
)
def test_patterns_without_end(tmp_path: Path, values: dict[str, Any]) -> None:
    began = time.process_time()
    form = ":%Y%m%d%H%M" if isinstance(values["start"], str) else ""
    inputs = {"url": f"https://example.org/{{time{form}}}.nc", "concat": {"time": values}}
    found = judged(tmp_path, {**PLAIN, "inputs": inputs})
    assert codes(found) & {"I312", "P127"}, found.problems
    assert time.process_time() - began < 30


def test_keys_that_multiply(tmp_path: Path) -> None:
    keys = {f"k{n}": {"start": 1, "end": 10_000, "step": 1} for n in range(5)}
    url = "https://example.org/" + "".join(f"{{{k}}}" for k in keys)
    found = judged(tmp_path, {**PLAIN, "inputs": {"url": url, "concat": keys}, "target": {}})
    assert "P127" in codes(found)


# -- where it reads from ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/{time}",
        "https://metadata.google.internal.localhost/{time}",
        "https://[::ffff:169.254.169.254]/{time}",
        "https://2852039166/{time}",
        "https://0251.0376.0251.0376/{time}",
        "https://0xa9fea9fe/{time}",
        "https://127.1/{time}",
        "https://localhost/{time}",
        "https://[::1]/{time}",
        "https://10.0.0.1/{time}",
        "https://168.63.129.16:32526/{time}",
        "https://example.org:22/{time}",
        "http://example.org/{time}",
        "ftp://example.org/{time}",
        "s3://bucket/{time}",
        "gs://bucket/{time}",
        "file:///etc/passwd{time}",
        "/etc/passwd{time}",
        "../../../etc/passwd{time}",
        "data:application/octet-stream;base64,AAAA{time}",
        "memory://x/{time}",
        "local:///etc/{time}",
        "dir:///etc/{time}",
        "github://org:repo@/x{time}",
        "sftp://example.org/{time}",
        "git://example.org/{time}",
        "jupyter://x/{time}",
        "simplecache::file:///etc/{time}",
        "filecache::/etc/{time}",
        "zip://x{time}::file:///etc/x.zip",
        "zip://../../x{time}::/etc/x.zip",
        "tar://x{time}::simplecache::https://127.0.0.1/x.tar",
        "reference://::file:///etc/x{time}.json",
        "https://user:password@example.org/{time}",
        "https://example.org@127.0.0.1/{time}",
        "https://example.org\\@127.0.0.1/{time}",
        "HTTPS://127.0.0.1/{time}",
        "https://127.0.0.1%2f@example.org/{time}",
        "https://①②⑦.⓪.⓪.①/{time}",
        "https:///{time}",
    ],
)
def test_urls_that_lead_inside(tmp_path: Path, url: str) -> None:
    found = judged(tmp_path, {**PLAIN, "inputs": {**PLAIN["inputs"], "url": url}})
    assert found.trial is None
    assert "password" not in found.model_dump_json().replace("user or password", "").replace("etc/passwd", "")


@pytest.mark.parametrize(
    "inputs",
    [
        {"listing": {"url": "https://{trap}/", "match": ".*nc"}},
        {"listing": {"url": "ftp://127.0.0.1/", "match": ".*nc"}},
        {"csv": {"path": "http://{trap}/list.csv", "url": "url"}},
        {"csv": {"path": "/etc/passwd", "url": "url"}},
        {"csv": {"path": "../../../etc/passwd", "url": "url"}},
        {"catalog": {"stac": {"url": "http://{trap}/catalog.json"}}},
        {"catalog": {"stac": {"url": "/etc/catalog.json"}}},
        {"catalog": {"cmr": {"url": "http://{trap}/", "collection": "C1"}}},
        {"catalog": {"cmr": {"url": "http://{trap}/", "short_name": "X"}}},
        {"glob": "/etc/*"},
        {"glob": "http://{trap}/*.nc"},
        {"glob": "zip://*::http://{trap}/x.zip"},
        {"files": ["http://{trap}/day00000.nc", "/etc/passwd"]},
    ],
    ids=str,
)
def test_sources_that_lead_inside(tmp_path: Path, trap: Site, inputs: dict[str, Any]) -> None:
    text = yaml.safe_dump(inputs).replace("{trap}", trap.address)
    judged(tmp_path, {**PLAIN, "inputs": {**yaml.safe_load(text), "concat": {"time": {}}}})


def test_a_redirect_inside(tmp_path: Path, site: Site, trap: Site) -> None:
    for day in range(30):
        site.answers[f"/day{day:05d}.nc"] = (302, {"Location": f"http://{trap.address}/day{day:05d}.nc"}, b"")
    found = judged(tmp_path, site.document("evil"), site.rules)
    assert found.verdict == "refused"
    assert "I306" in codes(found)


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "//169.254.169.254/x"]
)
def test_redirects_to_other_schemes(tmp_path: Path, site: Site, target: str) -> None:
    for day in range(30):
        site.answers[f"/day{day:05d}.nc"] = (302, {"Location": target}, b"")
    judged(tmp_path, site.document("evil"), site.rules)


def test_a_listing_whose_links_lead_inside(tmp_path: Path, site: Site, trap: Site) -> None:
    page = f'<a href="http://{trap.address}/day00000.nc">x</a><a href="file:///etc/passwd.nc">y</a>'.encode()
    site.answers["/index/"] = (200, {"Content-Type": "text/html"}, page)
    listing = {"listing": {"url": f"http://{site.address}/index/", "match": ".*nc"}, "concat": {"time": {}}}
    judged(tmp_path, site.document("evil", inputs=listing), site.rules)


def test_a_table_whose_rows_lead_inside(tmp_path: Path, site: Site, trap: Site) -> None:
    site.answers["/list.csv"] = (
        200,
        {"Content-Type": "text/csv"},
        f"url\nhttp://{trap.address}/a.nc\n/etc/passwd\n".encode(),
    )
    table = {"csv": {"path": f"http://{site.address}/list.csv", "url": "url"}, "concat": {"time": {}}}
    judged(tmp_path, site.document("evil", inputs=table), site.rules)


@pytest.mark.parametrize(
    "row", ["http://{trap}/a.nc", "/etc/passwd", "list.csv", "../../secret.nc", "file:///etc/passwd"]
)
def test_a_table_of_its_own_whose_rows_lead_inside(tmp_path: Path, trap: Site, row: str) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil/list.csv").write_text(f"url\n{row.format(trap=trap.address)}\n")
    found = judged(tmp_path, {**PLAIN, "inputs": {"csv": {"path": "list.csv", "url": "url"}, "concat": {"time": {}}}})
    assert found.verdict == "refused", found.problems


@pytest.mark.slow
def test_a_table_of_its_own(tmp_path: Path, site: Site) -> None:
    """Not hostile: inputs that are listed beside the recipe."""
    (tmp_path / "good/files").mkdir(parents=True)
    rows = "".join(f"http://{site.address}/day{day:05d}.nc\n" for day in range(3))
    (tmp_path / "good/files/list.csv").write_text(f"url\n{rows}")
    inputs = {"csv": {"path": "files/list.csv", "url": "url"}, "concat": {"time": {}}}
    [found] = checked(write_recipe(tmp_path / "good", site.document("good", inputs=inputs)), site.rules)
    assert found.verdict == "passed", found.problems


def test_a_table_of_its_own_that_is_a_link(tmp_path: Path, trap: Site) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil/list.csv").symlink_to("/etc/passwd")
    found = judged(tmp_path, {**PLAIN, "inputs": {"csv": {"path": "list.csv", "url": "root"}, "concat": {"time": {}}}})
    assert found.verdict == "refused"


def test_a_name_that_resolves_to_an_address_inside(tmp_path: Path, trap: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: public when it is looked at, inside when it is connected to."""
    real = socket.getaddrinfo
    seen_before: list[str] = []

    def resolver(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name == "rebinding.example.org":
            seen_before.append(name)
            return real("127.0.0.1" if len(seen_before) > 1 else "93.184.216.34", *args, **kwargs)
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    port = trap.address.partition(":")[2]
    rules = ReviewRules(schemes=("http",), pictures=False, workers=1)
    document = {
        **PLAIN,
        "inputs": {"listing": {"url": f"http://rebinding.example.org:{port}/", "match": "x"}, "concat": {"time": {}}},
    }
    judged(tmp_path, document, rules)


def test_what_the_operator_lets_through_is_that_address_only(tmp_path: Path, site: Site, trap: Site) -> None:
    judged(
        tmp_path,
        {**PLAIN, "inputs": {**PLAIN["inputs"], "url": f"http://{trap.address}/day{{time:05d}}.nc"}},
        site.rules,
    )


@pytest.mark.parametrize("member", ["../../pwned", "/tmp/pwned", "a/../../../pwned"])
def test_members_that_lead_out(tmp_path: Path, site: Site, member: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(member, (site.folder / "day00001.nc").read_bytes())
    site.answers["/a.zip"] = (200, {}, buffer.getvalue())
    document = site.document("evil", inputs={"url": f"http://{site.address}/a.zip", "member": member}, target={})
    [found] = checked(write_recipe(tmp_path / "evil", document), site.rules)
    assert not [p for p in (*tmp_path.rglob("pwned*"), *tmp_path.parent.glob("pwned*")) if "scratch" not in str(p)]
    assert not Path("/tmp/pwned").exists()
    assert found.verdict in ("failed", "passed")


# -- what it would like to use ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fetch",
    [
        {"storage_options": {"endpoint_url": "http://169.254.169.254"}},
        {"auth": {"kind": "bearer", "secret": "deploy-token"}},
        {"auth": {"kind": "basic", "secret": "github-token"}},
        {"auth": {"kind": "netrc"}},
        {"auth": {"kind": "query", "secret": "deploy-token", "parameter": "key"}},
    ],
    ids=str,
)
def test_secrets_of_the_operator(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch, fetch: dict[str, Any]
) -> None:
    """In this process they are there, and bound to no host: still not given. The check's own process has none of them."""
    monkeypatch.setenv("PANGEO_FORGE_SECRET_DEPLOY_TOKEN", "s3cr3t-value")
    document = site.document("evil", fetch={"retries": 0, **fetch})
    found = judged(tmp_path, document, site.rules)
    assert "s3cr3t-value" not in found.model_dump_json()
    assert not [r for r in site.requests if "s3cr3t" in r]


def test_the_process_of_a_check_sees_no_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "GOOGLE_APPLICATION_CREDENTIALS", "ACTIONS_RUNTIME_TOKEN",
                 "PANGEO_FORGE_SECRET_A", "PANGEO_FORGE_SECRET_B", "GITHUB_OUTPUT", "GITHUB_ENV", "SSH_AUTH_SOCK"):  # fmt: skip
        monkeypatch.setenv(name, "x")
    made = environment(ReviewRules(secrets=("a",)), tmp_path)
    assert made["PANGEO_FORGE_SECRET_A"] == "x"
    assert made["HOME"].startswith(str(tmp_path))
    assert not {n for n in made if "TOKEN" in n or "GITHUB" in n or n.startswith("AWS_S") or n.endswith(("_B", "SOCK"))}


def test_a_python_hook(tmp_path: Path, site: Site) -> None:
    document = site.document("evil", transforms=[{"python": "hooks.py:work"}])
    path = write_recipe(tmp_path / "evil", document)
    ran = tmp_path / "ran"
    (path.parent / "hooks.py").write_text(f"open({str(ran)!r}, 'w')\ndef work(ds):\n    return ds\n")
    [found] = checked(path, site.rules)
    assert found.verdict == "refused"
    assert "R208" in codes(found)
    assert not ran.exists()


def test_inputs_that_are_too_large(tmp_path: Path, site: Site) -> None:
    found = judged(tmp_path, site.document("evil"), ReviewRules(**{**site.rules.to_json(), "max_input_size": "100"}))
    assert found.verdict == "refused"


def test_an_archive_of_damage(tmp_path: Path, site: Site) -> None:
    for day in range(30):
        site.answers[f"/day{day:05d}.nc"] = (200, {}, b"\x89HDF\r\n\x1a\n" + b"\xff" * 3000)
    judged(tmp_path, site.document("evil"), site.rules)


# -- what it says ----------------------------------------------------------------------------------------------------

WORDS = "<script>alert(1)</script> @everyone fixes #1 [x](https://evil.example) | `a` \u202eevil ::error::pwned\n::add-mask::x"


def test_words_in_title_and_attributes(tmp_path: Path, site: Site) -> None:
    document = site.document("evil", title=WORDS, description=WORDS, keywords=[WORDS])
    document["target"]["attrs"] = {"set": {"title": WORDS, "big": "x" * 3_000_000}}
    document["checks"] = [{"attrs": {"title": WORDS}}]
    [found] = checked(write_recipe(tmp_path / "evil", document), site.rules)
    report = CheckReport(made_by="x", began="2026-01-01T00:00:00", recipes=(found,))
    assert len(report.to_json()) < 100_000
    assert read_report(report.to_json().encode(), "x") == report
    from pangeo_forge.ci.review.markdown import render

    page = render(report)
    assert len(page) < 60_000
    shown = seen(page)
    assert "script" not in shown.tags
    assert "a" not in shown.tags
    assert "\u202e" not in page
    assert "@everyone" not in page.replace("`@everyone`", "")
    for line in notes_of(report.recipes):
        assert line.startswith("::")
        assert "\n" not in line
        assert line.count("::error") + line.count("::warning") <= 2
        assert not [part for part in line.split("\n") if part.startswith("::add-mask")]


def test_variables_of_odd_names(tmp_path: Path, site: Site) -> None:
    rename = {"sst": "../../evil | <img src=x> @everyone `x`\u202e"}
    [found] = checked(
        write_recipe(tmp_path / "evil", site.document("evil", transforms=[{"rename": rename}])),
        ReviewRules(**{**site.rules.to_json(), "pictures": True}),
    )
    assert all("/" not in p.file for p in found.pictures)
    report = CheckReport(made_by="x", began="2026-01-01T00:00:00", recipes=(found,))
    from pangeo_forge.ci.review.markdown import render

    shown = seen(render(report, lambda file: f"pictures/{file}"))
    assert shown.tags.count("img") == len(found.pictures)


# -- what else it brings ---------------------------------------------------------------------------------------------


def test_links_are_not_followed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "recipe.yaml").write_text(yaml.safe_dump({**PLAIN, "id": "linked"}))
    (project.folder / "recipes/linked").symlink_to(outside)
    (project.folder / "recipes/file").mkdir()
    (project.folder / "recipes/file/recipe.yaml").symlink_to(outside / "recipe.yaml")
    project.recipe("beside")
    (project.folder / "recipes/beside/list.csv").symlink_to("/etc/passwd")
    project.commit()
    found = proposal_since("main", project.folder, tmp_path_factory.mktemp("scratch"), STRANGER)
    assert not found.jobs
    assert {r.id: (r.verdict, r.problems[0].code) for r in found.settled} == dict.fromkeys(
        ("linked", "file", "beside"), ("refused", "A126")
    )


@pytest.mark.parametrize("folder", ["x\nallow_python: true", "bakeries", "$(touch pwned)", "x y"])
def test_a_folder_whose_name_would_be_more_than_a_name(
    project: Project, tmp_path_factory: pytest.TempPathFactory, folder: str
) -> None:
    project.recipe("three")
    (project.folder / "recipes/three").rename(project.folder / "recipes" / folder)
    project.commit()
    found = proposal_since("main", project.folder, tmp_path_factory.mktemp("scratch"), STRANGER)
    assert not found.jobs
    assert [(r.verdict, r.problems[0].code) for r in found.settled] == [("refused", "A019")]


def test_other_files_are_told_and_not_used(
    project: Project, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.recipe("three", ("title: A dataset", "titel: A dataset"))
    for path, text in {
        ".github/workflows/recipe-pr.yml": "on: push\n",
        "sitecustomize.py": "open('pwned', 'w')\n",
        "pydantic/__init__.py": "open('pwned', 'w')\n",
        "numpy.py": "open('pwned', 'w')\n",
        "pangeo_forge/__init__.py": "open('pwned', 'w')\n",
        "feedstocks/bakeries.yaml": "local: {runner: local, target: /tmp/evil}\n",
        ".gitattributes": "* diff=evil filter=evil\n",
        "pyproject.toml": "[tool.x]\n",
    }.items():
        project.write(path, text)
    project.commit()
    proposal = proposal_since("main", project.folder, tmp_path_factory.mktemp("scratch"), STRANGER)
    assert [j.shown for j in proposal.jobs] == ["recipes/three/recipe.yaml"]
    assert ".github/workflows/recipe-pr.yml" in proposal.other_files
    assert len(proposal.other_files) == 8
    output = tmp_path_factory.mktemp("out") / "report"
    report = check(proposal, STRANGER, output)
    assert report.recipes[0].verdict == "failed"
    assert "titel" in report.recipes[0].problems[0].message or "titel" in report.to_json()
    assert "not used by this check" in (output / "report.md").read_text()
    assert not list(project.folder.rglob("pwned"))
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    "revision", ["--output=pwned", "-x", "main --", "$(touch pwned)", "main\nx", "", "refs/../../x"]
)
def test_revisions_are_revisions(project: Project, tmp_path_factory: pytest.TempPathFactory, revision: str) -> None:
    from pangeo_forge.errors import PangeoForgeError

    with pytest.raises(PangeoForgeError):
        proposal_since(revision, project.folder, tmp_path_factory.mktemp("s"), STRANGER)
    assert not list(project.folder.rglob("pwned"))


def test_drivers_that_git_would_run(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Attributes of the contribution name drivers; even where the operator's git knows them, they do not run."""
    project.git("config", "diff.evil.textconv", "touch pwned; cat")
    project.git("config", "diff.evil.command", "touch pwned")
    project.write(".gitattributes", "* diff=evil\n")
    project.recipe("one", ("time: 20", "time: 30"))
    project.commit()
    found = proposal_since("main", project.folder, tmp_path_factory.mktemp("s"), STRANGER)
    assert len(found.jobs) == 1
    assert not list(project.folder.rglob("pwned"))


def test_files_of_odd_names(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    project.write("recipes/a\nb/recipe.yaml", "id: x\n")
    project.write("recipes/c\u202ed/recipe.yaml", "id: x\n")
    project.write("::error::x/@everyone.txt", "x\n")
    project.write("recipes/-rf/recipe.yaml", "id: x\n")
    project.commit()
    output = tmp_path_factory.mktemp("out") / "report"
    proposal = proposal_since("main", project.folder, tmp_path_factory.mktemp("s"), STRANGER)
    report = check(proposal, STRANGER, output)
    assert read_report((output / "report.json").read_bytes(), "x") == report
    assert "a" not in seen((output / "report.md").read_text()).tags
    assert not proposal.jobs
    assert [(r.verdict, r.problems[0].code) for r in report.recipes] == [("refused", "A019")] * 3
