"""YAML text to plain data, knowing where each key and value stands.

A recipe may come from a stranger, so nothing in it is executed and everything is bounded: no tags, no merge keys, a
limit
on size, depth and on what aliases expand to ("billion laughs"). Plain scalars follow the YAML 1.2 core schema,
because the
surprises of YAML 1.1 change data silently: only ``true``/``false`` are booleans (``NO`` stays text), ``1e-6`` is a
number,
``12:30`` and ``1981-09-01`` stay as written, and so do numbers with leading zeros (``01`` is the month in a file's
name).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pangeo_forge.errors import RecipeError, RecipeErrors

YamlPath = tuple[str | int, ...]

MAX_BYTES = 5_000_000
MAX_NODES = 200_000
MAX_DEPTH = 40

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_HEX_OCT = re.compile(r"0x[0-9a-fA-F]+\Z|0o[0-7]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INF_NAN = {".nan": "nan", ".inf": "inf", "+.inf": "inf", "-.inf": "-inf"}
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass
class Node:
    """A value of the file and its place. ``value`` is a scalar, a list of Node or a dict of Node."""

    value: Any
    line: int
    column: int
    keys: dict[str | int, tuple[int, int]] = field(default_factory=dict)
    """Place of each key of a mapping."""
    count: int = 1
    """Nodes below and including this one, aliases expanded."""


@dataclass(frozen=True)
class Source:
    """A YAML file that was read: its plain data, and the place of everything in it.

    ``overrides`` are the paths given on the command line (``--set``), whose place is there and not in the file.
    """

    path: Path
    name: str
    """Path as shown in messages."""
    root: Node
    overrides: tuple[YamlPath, ...] = ()

    def data(self) -> Any:
        """Plain dicts, lists and scalars, a fresh copy."""
        return _plain(self.root)

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> str:
        """``file:line:column`` of the value at ``path`` (of its key when ``key``); of the nearest parent if it is
        absent."""
        path = tuple(path)
        for override in self.overrides:
            if path[: len(override)] == override:
                return f"--set {format_path(override)}"
        line, column = self._position(path, key)
        return f"{self.name}:{line}:{column}"

    def order(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Place to sort messages by."""
        return self._position(tuple(path), False)

    def _position(self, path: YamlPath, key: bool) -> tuple[int, int]:
        node, place = self.root, (self.root.line, self.root.column)
        for i, part in enumerate(path):
            children = node.value
            if isinstance(children, dict) and part in children:
                place = node.keys[part]
            elif not (isinstance(children, list) and isinstance(part, int) and part < len(children)):
                return place
            node = children[part]
            if not (key and i == len(path) - 1):
                # A block mapping begins on the next line: its key is the better place to point at.
                below = isinstance(node.value, (dict, list)) and node.line > place[0] and isinstance(children, dict)
                place = place if below else (node.line, node.column)
        return place


def format_path(path: Sequence[str | int]) -> str:
    """``("transforms", 0, "rename")`` as ``transforms[0].rename``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_source(path: Path, *, name: str | None = None) -> Source:
    """Read a YAML file whose top is a mapping.

    Raises
    ------
    RecipeErrors: it cannot be read (R002), is not YAML (R001), repeats keys (R003), or uses what is refused
    (R004-R006).
    """
    shown = name or str(path)
    return Source(path, shown, parse(_text(_read_bytes(path, shown), shown), shown))


def source_of(raw: bytes, name: str) -> Source:
    """A YAML file that is not on disk, such as an earlier version of one; ``name`` is shown in messages.

    Raises
    ------
    RecipeErrors: as :func:`read_source`.
    """
    return Source(Path(name), name, parse(_text(raw, name), name))


def parse(text: str, name: str) -> Node:
    """YAML text as nodes; ``name`` is the file's name for messages. The top must be a mapping."""
    composer = _Composer(name)
    try:
        root = composer.compose(text)
    except yaml.MarkedYAMLError as error:
        raise RecipeErrors([_syntax_error(error, text, name)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _single(
            "R001",
            f"character U+{ord(text[error.position]):04X} is not allowed in YAML"
            if error.position < len(text)
            else "unreadable",
            f"{name}:{line}:1",
            "remove it",
        ) from None
    if composer.errors:
        raise RecipeErrors(composer.errors)
    if root is None or root.value is None:
        raise _single("R006", "the file is empty", f"{name}:1:1", "start from `pangeo-forge init`")
    if not isinstance(root.value, dict):
        raise _single(
            "R006", "the file is not a mapping of keys", f"{name}:{root.line}:{root.column}", "write `key: value` lines"
        )
    return root


def parse_value(text: str) -> Any:
    """A YAML value given on the command line, as plain data."""
    composer = _Composer("--set")
    try:
        node = composer.compose(text)
    except yaml.YAMLError as error:
        detail = getattr(error, "problem", None) or "it cannot be parsed"
        raise _single("R001", f"the value is not YAML: {detail}", "--set", "quote it") from None
    if composer.errors:
        raise RecipeErrors(composer.errors)
    return None if node is None else _plain(node)


def scalar(text: str) -> Any:
    """What a plain (unquoted) scalar means in the YAML 1.2 core schema."""
    lower = text.lower()
    if lower in _WORDS and text in (lower, lower.title(), lower.upper()):
        return _WORDS[lower]
    if _INT.match(text):
        return int(text) if len(text) <= 30 else text
    if _HEX_OCT.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    return float(_INF_NAN[lower]) if lower in _INF_NAN else text


class _Composer:
    """Builds nodes from the events of PyYAML's parser, which it uses for syntax only."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.errors: list[RecipeError] = []
        self.anchors: dict[str, Node] = {}
        self.total = 0

    def compose(self, text: str) -> Node | None:
        events = iter(yaml.parse(text, Loader=_LOADER))
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _single(
                        "R006", "a second document begins", self._where(event), "keep one document a file, without ---"
                    )
                root = self._node(next(events), events, 0)
        return root

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if depth > MAX_DEPTH:
            raise _single("R005", f"nested deeper than {MAX_DEPTH} levels", self._where(event), "flatten it")
        if isinstance(event, yaml.AliasEvent):
            node = self._alias(event)
        else:
            if event.tag is not None:
                self._error("R004", f"tags are not allowed: {event.tag[:60]}", event, "write the plain value")
            if isinstance(event, yaml.ScalarEvent):
                value = scalar(event.value) if event.implicit[0] and not event.style else event.value
                node = Node(value, line, column)
            elif isinstance(event, yaml.SequenceStartEvent):
                node = self._sequence(Node([], line, column), events, depth)
            else:
                node = self._mapping(Node({}, line, column), events, depth)
            if event.anchor is not None:
                self.anchors[event.anchor] = node
            self.total += 1
        if self.total > MAX_NODES:
            hint = "use fewer aliases, or a csv file for long lists"
            raise _single("R005", f"more than {MAX_NODES} values", self._where(event), hint)
        return node

    def _alias(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            what = f"alias *{event.anchor} refers to an anchor that is not complete before it"
            raise _single("R005", what, self._where(event), "put the anchor first, outside of itself")
        self.total += node.count
        return node

    def _sequence(self, node: Node, events: Iterator[Any], depth: int) -> Node:
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            child = self._node(event, events, depth + 1)
            node.value.append(child)
            node.count += child.count
        return node

    def _mapping(self, node: Node, events: Iterator[Any], depth: int) -> Node:
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key_node = self._node(event, events, depth + 1)
            key = self._key(key_node, event)
            child = self._node(next(events), events, depth + 1)
            if key in node.value:
                first = node.keys[key][0]
                self._error("R003", f"key {key!r} is written twice, first on line {first}", event, "keep one of them")
                continue
            node.keys[key] = (key_node.line, key_node.column)
            node.value[key] = child
            node.count += child.count
        return node

    def _key(self, node: Node, event: Any) -> str | int:
        if isinstance(event, yaml.ScalarEvent):
            if event.value == "<<" and not event.style:
                self._error(
                    "R004",
                    "merge keys (<<) are not allowed",
                    event,
                    "write the keys out, or use an alias for the whole value",
                )
            # Numbers are keys of look-up tables; every other plain scalar is the text it was written as.
            return node.value if isinstance(node.value, int) and not isinstance(node.value, bool) else str(event.value)
        if isinstance(node.value, (dict, list)):
            raise _single(
                "R001", "a key is a mapping or a list", self._where(event), "quote text that holds braces: '{name}'"
            )
        return str(node.value)

    def _where(self, event: Any) -> str:
        return f"{self.name}:{event.start_mark.line + 1}:{event.start_mark.column + 1}"

    def _error(self, code: str, message: str, event: Any, hint: str) -> None:
        self.errors.append(RecipeError(message, code=code, where=self._where(event), hint=hint))


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {k: _plain(v) for k, v in node.value.items()}
    return [_plain(v) for v in node.value] if isinstance(node.value, list) else node.value


def _read_bytes(path: Path, name: str) -> bytes:
    where = f"{name}:1:1"
    if path.is_symlink():
        raise _single("R002", "the file is a symbolic link, which is not followed", where, "put the file itself there")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            hint = "move long lists to a csv file"
            raise _single("R002", f"the file has {size} bytes, more than {MAX_BYTES}", where, hint)
        return path.read_bytes()
    except OSError as error:
        raise _single("R002", f"cannot be read: {error.strerror}", where, "check the path") from None


def _text(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise _single("R002", what, f"{name}:{line}:{column}", "save the file as UTF-8") from None


def _syntax_error(error: yaml.MarkedYAMLError, text: str, name: str) -> RecipeError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    problem = error.problem or "unreadable"
    if "\t" in written[: max(column, 1)]:
        return RecipeError(
            "a tab stands where YAML wants spaces",
            code="R001",
            where=f"{name}:{line}:{column}",
            hint="indent with spaces",
        )
    if "mapping values are not allowed" in problem:
        hint = "quote text that holds ': ', and check the indentation"
    elif "%" in problem or "cannot start any token" in problem:
        hint = "quote text that begins with %, @, ` or *"
    else:
        hint = "check indentation, quotes and brackets near this place"
    return RecipeError(f"not YAML: {problem}", code="R001", where=f"{name}:{line}:{column}", hint=hint)


def _single(code: str, message: str, where: str, hint: str) -> RecipeErrors:
    return RecipeErrors([RecipeError(message, code=code, where=where, hint=hint)])
