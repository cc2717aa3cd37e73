"""The errors of this package that carry more than :mod:`pangeo_forge.errors` gives them.

Codes of this package (append-only)::

    P101 template syntax            P111 not a date                 P121 values of a key
    P102 unknown key or field       P112 not a step                 P122 empty pattern
    P103 format specification       P113 date arithmetic            P123 `when` rules
    P104 value and format disagree  P114 unknown calendar           P124 index out of range
    P105 template arithmetic        P115 end is not on the grid     P125 `missing` or `exclude` names no value
    P106 rendered text too long     P116 start after end            P126 inputs section as a whole
    P107 member or URL chain        P127 more inputs than can be counted

    I601 nothing found              I604 HTTP error                 I607 table (csv)
    I602 too many                   I605 not an index               I608 catalog (STAC, CMR)
    I603 cannot read a local source I606 regular expression         I609 duplicate or uneven lists
"""

from __future__ import annotations

from pangeo_forge.errors import PlanError


class TemplateError(PlanError):
    """A template is wrong, or a value does not fit it.

    Attributes
    ----------
    template: the text of the template.
    position: offset of the offending character in ``template`` (0-based), from which a caller that knows where the
        template stands in a file makes a line and a column.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        template: str,
        position: int,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        shown = template if len(template) <= 200 else template[:200] + "…"
        super().__init__(f"{message} (at character {position + 1} of {shown!r})", code=code, where=where, hint=hint)
        self.template = template
        self.position = position
