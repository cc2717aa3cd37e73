"""CF grid mapping attributes of a projection (CF conventions, appendix F), from PROJ's parameters."""

from __future__ import annotations

from typing import Any

_PARALLELS = "standard_parallel"
_ORIGIN_LAT, _ORIGIN_LON = "latitude_of_projection_origin", "longitude_of_projection_origin"
_MERIDIAN = "longitude_of_central_meridian"

# PROJ's name of the projection: CF's name, and CF's names of PROJ's parameters.
_PROJECTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "aea": ("albers_conical_equal_area", {"lat_0": _ORIGIN_LAT, "lon_0": _MERIDIAN}),
    "aeqd": ("azimuthal_equidistant", {"lat_0": _ORIGIN_LAT, "lon_0": _ORIGIN_LON}),
    "laea": ("lambert_azimuthal_equal_area", {"lat_0": _ORIGIN_LAT, "lon_0": _ORIGIN_LON}),
    "lcc": ("lambert_conformal_conic", {"lat_0": _ORIGIN_LAT, "lon_0": _MERIDIAN}),
    "cea": ("lambert_cylindrical_equal_area", {"lon_0": _MERIDIAN, "lat_ts": _PARALLELS}),
    "merc": ("mercator", {"lon_0": _ORIGIN_LON, "lat_ts": _PARALLELS, "k": "scale_factor_at_projection_origin"}),
    "ortho": ("orthographic", {"lat_0": _ORIGIN_LAT, "lon_0": _ORIGIN_LON}),
    "sinu": ("sinusoidal", {"lon_0": _ORIGIN_LON}),
    "stere": (
        "polar_stereographic",
        {"lat_0": _ORIGIN_LAT, "lon_0": "straight_vertical_longitude_from_pole", "lat_ts": _PARALLELS},
    ),
    "tmerc": (
        "transverse_mercator",
        {"lat_0": _ORIGIN_LAT, "lon_0": _MERIDIAN, "k": "scale_factor_at_central_meridian"},
    ),
}


def grid_mapping_attributes(crs: Any) -> dict[str, Any]:
    """Attributes of the grid mapping variable for a ``rasterio.crs.CRS``: WKT, and CF's where CF knows the projection."""
    wkt = crs.to_wkt()
    attrs: dict[str, Any] = {"crs_wkt": wkt, "spatial_ref": wkt}
    if crs.is_geographic:
        return {**attrs, "grid_mapping_name": "latitude_longitude"}
    try:
        parameters = {k.removesuffix("_0") if k == "k_0" else k: v for k, v in crs.to_dict().items()}
    except Exception:  # noqa: BLE001 - a projection that PROJ cannot write as parameters keeps its WKT
        return attrs
    name = parameters.get("proj")
    if name == "utm" and "zone" in parameters:
        parameters |= {"lon_0": int(parameters["zone"]) * 6 - 183, "lat_0": 0, "k": 0.9996, "x_0": 500000}
        parameters["y_0"] = 10000000 if parameters.get("south") else 0
        name = "tmerc"
    if name not in _PROJECTIONS or (name == "stere" and abs(float(parameters.get("lat_0", 0))) != 90):
        return attrs
    label, names = _PROJECTIONS[name]
    attrs["grid_mapping_name"] = label
    for parameter, attribute in {**names, "x_0": "false_easting", "y_0": "false_northing"}.items():
        if parameter in parameters:
            attrs[attribute] = float(parameters[parameter])
    parallels = [float(parameters[p]) for p in ("lat_1", "lat_2") if p in parameters]
    if parallels and name in ("aea", "lcc"):
        attrs[_PARALLELS] = parallels if len(set(parallels)) > 1 else parallels[0]
    return attrs
