"""One style sheet in one request, and parts that mirror templates."""

from pathlib import Path

import pytest
from django.conf import settings

from supportgroups.lib.staticfiles import imports, inline_imports, site_stylesheets

CSS = Path(settings.BASE_DIR) / "static" / "css"
PARTS = Path(settings.BASE_DIR) / "templates" / "components"


def test_site_is_one_file_without_imports_and_comments() -> None:
    whole = inline_imports(CSS / "site.css")
    assert "@import" not in whole
    assert "/*" not in whole
    assert whole.startswith("@layer tokens, base, layout, components, pages, utilities;")
    assert ".btn {" in whole


def test_site_imports_every_component_once() -> None:
    names = imports((CSS / "site.css").read_text())
    assert len(names) == len(set(names))
    components = {f"components/{path.name}" for path in (CSS / "components").glob("*.css")}
    assert components == {name for name in names if name.startswith("components/")}


def test_every_component_is_a_template_and_a_style_sheet() -> None:
    styles = {path.stem for path in (CSS / "components").glob("*.css")}
    assert styles == {path.stem for path in PARTS.glob("*.html")}


def test_components_use_tokens_and_no_addresses(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.css").write_text("a { background: url(x.png); }")
    (tmp_path / "all.css").write_text('@import "parts/a.css";\n')
    with pytest.raises(ValueError, match="url"):
        inline_imports(tmp_path / "all.css")


def test_unbundled_files_are_linked_one_by_one() -> None:
    site_stylesheets.cache_clear()
    assert site_stylesheets()[:3] == ("css/tokens.css", "css/base.css", "css/layout.css")
