"""Catalog entries: what a dataset is, where and when, and how it is opened, as STAC documents beside it."""
