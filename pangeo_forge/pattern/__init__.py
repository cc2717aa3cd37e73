"""From keys and a URL template, or a source that lists URLs, to the ordered inputs of a dataset.

Modules: :mod:`~pangeo_forge.pattern.template` (the template language), :mod:`~pangeo_forge.pattern.dates` and
:mod:`~pangeo_forge.pattern.steps` (exact calendar arithmetic), :mod:`~pangeo_forge.pattern.keys` (the values of a key),
:mod:`~pangeo_forge.pattern.sources` and its neighbours (lists, globs, listings, tables, catalogs) and
:mod:`~pangeo_forge.pattern.pattern` (FilePattern). Importing any of them costs no numpy and no network library.
"""
