"""One document, set in a process of its own, which `supportgroups.lib.pdf` starts and limits.

Run as a script and alone (`python -I`), so it knows neither settings nor secrets. It reads its
order as JSON from standard input and writes the PDF to standard output.
"""

import json
import re
import resource
import sys

import typst

MEMORY = 1 << 30
SECONDS = 30

#: So many different letters that no font has are looked for one by one, a few hundredths of a
#: second each.
MOST_UNKNOWN = 40
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNKNOWN = re.compile(r'text `"(?P<letters>[^"]+)"` could not be displayed')


def typeset(order: dict[str, str]) -> bytes:
    """The PDF, tagged as PDF/UA-1. Letters that no font of ours has are replaced.

    A name may hold a flower, or a script that we have no font for. The document is made all the
    same.
    """
    inputs = {"colours": order["colours"], "data": order["data"]}
    for _ in range(MOST_UNKNOWN):
        try:
            return _compile(order, inputs)
        except typst.TypstError as problem:
            found = _UNKNOWN.search(str(problem))
            if found is None:
                raise
            inputs["data"] = inputs["data"].replace(found["letters"], REPLACEMENT)
    inputs["data"] = re.sub("[^\0-\xff]", REPLACEMENT, inputs["data"])
    return _compile(order, inputs)


def _compile(order: dict[str, str], inputs: dict[str, str]) -> bytes:
    return typst.compile(
        order["template"],
        root=order["root"],
        font_paths=[order["fonts"]],
        # The machine's fonts would make the same document another one elsewhere.
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["ua-1"],
        sys_inputs=inputs,
    )


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    sys.stdout.buffer.write(typeset(json.load(sys.stdin)))
