"""Which keys a URL template uses. The lint needs the names only; the pattern package renders templates."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_BODY = re.compile(rf"\s*({_NAME})((?:\.{_NAME})*)\s*((?:[+-]\s*[0-9]+\s*[A-Za-z]*\s*)*)(?::(.*))?\Z", re.DOTALL)
DATE_DIRECTIVES = frozenset("YymdHMSfjbB%")


@dataclass(frozen=True)
class Use:
    """One ``{...}`` of a template."""

    text: str
    key: str
    fields: tuple[str, ...]
    format: str | None


class TemplateError(ValueError):
    """The text is not a template; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def uses(template: str) -> list[Use]:
    """Every placeholder of a template, in order. ``{{`` and ``}}`` are literal braces."""
    found, position = [], 0
    while position < len(template):
        if template[position : position + 2] in ("{{", "}}"):
            position += 2
        elif template[position] == "}":
            raise TemplateError("a } has no {", "remove it, or write }} for a brace")
        elif template[position] == "{":
            end = template.find("}", position)
            if end < 0:
                raise TemplateError("a { is not closed", "close it, or write {{ for a brace")
            found.append(_use(template[position + 1 : end]))
            position = end + 1
        else:
            position += 1
    return found


def _use(body: str) -> Use:
    match = _BODY.match(body)
    if match is None:
        raise TemplateError(
            f"{{{body}}} is not a placeholder",
            "write {key}, {key:%Y%m%d}, {key:02d}, {key.field} or {key + 29min:%H%M}",
        )
    style = match[4]
    if style is not None and "%" in style:
        for letter in re.findall(r"%(.?)", style):
            if letter not in DATE_DIRECTIVES or not letter:
                raise TemplateError(
                    f"{{{body}}} holds %{letter}, which is not a date directive", "use %Y %y %m %d %H %M %S %j %b %B"
                )
    return Use(f"{{{body}}}", match[1], tuple(match[2].split(".")[1:]), style)
