"""The only package that imports Beam: it wires plain functions of the lower stages into two pipelines."""
