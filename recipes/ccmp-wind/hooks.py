"""Wind speed and direction from the components."""

import numpy as np
import xarray as xr


def speed_and_direction(ds: xr.Dataset) -> xr.Dataset:
    """Add ``wind_speed`` (m s-1) and ``wind_direction``: where the wind blows from, degrees clockwise from north, 0 to 360.

    The direction of a calm is 0.
    """
    speed = np.hypot(ds.uwnd, ds.vwnd)
    direction = np.degrees(np.arctan2(-ds.uwnd, -ds.vwnd)) % 360
    direction = direction.where(speed != 0, 0).where(speed.notnull())
    return ds.assign(
        wind_speed=speed.astype("f4").assign_attrs(
            long_name="Wind speed", standard_name="wind_speed", units=ds.uwnd.attrs.get("units", "m s-1")
        ),
        wind_direction=direction.astype("f4").assign_attrs(
            long_name="Wind direction", standard_name="wind_from_direction", units="degree"
        ),
    )
