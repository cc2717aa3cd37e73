"""Transforms: what a recipe does to each input before inputs are combined.

Each is a function ``(ds, arguments, *, context, if_present=False) -> Dataset`` that takes what stands in the YAML.
Datasets are as stored (undecoded) and lazy; see ``docs/transforms.md``.
"""

from pangeo_forge.dataset.transforms.application import TRANSFORMS, apply_transforms
from pangeo_forge.dataset.transforms.context import Context

__all__ = ["TRANSFORMS", "Context", "apply_transforms"]
