"""Real Celery workers, and many people for them to write to."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from django.utils import timezone

from accounts.models import User
from groups.models import Membership, Signature, SupportGroup
from supportgroups import embedded
from tests.services import _test_database_url


@contextlib.contextmanager
def worker(*, mail_port: int, threads: int = 2) -> Iterator["subprocess.Popen[bytes]"]:
    """One worker as in production, sending through the mail server at this port."""
    command = (
        f"-m celery -A supportgroups worker --pool threads --concurrency {threads}"
        " --loglevel ERROR --without-gossip --without-mingle"
    )
    process = subprocess.Popen(
        [sys.executable, *command.split()],
        env=os.environ
        | {
            "DJANGO_ENV": "production",
            "SECRET_KEY": "signs nothing, but is as long as production asks for",
            "ALLOWED_HOSTS": "groups.example.org",
            "SITE_URL": "https://groups.example.org",
            "DATABASE_URL": _test_database_url(os.environ["TEST_APP_DATABASE_URL"]),
            "MAIL_HOST": embedded.LOOPBACK,
            "MAIL_PORT": str(mail_port),
            "MAIL_STARTTLS": "false",
            "LOG_LEVEL": "ERROR",
        },
        preexec_fn=embedded.end_with_parent(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def members(group: SupportGroup, number: int) -> list[str]:
    """Addresses of so many people in good standing, made in a few statements."""
    now = timezone.now()
    people = User.objects.bulk_create(
        User(email=f"due{each}.{group.slug}@example.org", display_name="Due", password="!")
        for each in range(number)
    )
    memberships = Membership.objects.bulk_create(
        Membership(group=group, user=person, status="active", accepted_at=now, activated_at=now)
        for person in people
    )
    agreement = group.current_agreement()
    Signature.objects.bulk_create(
        Signature(membership=membership, agreement=agreement, signed_name="Due", signed_at=now)
        for membership in memberships
    )
    return [person.email for person in people]
