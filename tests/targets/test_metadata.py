from __future__ import annotations

import json

from pangeo_forge.plan import Layout, make_plan
from pangeo_forge.targets.metadata import coordinate_attrs, documents
from tests.plan.templates import oisst
from tests.targets.arrays import array_plan


def test_the_opening_document_is_the_last() -> None:
    for version, last in ((3, "zarr.json"), (2, ".zmetadata")):
        plan = make_plan(oisst(4, 2, 2), Layout(zarr_format=version), recipe={"id": "x", "fingerprint": "f"})
        arrays, roots = documents(plan)
        assert list(roots)[-1] == last
        assert all("/" in key for key in arrays)
        root = json.loads(roots[last])
        assert set(root["metadata"] if version == 2 else root["consolidated_metadata"]["metadata"])
        attrs = root["attributes"] if version == 3 else root["metadata"][".zattrs"]
        assert attrs["pangeo_forge:recipe_id"] == "x"
        assert attrs["pangeo_forge:recipe_fingerprint"] == "f"
        assert set(attrs["pangeo_forge:versions"]) == {"apache-beam", "xarray", "zarr", "numcodecs"}


def test_documents_are_the_same_each_time() -> None:
    plan = make_plan(oisst(4, 2, 2), Layout())
    assert documents(plan) == documents(plan)


def test_coordinates_attributes() -> None:
    def coord(name: str, dims: tuple[str, ...], **fields: object):
        return array_plan((2,) * len(dims), (2,) * len(dims), name=name, dims=dims, is_coord=True, **fields)

    data = array_plan((2, 2), (2, 2), name="sst", dims=("y", "x"), attrs={"coordinates": "lon gone lat"})
    other = array_plan((2,), (2,), name="t", dims=("time",))
    arrays = (
        data,
        other,
        coord("lat", ("y", "x")),
        coord("lon", ("y", "x")),
        coord("x", ("x",)),
        coord("q", ("z",)),
        coord("s", ()),
    )
    assert coordinate_attrs(arrays) == {"sst": "lon lat s", "t": "s", "": "q"}
