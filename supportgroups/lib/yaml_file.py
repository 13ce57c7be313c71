"""YAML files that come with the software."""

from pathlib import Path
from typing import Any

import yaml


def read(path: Path) -> Any:
    """What stands in the file. In C: Python takes half a second for all questionnaires."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
