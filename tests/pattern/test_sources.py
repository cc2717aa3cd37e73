from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.errors import InputError, PlanError
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.pattern.sources import SourceContext, expand, ordered

from .conftest import Server

FAST = SourceContext(attempts=2, wait=0.01)


def test_files_keep_their_order() -> None:
    found = expand("files", ["b.nc", "https://h/a.nc"], folder=Path("/r"))
    assert found == ["/r/b.nc", "https://h/a.nc"]
    assert expand("files", ["f10.nc", "f9.nc"], sort="name") == ["f9.nc", "f10.nc"]
    with pytest.raises(InputError, match=r"stands twice.*I609"):
        expand("files", ["a.nc", "./a.nc"], folder=Path("/r"))


def test_glob(tmp_path: Path) -> None:
    for name in ("f10.nc", "f9.nc", "f1.txt", "sub/f2.nc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.nc").mkdir()
    assert expand("glob", "*.nc", folder=tmp_path) == [str(tmp_path / "f9.nc"), str(tmp_path / "f10.nc")]
    assert len(expand("glob", "**/*.nc", folder=tmp_path)) == 3
    assert expand("glob", f"file://{tmp_path}/*.txt") == [f"file://{tmp_path}/f1.txt"]
    with pytest.raises(InputError, match="I601"):
        expand("glob", "*.grib", folder=tmp_path)
    with pytest.raises(InputError, match="I603"):
        expand("glob", "nosuchprotocol://x/*.nc")


def test_glob_of_another_filesystem() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({"/globbed/a_2.nc": b"2", "/globbed/a_10.nc": b"10"})
    found = expand("glob", "memory://globbed/*.nc")
    assert [fsspec.open(u).open().read() for u in found] == [b"2", b"10"]


def test_glob_merge_keys_and_grid(tmp_path: Path) -> None:
    for name in ("u_1.nc", "u_2.nc", "v_1.nc", "v_2.nc"):
        (tmp_path / name).touch()
    inputs = {"glob": "{variable}_*.nc", "concat": {"time": {}}, "merge": {"variable": ["u", "v"]}}
    made = FilePattern.from_inputs(inputs, folder=tmp_path)
    assert made.shape == (2, 2)
    assert [i.name for i in made] == ["u_1.nc", "v_1.nc", "u_2.nc", "v_2.nc"]
    assert [i.name for i in made.prune(1)] == ["u_1.nc", "v_1.nc"]
    assert made[3].key["time"].value == 1
    assert made[2].key["time"].name == "u_2.nc"
    (tmp_path / "v_3.nc").touch()
    with pytest.raises(InputError, match=r"variable=u: 2; variable=v: 3.*I609"):
        FilePattern.from_inputs(inputs, folder=tmp_path)


def test_prune_of_a_list_keeps_the_right_files() -> None:
    made = FilePattern.from_inputs({"files": [f"f{i}.nc" for i in range(9)], "concat": {"time": {}}})
    assert [i.url for i in made.prune(3)] == ["f0.nc", "f1.nc", "f8.nc"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("none", ["b/10_x", "a/2_y", "a/10_y"]),
        ("name", ["a/2_y", "a/10_y", "b/10_x"]),
        ({"match": r"([a-z])/(\d+)"}, ["a/2_y", "a/10_y", "b/10_x"]),
        ({"match": r"(\d+)_([xy])"}, ["a/2_y", "b/10_x", "a/10_y"]),
    ],
)
def test_ordered(sort: Any, expected: list[str]) -> None:
    assert ordered(["b/10_x", "a/2_y", "a/10_y"], sort) == expected


def test_match_looks_at_names_before_paths() -> None:
    assert ordered(["https://h/v9/f_1.nc", "https://h/v3/f_2.nc"], {"match": r"(\d+)"})[0].endswith("f_1.nc")


@pytest.mark.parametrize("expression", [r"z(\d)", r"(\d+)_", "("])
def test_sort_errors(expression: str) -> None:
    with pytest.raises(InputError, match="I606"):
        ordered(["b/10_x", "a/10_y"], {"match": expression})


def test_csv(tmp_path: Path, server: Server) -> None:
    table = '\ufeffname, link\n1,"https://h/b,1.nc"\n2,a.nc\n'
    (tmp_path / "t.csv").write_text(table)
    assert expand("csv", {"path": "t.csv", "url": "link"}, folder=tmp_path) == [
        "https://h/b,1.nc",
        str(tmp_path / "a.nc"),
    ]
    server.page("/t.csv", table, "text/csv")
    assert expand("csv", {"path": f"{server.url}/t.csv", "url": "link"}) == ["https://h/b,1.nc", "a.nc"]


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("name,url\n1,a\n", "I607", "its columns are name, url"),
        ("", "I607", "none"),
        ("link\n", "I601", "no row"),
        ("link,x\na,1\n,2\n", "I607", "line 3"),
        ('link\n"a\n', "I607", "line"),
        ("link\na\na\n", "I609", "twice"),
    ],
)
def test_csv_errors(tmp_path: Path, text: str, code: str, says: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        expand("csv", {"path": "t.csv", "url": "link"}, folder=tmp_path)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_csv_absent_and_limit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="I603"):
        expand("csv", {"path": "no.csv", "url": "link"}, folder=tmp_path)
    with pytest.raises(InputError, match="I602"):
        expand("files", ["a", "b", "c"], context=SourceContext(limit=2))


def test_forbidden_locations_are_not_read(tmp_path: Path, server: Server) -> None:
    def check(url: str) -> None:
        raise PlanError(f"{url} is forbidden", code="P999")

    context = SourceContext(check_url=check)
    for kind, spec in [
        ("glob", "*.nc"), ("csv", {"path": f"{server.url}/t", "url": "x"}), ("listing", {"url": server.url, "match": "x"}),
        ("catalog", {"stac": {"url": server.url}}), ("catalog", {"cmr": {"url": server.url, "short_name": "x"}}),
        ("catalog", {"stac": {"url": "local.json"}}),
    ]:  # fmt: skip
        with pytest.raises(PlanError, match="P999"):
            expand(kind, spec, folder=tmp_path, context=context)
    assert server.requests == []


def test_catalog_of_no_kind() -> None:
    with pytest.raises(InputError, match="I608"):
        expand("catalog", {})
