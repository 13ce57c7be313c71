"""What stands in `tools/`: the list of what an installation is made of, and the look for holes."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from tests.processes import ROOT


def tool(name):
    loader = SourceFileLoader(name, str(ROOT / "tools" / name))
    spec = spec_from_loader(name, loader)
    module = module_from_spec(spec)
    sys.dont_write_bytecode, kept = True, sys.dont_write_bytecode
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = kept
    return module


LOCK = """\
# about
django==6.1.3 \\
    --hash=sha256:{} \\
    --hash=sha256:{}
    # via
    #   -c requirements.lock
    #   channels
    #   supportgroups (pyproject.toml)
channels==4.3.2 ; sys_platform != 'win32' \\
    --hash=sha256:{}
    # via supportgroups (pyproject.toml)
""".format(*("0" * 64, "1" * 64, "2" * 64))


def test_the_bill_says_what_needs_what() -> None:
    bill = tool("sbom").bill(LOCK)
    django, channels = (
        next(each for each in bill["components"] if each["name"] == name)
        for name in ("django", "channels")
    )
    assert django["purl"] == "pkg:pypi/django@6.1.3"
    assert len(django["externalReferences"][0]["hashes"]) == 2
    assert channels["properties"][0]["value"] == "sys_platform != 'win32'"
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert needs["supportgroups"] == ["pkg:pypi/channels@4.3.2", "pkg:pypi/django@6.1.3"]
    assert needs["pkg:pypi/channels@4.3.2"] == ["pkg:pypi/django@6.1.3"]


def test_the_bill_names_every_package_of_production() -> None:
    done = subprocess.run(
        [sys.executable, "tools/sbom"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    bill = json.loads(done.stdout)
    lock = (ROOT / "requirements-production.lock").read_text()
    pinned = set(re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE))
    assert pinned <= {each["name"] for each in bill["components"]}
    refs = [each["bom-ref"] for each in bill["components"]]
    assert len(refs) == len(set(refs))
    # htmx comes with django-htmx, whose own notes name its version.
    htmx = next(each for each in bill["components"] if each["name"] == "htmx.org")
    assert htmx["version"] in _htmx()


def _htmx() -> str:
    import django_htmx

    folder = ROOT / django_htmx.__path__[0] / "static" / "django_htmx"
    return (folder / "htmx-2.js").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("django==6.1.3", "django==6.0.4"), "CVE-2026-35192"),
        (("    --hash=sha256:" + "2" * 64, ""), "channels has no hash"),
        (("django==6.1.3", "django @ https://example.org/django.whl"), "no pin of an index"),
    ],
)
def test_the_audit_finds(change, said) -> None:
    audit = tool("audit")
    advisories = tomllib.loads((ROOT / "tools" / "advisories.toml").read_text())
    locks = dict.fromkeys(audit.LOCKS, LOCK)
    assert audit.problems(locks, advisories) == []
    changed = locks | {audit.LOCKS[1]: LOCK.replace(*change)}
    assert said in " ".join(audit.problems(changed, advisories))


def test_nothing_is_found_in_what_is_pinned() -> None:
    done = subprocess.run(
        [sys.executable, "tools/audit"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "Later ones show with ONLINE=1 only." in done.stdout
