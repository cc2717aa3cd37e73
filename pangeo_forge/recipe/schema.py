"""The JSON Schemas of recipes, feedstocks and bakeries as written, generated from the models (draft 2020-12).

``python -m pangeo_forge.recipe.schema`` rewrites the files that are committed; a test holds them equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("schema.json")
PATHS = {
    "recipe": PATH,
    "feedstock": Path(__file__).with_name("feedstock.schema.json"),
    "bakeries": Path(__file__).with_name("bakeries.schema.json"),
}
"""What there are schemas of, and their files."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> dict[str, Any]:
    """The schema, generated."""
    from pangeo_forge.recipe.checks import KINDS
    from pangeo_forge.recipe.model import Recipe

    schema = Recipe.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    for model in KINDS.values():
        made = model.model_json_schema()
        definitions.update(made.pop("$defs", {}))
        definitions[model.__name__] = made
    definitions["Check"] = {
        "title": "Check",
        "description": "What must hold of what was written.",
        "anyOf": [{"$ref": f"#/$defs/{m.__name__}"} for m in KINDS.values()],
    }
    # pydantic leaves out descriptions that equal the model's own; editors show only what stands beside the reference.
    for name, entry in schema["properties"].items():
        if Recipe.model_fields[name].description:
            entry["description"] = Recipe.model_fields[name].description
    # pydantic cannot be given a reference that it did not make: the entry is a placeholder until here.
    schema["properties"]["checks"]["items"] = {"$ref": "#/$defs/Check"}
    return {"$schema": DIALECT, **schema, "title": "Pangeo Forge recipe"}


def feedstock_schema() -> dict[str, Any]:
    """The schema of ``feedstocks/<id>.yaml``, generated."""
    from pangeo_forge.recipe.feedstock import Feedstock

    return {"$schema": DIALECT, **Feedstock.model_json_schema(), "title": "Pangeo Forge feedstock"}


def bakeries_schema() -> dict[str, Any]:
    """The schema of ``feedstocks/bakeries.yaml``, generated: a mapping of names to bakeries."""
    from pangeo_forge.recipe.bakery import Bakery
    from pangeo_forge.recipe.bakery_options import OPTIONS

    bakery = Bakery.model_json_schema(ref_template="#/$defs/{model}")
    definitions = bakery.pop("$defs", {})
    # Which options there are depends on the runner: pydantic sees only that there are several kinds.
    branches = []
    for runner, model in OPTIONS.items():
        options = model.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(options.pop("$defs", {}))
        definitions[model.__name__] = options
        branches.append(
            {
                "if": {"properties": {"runner": {"const": runner}}},
                "then": {"properties": {"options": {"$ref": f"#/$defs/{model.__name__}"}}},
            }
        )
    bakery["properties"]["options"] = {"type": "object", "description": Bakery.model_fields["options"].description}
    definitions["Bakery"] = {**bakery, "allOf": branches}
    return {
        "$schema": DIALECT,
        "title": "Pangeo Forge bakeries",
        "description": "Names of bakeries: the places where recipes run.",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/Bakery"},
        "$defs": definitions,
    }


def schema_text(kind: str = "recipe") -> str:
    """A schema as it is committed; ``kind`` is one of PATHS."""
    made = {"recipe": recipe_schema, "feedstock": feedstock_schema, "bakeries": bakeries_schema}[kind]
    return json.dumps(made(), indent=1, sort_keys=False, ensure_ascii=False) + "\n"


def committed_schema() -> dict[str, Any]:
    """The schema that ships with the package; reading it imports no model."""
    loaded: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return loaded


if __name__ == "__main__":
    for kind, path in PATHS.items():
        path.write_text(schema_text(kind), encoding="utf-8")
