"""Documents: what they say about themselves, and that nobody's text is read as markup."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pypdf import PdfReader

from supportgroups.lib import pdf as library
from supportgroups.lib.drawing import SurvivalPoint, means_plot, survival_plot
from supportgroups.lib.pdf import NotMade, pdf, picture

TEMPLATES = Path(settings.BASE_DIR) / "templates"

SAMPLE = """#import "/pdf/base.typ": *
#show: page-of
= #data.title
#data.words
#data-table(caption: "Who came", header: ("Group", "People"), rows: data.rows)
#if "svg" in data { picture(data.svg, "A curve that falls") }
"""


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of one template beside what all of them share."""
    base = tmp_path_factory.mktemp("site")
    (base / "templates").mkdir()
    (base / "templates" / "pdf").symlink_to(TEMPLATES / "pdf")
    (base / "templates" / "sample.typ").write_text(SAMPLE)
    (base / "static").symlink_to(TEMPLATES.parent / "static")
    return base


@pytest.fixture(autouse=True)
def _there(templates: Path, settings) -> None:
    settings.BASE_DIR = templates


def made(**data: object) -> bytes:
    return pdf(
        "sample.typ",
        {"title": "Spring", "made_on": "2026-03-01", "words": "Hello", "rows": [["A", 12]], **data},
    )


def words_of(document: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(BytesIO(document)).pages)


def test_a_document_is_tagged_and_says_its_title_language_and_date() -> None:
    reader = PdfReader(BytesIO(made(language="fr")))
    root = reader.root_object
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]
    assert root["/Lang"] == "fr"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert "<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data().decode()
    assert reader.metadata is not None
    assert reader.metadata.title == "Spring"
    assert f"{reader.metadata.creation_date:%Y-%m-%d}" == "2026-03-01"


def tags_of(element: Any) -> Iterator[Any]:
    """Every tagged element of a document, from the top."""
    element = element.get_object() if hasattr(element, "get_object") else element
    if isinstance(element, list):
        for child in element:
            yield from tags_of(child)
    elif isinstance(element, dict):
        yield element
        yield from tags_of(element.get("/K", []))


def test_headings_tables_and_pictures_are_told_as_what_they_are() -> None:
    plot = survival_plot([SurvivalPoint(0, 1, 1, 1), SurvivalPoint(1, 0.8, 0.6, 0.9)], at_risk=[])
    reader = PdfReader(BytesIO(made(svg=picture(plot))))
    tags = list(tags_of(reader.root_object["/StructTreeRoot"]))
    kinds = Counter(tag.get("/S") for tag in tags)
    assert kinds["/H1"] == kinds["/Table"] == kinds["/Caption"] == kinds["/Figure"] == 1
    assert (kinds["/TH"], kinds["/TD"]) == (2, 2)
    [figure] = [tag for tag in tags if tag.get("/S") == "/Figure"]
    assert figure["/Alt"] == "A curve that falls"


def test_the_same_data_always_give_the_same_bytes() -> None:
    plot = survival_plot([SurvivalPoint(0, 1, 1, 1), SurvivalPoint(1, 0.8, 0.6, 0.9)], at_risk=[])
    svg = picture(plot)
    assert made(svg=svg) == made(svg=svg)
    assert made(svg=svg) != made()


@pytest.mark.parametrize(
    "words",
    [
        '#panic("no") #import "@preview/x:1.0.0" $x^2$ *bold* _it_ `raw` <label> @label',
        "\\u{41} \\ // not a comment /* nor this */ ~ -- ... [a] {b} = heading",
        "Zażółć gęślą jaźń; Ελληνικά; Привет; “quoted” – and €",
        '"; }) #sys.inputs.data',
    ],
)
def test_nobodys_text_is_read_as_markup(words: str) -> None:
    said = words_of(made(words=words))
    assert words.replace(" ", "") in said.replace(" ", "").replace("\n", "")


def test_letters_without_a_font_are_replaced_and_the_rest_stays() -> None:
    said = words_of(made(words="Rosa 🌻\ufeff and 日本\x00", rows=[["\x07B", 11]]))
    assert "Rosa � and ��" in said
    assert "B 11" in said.replace("\n", " ")


def test_a_whole_text_in_a_script_without_a_font_is_made_all_the_same() -> None:
    many = "".join(chr(code) for code in range(0x4E00, 0x4E40))
    assert "Kaffee" in words_of(made(words=f"Kaffee {many}"))


def test_pictures_carry_colours_and_no_classes() -> None:
    plot = means_plot([("Felt <safe>", [(0, 4.0), (1, 4.5)])], ticks=["Jan", "Feb"])
    svg = picture(plot)
    assert "class=" not in svg
    assert f'stroke="{library.colours()["chart-1"]}"' in svg
    assert "Felt &lt;safe&gt; 4.5" in svg


def test_a_template_that_fails_says_nothing_of_the_data(templates: Path) -> None:
    (templates / "templates" / "broken.typ").write_text("#panic(sys.inputs.data)")
    with pytest.raises(NotMade) as failure:
        pdf("broken.typ", {"title": "Rosa", "made_on": "2026-03-01"})
    assert "Rosa" not in str(failure.value)


def test_a_document_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "TIME", 0.001)  # no process starts so quickly
    with pytest.raises(NotMade, match="too long"):
        made()


def test_templates_fetch_nothing_and_evaluate_nothing() -> None:
    for template in TEMPLATES.rglob("*.typ"):
        source = template.read_text()
        assert "@preview" not in source, template
        assert "eval(" not in source, template


def test_the_web_process_knows_no_typesetting_and_no_statistics_packages() -> None:
    look = (
        "import json, sys, supportgroups.asgi\n"
        "from django.urls import get_resolver\n"
        "get_resolver().url_patterns\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = json.loads(
        subprocess.run(
            [sys.executable, "-c", look], check=True, capture_output=True, text=True
        ).stdout
    )
    assert "outcomes.views" in loaded
    assert not {"typst", "scipy", "statsmodels", "lifelines", "pandas", "pypdf"} & set(loaded)
