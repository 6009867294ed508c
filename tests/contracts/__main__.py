"""`python -m tests.contracts`: write the schemas of all documents."""

from __future__ import annotations

from tests.contracts import DOCUMENTS, schema, stored

for name in DOCUMENTS:
    stored(name).write_bytes(schema(name))
