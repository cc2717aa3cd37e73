"""The JSON Schema of a recipe as written, generated from the models (draft 2020-12).

``python -m pangeo_forge.recipe.schema`` rewrites ``schema.json``; a test holds the two equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("schema.json")
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


def schema_text() -> str:
    """The schema as it is committed."""
    return json.dumps(recipe_schema(), indent=1, sort_keys=False, ensure_ascii=False) + "\n"


def committed_schema() -> dict[str, Any]:
    """The schema that ships with the package; reading it imports no model."""
    loaded: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return loaded


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
