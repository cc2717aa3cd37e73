"""Targets: where datasets are written. One protocol: create, write_block, commit, abort."""
