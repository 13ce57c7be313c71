"""Settings come from the environment alone, explain what is missing, and refuse examples."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from supportgroups.celery import app as celery
from supportgroups.lib import encryption
from tests.processes import ROOT, own_environment

KEY = "0123456789abcdef" * 4
PRODUCTION = {
    "DJANGO_ENV": "production",
    "SECRET_KEY": "k" * 20 + "0123456789" * 4,
    "FIELD_ENCRYPTION_KEYS": KEY,
    "DATABASE_URL": "postgres://app@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "groups.example.org",
    "SITE_URL": "https://groups.example.org",
    "MAIL_HOST": "mail.example.org",
}


def load(
    environment: dict[str, str], code: str = "import supportgroups.settings"
) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process that has this environment and nothing else."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=own_environment(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_production_settings_load() -> None:
    assert load(PRODUCTION).returncode == 0


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "DJANGO_ENV"])
def test_a_missing_variable_explains_itself(name: str) -> None:
    result = load({key: value for key, value in PRODUCTION.items() if key != name})
    assert result.returncode != 0
    assert f"ImproperlyConfigured: Set {name}: " in result.stderr


@pytest.mark.parametrize(
    "example", ["secret", "change-me", "too short", "change-me-" + "0123456789" * 6]
)
def test_production_refuses_an_example_secret(example: str) -> None:
    result = load(PRODUCTION | {"SECRET_KEY": example})
    assert result.returncode != 0
    assert "SECRET_KEY" in result.stderr


def test_keys_are_many_or_in_a_file_and_never_examples(tmp_path: Path) -> None:
    shown = (
        "import supportgroups.settings as s; print(*(key[:2] for key in s.FIELD_ENCRYPTION_KEYS))"
    )
    keys = [f"{first}{'1a2b' * 15}00" for first in ("a1", "b2")]
    many = load(PRODUCTION | {"FIELD_ENCRYPTION_KEYS": ", ".join(keys)}, shown)
    assert many.stdout.split() == ["a1", "b2"], many.stderr

    file = tmp_path / "keys"
    file.write_text("\n".join(reversed(keys)) + "\n")
    assert load(PRODUCTION | {"FIELD_ENCRYPTION_KEYS_FILE": str(file)}, shown).stdout.split() == [
        "b2",
        "a1",
    ]
    missing = load(PRODUCTION | {"FIELD_ENCRYPTION_KEYS_FILE": str(tmp_path / "none")})
    assert "FIELD_ENCRYPTION_KEYS_FILE cannot be read: No such file" in missing.stderr


@pytest.mark.parametrize("example", ["change-me", "00" * 32, "a1b2c3d4", f"{KEY},{KEY}", ""])
def test_keys_that_are_none_are_refused_and_not_shown(example: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS") as refused:
        encryption.parse_keys(example)
    assert not example or example not in str(refused.value)


def test_a_mail_password_goes_out_encrypted_only() -> None:
    named = PRODUCTION | {"MAIL_USERNAME": "groups"}
    assert load(named).returncode == 0
    assert load(named | {"MAIL_IMPLICIT_TLS": "true"}).returncode == 0
    in_the_clear = load(named | {"MAIL_STARTTLS": "false"})
    assert in_the_clear.returncode != 0
    assert "ImproperlyConfigured: MAIL_USERNAME would send its password" in in_the_clear.stderr
    both = load(named | {"MAIL_STARTTLS": "true", "MAIL_IMPLICIT_TLS": "true"})
    assert "not both" in both.stderr


def test_https_of_other_hosts_is_insisted_on_only_when_asked() -> None:
    shown = (
        "import supportgroups.settings as s;"
        "print(s.SECURE_HSTS_SECONDS > 0, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD)"
    )
    assert load(PRODUCTION, shown).stdout.split() == ["True", "False", "False"]
    asked = {"HSTS_INCLUDE_SUBDOMAINS": "true", "HSTS_PRELOAD": "true"}
    assert load(PRODUCTION | asked, shown).stdout.split() == ["True", "True", "True"]


def test_production_binds_cookies_to_the_host_and_the_connection_to_tls() -> None:
    shown = (
        "import supportgroups.settings as s;"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE,"
        " s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS, s.DEBUG,"
        " s.SECURITY_CONTACT)"
    )
    assert load(PRODUCTION | {"SECURITY_CONTACT": ""}, shown).stdout.split() == [
        "__Host-sid",
        "__Host-csrf",
        *["True"] * 3,
        "31536000",
        "False",
        "mailto:security@groups.example.org",
    ]


def test_production_is_the_default() -> None:
    result = load({key: value for key, value in PRODUCTION.items() if key != "DJANGO_ENV"})
    assert result.returncode == 0
    assert "must be" in load(PRODUCTION | {"DJANGO_ENV": "staging"}).stderr


def test_env_example_names_every_variable_that_is_read() -> None:
    settings = (ROOT / "supportgroups" / "settings.py").read_text()
    read = set(re.findall(r'(?:env\.\w+|required)\(\s*"([A-Z_]+)"', settings))
    example = (ROOT / ".env.example").read_text()
    documented = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert len(read) > 15
    assert read <= documented


def test_env_example_names_nothing_that_is_not_read() -> None:
    example = (ROOT / ".env.example").read_text()
    documented = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    readers = (ROOT / "supportgroups" / "settings.py").read_text()
    readers += (ROOT / "docker-compose.yml").read_text()
    assert {name for name in documented if name not in readers} == set()


def test_env_example_holds_no_secret() -> None:
    example = (ROOT / ".env.example").read_text()
    secrets = re.findall(
        r"^(\w*(?:SECRET_KEY|PASSWORD|ENCRYPTION_KEYS)\w*)=(.*)$", example, re.MULTILINE
    )
    assert len(secrets) >= 6
    assert [name for name, value in secrets if value] == []


def test_no_work_comes_back_while_somebody_may_still_do_it(settings) -> None:
    """Who takes a task acknowledges it at the end; it must not be given out again before."""
    celery.autodiscover_tasks(force=True)
    limits = {name: task.time_limit for name, task in celery.tasks.items() if task.time_limit}

    assert limits["outreach.tasks.take_over"] == 930
    assert max(limits.values()) < settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
