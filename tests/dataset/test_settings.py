"""Settings from a recipe."""

from __future__ import annotations

from types import SimpleNamespace

from pangeo_forge.dataset.settings import CombineSettings


def test_from_recipe() -> None:
    recipe = SimpleNamespace(
        combine=SimpleNamespace(
            coords="first",
            tolerance=1e-6,
            time=SimpleNamespace(units="hours since 1900-01-01", calendar=None),
            regular="1D",
        ),
        inputs=SimpleNamespace(
            concat={"t": SimpleNamespace(dim="time"), "y": SimpleNamespace(dim=None)}, items_per_file=4
        ),
        target=SimpleNamespace(
            variables={"sst": SimpleNamespace(dtype="int16", scale_factor=0.1), "ice": {"chunks": 1}}
        ),
    )
    settings = CombineSettings.from_recipe(recipe)
    assert settings.concat_dims == ("time", "y")
    assert (settings.coords, settings.tolerance, settings.regular) == ("first", 1e-6, "1D")
    assert settings.time_units == "hours since 1900-01-01"
    assert settings.items_per_file == {"time": 4}
    assert settings.encodings == {"sst": {"dtype": "int16", "scale_factor": 0.1}}
    assert (settings.duplicates, settings.order, settings.variables) == ("fail", "check", "exact")
