"""Static files as production serves them: hashed, compressed, one style sheet."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

_IMPORT = re.compile(r'@import "([\w./-]+\.css)";\n?')
_COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)


def imports(text: str) -> list[str]:
    """The files that a style sheet imports, in order."""
    return _IMPORT.findall(text)


def inline_imports(path: Path) -> str:
    """The style sheet at `path` with each `@import "x.css";` replaced by that file's rules.

    Comments go. Addresses are not rewritten, so a file in another folder may not use `url()`.
    """

    def imported(match: re.Match[str]) -> str:
        part = path.parent / match[1]
        text = part.read_text()
        if part.parent != path.parent and "url(" in text:
            raise ValueError(f"{match[1]} uses url(): its address would be wrong after inlining.")
        return text

    return _COMMENT.sub("", _IMPORT.sub(imported, path.read_text()))


@cache
def site_stylesheets() -> tuple[str, ...]:
    """Names of the style sheets of every page: one where they are bundled, else each of them."""
    if "css/site.css" in getattr(staticfiles_storage, "bundles", ()):
        return ("css/site.css",)
    source = finders.find("css/site.css")
    if source is None:
        raise FileNotFoundError("static/css/site.css")
    return tuple(f"css/{name}" for name in imports(Path(source).read_text()))


class BundlingStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Writes `css/site.css` as one file before it is hashed.

    Forty small files would make a slow line wait for many answers before the first paint.
    """

    bundles = ("css/site.css",)
    #: Modules import one another by hashed names too; only those are served.
    support_js_module_import_aggregation = True

    def post_process(
        self,
        paths: dict[str, Any],
        dry_run: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **options: Any,
    ) -> Iterator[Any]:
        for name in self.bundles:
            if name in paths and not dry_run:
                storage, path = paths[name]
                Path(self.path(name)).write_text(inline_imports(Path(storage.path(path))))
                # What is hashed and compressed is then the whole file, not its source.
                paths[name] = (self, name)
        yield from super().post_process(paths, dry_run, **options)
