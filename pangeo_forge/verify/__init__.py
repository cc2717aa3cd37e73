"""Reopen what was written with plain xarray, and compare it with the inputs along another code path."""
