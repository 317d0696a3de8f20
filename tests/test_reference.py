"""What is made from the models and the commands is current; the schema agrees with the loader."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from docs.reference import written

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("path", sorted(written()))
def test_the_made_file_is_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == written()[path], "run `make docs`"


def test_the_default_list_fits_the_schema() -> None:
    schema = json.loads((ROOT / "feeds.schema.json").read_text())

    jsonschema.validate(YAML(typ="safe").load(ROOT / "feeds.yaml"), schema)


def test_the_schema_refuses_an_unknown_field() -> None:
    schema = json.loads((ROOT / "feeds.schema.json").read_text())

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sources": [{"url": "https://a.example/", "evry": "3m"}]}, schema)
