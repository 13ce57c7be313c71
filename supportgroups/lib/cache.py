"""What the cache writes into Redis: JSON and bytes, never pickles.

Django's own serializer unpickles whatever stands in Redis, so who could write there could run code
in every process.
"""

import json
from typing import Any

_BYTES = b"\x00"


class Serializer:
    """For `CACHES`. Lists and dictionaries come back as such, tuples as lists."""

    def dumps(self, value: Any) -> bytes | int:
        if type(value) is int:
            return value  # Redis itself counts up and down
        if isinstance(value, bytes):
            return _BYTES + value
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        if data.startswith(_BYTES):
            return data.removeprefix(_BYTES)
        return json.loads(data)
