from __future__ import annotations

import pytest

from pangeo_forge.errors import TargetError
from pangeo_forge.recipe.target import Target
from pangeo_forge.targets.choice import check_ending, ending_of, form_of_target, open_target
from pangeo_forge.targets.icechunk_repository import IcechunkTarget
from pangeo_forge.targets.opening import snippet
from pangeo_forge.targets.reference import ReferenceTarget
from pangeo_forge.targets.virtual_icechunk import VirtualIcechunkTarget


def section(form: str) -> Target:
    """A recipe's target section."""
    if form in ("zarr", "icechunk"):
        return Target(format=form)  # type: ignore[arg-type]
    return Target.model_validate({"format": "reference", "reference": {"format": form.removeprefix("virtual-")}})


@pytest.mark.parametrize(
    ("form", "ending", "kind"),
    [
        ("icechunk", ".icechunk", IcechunkTarget),
        ("parquet", ".parquet", ReferenceTarget),
        ("json", ".json", ReferenceTarget),
        ("virtual-icechunk", ".icechunk", VirtualIcechunkTarget),
    ],
)
def test_the_format_chooses_the_target(form: str, ending: str, kind: type) -> None:
    target = section(form)
    assert ending_of(target) == ending
    assert type(open_target(f"x{ending}", "r", target)) is kind
    with pytest.raises(TargetError, match="T066") as caught:
        check_ending("s3://bucket/x.zarr/", target)
    assert ending in str(caught.value)


def test_references_are_parquet_unless_told() -> None:
    assert form_of_target(Target(format="reference")) == "parquet"


def test_a_store_of_another_format_is_not_written_under_a_wrong_ending() -> None:
    check_ending("a.zarr", section("zarr"))
    check_ending("a/root", section("icechunk"))
    check_ending(None, section("json"))
    with pytest.raises(TargetError, match=r"set target\.format=icechunk"):
        check_ending("a.icechunk", section("zarr"))
    with pytest.raises(TargetError, match=r"target\.reference\.format=json"):
        check_ending("a.json", section("parquet"))


def test_how_to_open_is_told_for_every_format() -> None:
    assert snippet("a.zarr") == 'xarray.open_zarr("a.zarr")'
    assert 'engine="kerchunk"' in snippet("a.parquet")
    assert "readonly_session" in snippet("/x/a.icechunk")
    for address in ("a.zarr", "a.parquet", "a.json", "/x/a.icechunk", "s3://b/a.icechunk"):
        compile(snippet(address), "snippet", "eval")
