"""The documents of `--json` are a contract: their schema is stored, and every key is always there."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.contracts import DOCUMENTS, FOLDER, check_output, schema, stored
from tradectl.documents.account import AccountStatus
from tradectl.documents.run import LiveStatus, Status


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_as_its_stored_schema_says(name: str) -> None:
    told = f"the documents of {name} have changed: `python -m tests.contracts` writes the schema"
    assert stored(name).read_bytes() == schema(name), told


def test_every_stored_schema_is_of_a_document() -> None:
    assert {*FOLDER.glob("*.json")} == {*map(stored, DOCUMENTS)}


def test_the_status_of_nothing_has_every_key() -> None:
    shown = json.loads(msgspec.json.encode(Status()))
    assert shown.keys() == {*Status.__struct_fields__}
    assert {*AccountStatus.__struct_fields__} < {*Status.__struct_fields__}
    assert {*Status.__struct_fields__} < {*LiveStatus.__struct_fields__}


@pytest.mark.parametrize(
    "out",
    ['{"stopped": true, "more": 1}', '{"stopped": "yes"}', "{}"],
    ids=["an unknown key", "another type", "a missing key"],
)
def test_what_breaks_the_contract_is_found(out: str) -> None:
    check_output(["stop", "--json"], '{"stopped": true}')
    with pytest.raises((AssertionError, msgspec.ValidationError)):
        check_output(["stop", "--json"], out)
