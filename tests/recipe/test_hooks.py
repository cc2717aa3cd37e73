"""Files of hooks are read, never run, and are part of what a recipe means."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from pangeo_forge.recipe.hooks import LARGEST, hook_texts, read_hook
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.ledger import append_fingerprint

DOCUMENT = """
format_version: 1
id: hooked
title: Hooked
inputs: {files: [a.nc, b.nc], concat: {time: {}}}
transforms:
  - python: hooks.py:one
  - python: {function: hooks.py:two, requirements: [numpy]}
target: {chunks: {time: 1}, append: time}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "hooked"
    made.mkdir()
    (made / "recipe.yaml").write_text(DOCUMENT)
    (made / "hooks.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    return made


def prints(recipe: Recipe) -> tuple[str, str]:
    return recipe.fingerprint(), append_fingerprint(recipe)


def test_a_changed_hook_is_another_recipe(folder: Path) -> None:
    before = prints(load_recipe(str(folder)))
    assert prints(load_recipe(str(folder))) == before
    (folder / "other.py").write_text("1\n")
    assert prints(load_recipe(str(folder))) == before
    (folder / "hooks.py").write_bytes(b"x = 1\r\n")
    changed = prints(load_recipe(str(folder)))
    assert all(a != b for a, b in zip(before, changed, strict=True))
    (folder / "hooks.py").write_bytes(b"x = 1\n")
    assert prints(load_recipe(str(folder))) == changed


def test_nothing_is_run(folder: Path) -> None:
    load_recipe(str(folder)).fingerprint()
    assert not (folder.parent / "ran").exists()


def test_workers_know_the_text_without_the_folder(folder: Path) -> None:
    recipe = load_recipe(str(folder))
    sent = pickle.dumps(recipe)
    (folder / "hooks.py").unlink()
    assert prints(pickle.loads(sent)) == prints(copy.copy(recipe)) == prints(recipe)
    assert pickle.loads(sent).hooks == recipe.hooks
    # A notebook that goes on after the file was changed.
    recipe.read_hooks()
    assert recipe.hooks == {}
    assert prints(recipe) != prints(pickle.loads(sent))


@pytest.mark.parametrize("content", [b"\xff", b"#" * (LARGEST + 1), None], ids=["binary", "large", "absent"])
def test_what_cannot_be_read_is_left_out(folder: Path, content: bytes | None) -> None:
    (folder / "hooks.py").unlink()
    if content is not None:
        (folder / "hooks.py").write_bytes(content)
    assert hook_texts(load_recipe(str(folder)).transforms, folder) == {}
    with pytest.raises((OSError, ValueError)):
        read_hook(folder, "hooks.py")


def test_nothing_is_read_elsewhere(folder: Path) -> None:
    (folder.parent / "secret").write_text("no")
    (folder / "hooks.py").unlink()
    (folder / "hooks.py").symlink_to(folder.parent / "secret")
    assert load_recipe(str(folder)).hooks == {}
    with pytest.raises(ValueError, match="not in the recipe's folder"):
        read_hook(folder, "../secret")
