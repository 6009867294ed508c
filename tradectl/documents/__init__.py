"""What `--json` prints: the documents that scripts rely on, one type for each.

The rooms above make them, the command line renders them for people or encodes them once at the edge.
Over the control socket and in `state.db` the same documents travel as JSON. Amounts are decimals as
text, times ISO 8601 in UTC, names of fields the keys. A field that has nothing to say is null or empty;
no key is ever left out. Their JSON Schema is in `tests/contracts`.
"""
