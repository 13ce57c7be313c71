"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


def named(text: str) -> set[str]:
    """Files and folders of ours in backticks, with a test behind `::` where one is named."""
    return set(re.findall(r"`((?:[a-z_]+/)+[\w./-]*(?:::\w+)?)`", text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_tests_in_documents_exist(document: Path) -> None:
    text = document.read_text()
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)#]+)", text):
        assert (document.parent / link).exists(), link
    for name in named(text):
        path, _, test = name.partition("::")
        if test:
            assert re.search(rf"def {test}\b", (ROOT / path).read_text()), name


def test_every_test_in_asvs_exists() -> None:
    """Also those named as a file alone."""
    for name in named((ROOT / "docs" / "asvs.md").read_text()):
        path, _, _ = name.partition("::")
        assert (ROOT / path).exists(), name
