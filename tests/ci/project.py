"""A project in a temporary git repository: recipes, feedstocks, commits."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

RECIPE = """\
# yaml-language-server: $schema=schema.json
format_version: 1
id: {id}
title: A dataset
license: CC0-1.0
maintainers:
  - {{name: Somebody, github: somebody}}
inputs:
  url: https://example.org/{id}/{{time:%Y%m%d}}.nc
  concat:
    time: {{start: 2020-01-01, end: latest, step: 1D}}
target:
  chunks: {{time: 20}}
  append: time
"""


@dataclass(frozen=True)
class Project:
    """A folder that is a git repository."""

    folder: Path

    def git(self, *words: str) -> str:
        """Run git in it."""
        env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false", *words],
            cwd=self.folder, env=env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def write(self, path: str, text: str) -> Path:
        """Write a file, folders made."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def recipe(self, name: str, *changes: tuple[str, str]) -> Path:
        """Write a recipe; ``changes`` are texts that are replaced in a plain one."""
        text = RECIPE.format(id=name)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return self.write(f"recipes/{name}/recipe.yaml", text)

    def commit(self, message: str = "work") -> str:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


def make_project(folder: Path) -> Project:
    """An empty repository on branch main."""
    project = Project(folder)
    project.git("init", "-q", "-b", "main")
    return project
