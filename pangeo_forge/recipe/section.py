"""What all sections of a recipe share: strictness, and messages that a person understands.

pydantic finds what is wrong; :class:`Section` says it in our words, once, with a code and a remedy, at the level
where the
keys that would be right are known. Values that may be written in several forms are dispatched on their form by
:func:`form`, so that a mistake gives one message about the form that was meant, not one for each form there is.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

SENSITIVE = {"auth", "headers", "storage_options", "secret", "token", "password"}
"""Keys below which a message never shows a value."""


def problem(code: str, text: str, hint: str = "") -> PydanticCustomError:
    """What a validator raises: ``code`` is one of the R codes, ``text`` says what is wrong, ``hint`` what to do."""
    return PydanticCustomError(code, "{text}", {"text": text, "hint": hint})


def shown(value: Any) -> str:
    """A value as it is quoted in a message: short."""
    text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    if isinstance(value, (dict, BaseModel)):
        text = "a mapping"
    elif isinstance(value, (list, tuple)):
        text = "a list"
    return text if len(text) <= 60 else text[:57] + "..."


def suggestion(word: Any, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` or the list of what there is."""
    names = list(known)
    close = difflib.get_close_matches(str(word).lower(), [n.lower() for n in names], n=1, cutoff=0.6)
    if close:
        return f"did you mean {next(n for n in names if n.lower() == close[0])!r}?"
    return f"known are {', '.join(names)}" if len(names) <= 20 else ""


class Section(BaseModel):
    """A mapping of the recipe: strict, frozen, no unknown keys. Built when first used, which keeps start-up short."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", defer_build=True, protected_namespaces=(), allow_inf_nan=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, data: Any, handler: Callable[[Any], Any]) -> Any:
        if isinstance(data, BaseModel):
            return handler(data)
        try:
            prepared = cls.prepare(data)
            if not isinstance(prepared, dict):
                known = ", ".join(cls.model_fields)
                what = "is empty" if data is None else f"should be a mapping, not {shown(data)}"
                hint = "fill it in or remove the key; " if data is None else ""
                raise problem("R013", what, f"{hint}its keys are {known}")
            return handler(prepared)
        except ValidationError as error:
            raise explained(error, cls) from None

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Bring another way of writing this section into its keys; the default leaves ``data`` as it is."""
        return data


def explained(error: ValidationError, model: type[BaseModel] | None = None) -> ValidationError:
    """The same errors in our words."""
    details = [_detail(e, model) for e in error.errors(include_url=False)]
    return ValidationError.from_exception_data(error.title, details)


def nested(error: ValidationError, *prefix: str | int) -> ValidationError:
    """The same errors, below ``prefix``."""
    details = []
    for e in error.errors(include_url=False):
        detail = _detail(e, None)
        details.append(InitErrorDetails(type=detail["type"], loc=(*prefix, *e["loc"]), input=e["input"]))
    return ValidationError.from_exception_data(error.title, details)


def at(error: PydanticCustomError, *loc: str | int) -> ValidationError:
    """``error`` at a place below the value that is being validated."""
    return ValidationError.from_exception_data("recipe", [InitErrorDetails(type=error, loc=loc, input=None)])


def several(errors: Iterable[tuple[tuple[str | int, ...], PydanticCustomError]]) -> ValidationError:
    """Several errors, each at its place."""
    return ValidationError.from_exception_data(
        "recipe", [InitErrorDetails(type=e, loc=loc, input=None) for loc, e in errors]
    )


def gathered(errors: Iterable[ValidationError]) -> ValidationError:
    """All that several validations found, as one error."""
    details = []
    for error in errors:
        for e in error.errors(include_url=False):
            detail = _detail(e, None)
            details.append(InitErrorDetails(type=detail["type"], loc=e["loc"], input=None))
    return ValidationError.from_exception_data("recipe", details)


class Form:
    """Annotation of a type whose values may be written in several forms; made by :func:`form`."""

    def __init__(self, function: Callable[[Any], Any], schema: Mapping[str, Any]) -> None:
        self.function, self.schema = function, schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        # The annotated type is for readers and mypy: no validator or serializer is built for it, which keeps
        # start-up short.
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return dict(self.schema)

    def _validate(self, value: Any) -> Any:
        try:
            return self.function(value)
        except ValidationError as error:
            raise explained(error) from None


def form(function: Callable[[Any], Any], schema: Mapping[str, Any]) -> tuple[Form]:
    """Validate with ``function``, which dispatches on how the value is written; ``schema`` tells editors the forms."""
    return (Form(function, schema),)


def _detail(e: Any, model: type[BaseModel] | None) -> InitErrorDetails:
    kind, loc, value, context = e["type"], e["loc"], e["input"], e.get("ctx") or {}
    if kind[:1] == "R" and kind[1:].isdigit():
        custom = problem(kind, context["text"], context["hint"])
    elif kind == "extra_forbidden":
        known = model.model_fields if model else ()
        custom = problem("R010", f"unknown key {loc[-1]!r}", suggestion(loc[-1], known))
    elif kind == "missing":
        custom = _missing(loc, model)
    else:
        hide = any(part in SENSITIVE for part in loc)
        custom = _plain(kind, context, "this" if hide else shown(value), value)
    return InitErrorDetails(type=custom, loc=loc, input=None)


def _missing(loc: tuple[Any, ...], model: type[BaseModel] | None) -> PydanticCustomError:
    info = model.model_fields.get(str(loc[-1])) if model and len(loc) == 1 else None
    example = (
        f"for example `{loc[-1]}: {info.examples[0]}`" if info is not None and info.examples else f"add `{loc[-1]}:`"
    )
    return problem("R011", f"key {loc[-1]!r} is missing", example)


_TYPES = {
    "int_type": ("a whole number", "write digits without quotes"),
    "int_from_float": ("a whole number", "remove the fraction"),
    "float_type": ("a number", "write it without quotes"),
    "string_type": ("text", "put it in quotes"),
    "bool_type": ("true or false", "write true or false; yes, no, on and off are text"),
    "list_type": ("a list", "write [a, b] or one `- item` a line"),
    "dict_type": ("a mapping", "write `key: value` pairs"),
    "model_type": ("a mapping", "write `key: value` pairs"),
}
_BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_BOUND_WORDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def _plain(kind: str, context: Mapping[str, Any], value: str, raw: Any) -> PydanticCustomError:
    if raw is None and kind in _TYPES:
        return problem("R013", f"is empty; it should be {_TYPES[kind][0]}", "fill it in or remove the key")
    if kind in _TYPES:
        what, hint = _TYPES[kind]
        return problem("R013", f"should be {what}, not {value}", hint)
    if kind == "literal_error":
        allowed = context["expected"].replace("'", "").replace(" or ", ", ")
        close = difflib.get_close_matches(str(raw), allowed.split(", "), n=1, cutoff=0.6)
        hint = f"did you mean {close[0]}?" if close and isinstance(raw, str) else f"write one of {allowed}"
        return problem("R014", f"{value} is not one of {allowed}", hint)
    if kind in _BOUNDS:
        limit = context[_BOUNDS[kind]]
        return problem(
            "R016", f"{value} is out of range: it must be {_BOUND_WORDS[_BOUNDS[kind]]} {limit}", "correct it"
        )
    if kind in ("too_short", "string_too_short"):
        return problem("R015", "is empty", "fill it in or remove the key")
    if kind == "string_pattern_mismatch":
        return problem("R015", f"{value} does not have the form {context['pattern']}", "correct it")
    return problem("R013", f"{value} is not allowed here ({kind.replace('_', ' ')})", "see the recipe format")
