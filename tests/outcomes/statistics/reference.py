"""Published and independently computed numbers (`reference.json` names their source)."""

import json
from pathlib import Path
from typing import Any

REFERENCE: dict[str, Any] = json.loads(
    Path(__file__).with_name("reference.json").read_text(encoding="utf-8")
)
