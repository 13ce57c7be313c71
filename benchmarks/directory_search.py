"""The public directory of 10,000 listed groups: how many queries a page needs, and what we add.

    python benchmarks/directory_search.py

Prints for some searches the number of queries of the whole page and a ratio, which hardly depends
on the machine: the whole request's time to the time of the same SQL and the template alone. Starts
its own database.
"""

import logging
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from supportgroups import embedded

GROUPS = 10_000
ROUNDS = 7
SEARCHES = {
    "everything": "",
    "a word": "?q=grief",
    "a typing mistake": "?q=anxeity",
    "filters": "?format=online&part=evening&day=tue&places=free&topic=grief",
    "near": "?near=53.80,-1.55&radius=25",
    "nothing": "?q=zebra+crossing&access=hearing_loop",
}
_TOPICS = "Grief,Anxiety,Low mood,Sleep,New parents,Carers,Long illness,Loneliness,Addiction,Stress"
_PLACES = "Leeds,York,Hull,Bath,Derby,Exeter,Cardiff,Glasgow,Belfast,Dublin"


def fill() -> None:
    """Groups with topics, rhythms, sessions, facilitators and members."""
    from django.db import connection
    from django.utils import timezone

    from accounts.models import Organisation, User
    from groups.models import FacilitatorAssignment, Membership, SupportGroup, Topic
    from sessions.models import Series, SupportSession

    chance = random.Random(3)
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    home = Organisation.objects.create(name="Harbour", slug="harbour")
    people = User.objects.bulk_create(
        User(email=f"person{number}@example.org", display_name=f"Person {number}", password="!")
        for number in range(500)
    )
    topics = Topic.objects.bulk_create(
        Topic(name=name, slug=name.lower().replace(" ", "-"), kind=chance.choice(Topic.Kind.values))
        for name in _TOPICS.split(",")
    )
    groups = SupportGroup.objects.bulk_create(
        (
            SupportGroup(
                organisation=home,
                name=f"{chance.choice(topics).name} circle {number}",
                slug=f"circle-{number}",
                purpose=f"A steady circle about {chance.choice(topics).name.lower()}. Come.",
                who_it_is_for="Anybody whose days feel heavy, with or without a diagnosis.",
                facilitation="professionally_led",
                admission="screened",
                format=chance.choice(SupportGroup.Format.values),
                language=chance.choice(["en", "en", "en", "de"]),
                place=chance.choice(_PLACES.split(",")),
                latitude=round(chance.uniform(50, 58), 2),
                longitude=round(chance.uniform(-6, 1), 2),
                accessibility_features=chance.sample(SupportGroup.Accessibility.values, 3),
                lifecycle="listed",
            )
            for number in range(GROUPS)
        ),
        batch_size=2000,
    )
    about = SupportGroup.topics.through
    about.objects.bulk_create(
        (
            about(supportgroup_id=group.pk, topic_id=topic.pk)
            for group in groups
            for topic in chance.sample(topics, 2)
        ),
        batch_size=5000,
    )
    starts = [now + timedelta(hours=chance.randrange(1, 24 * 7)) for _ in groups]
    series = Series.objects.bulk_create(
        (
            Series(
                group=group,
                rrule="FREQ=WEEKLY",
                starts_on=start.date(),
                starts_at_time=start.time(),
                time_zone=group.time_zone,
            )
            for group, start in zip(groups, starts, strict=True)
        ),
        batch_size=5000,
    )
    weeks = (
        (rhythm, start + timedelta(weeks=week))
        for rhythm, start in zip(series, starts, strict=True)
        for week in range(-4, 8)
    )
    SupportSession.objects.bulk_create(
        (
            SupportSession(
                group_id=rhythm.group_id,
                series=rhythm,
                recurrence_id=start,
                starts_at=start,
                ends_at=start + timedelta(minutes=90),
                status="ended" if start < now else "scheduled",
                ended_at=start if start < now else None,
            )
            for rhythm, start in weeks
        ),
        batch_size=5000,
    )
    FacilitatorAssignment.objects.bulk_create(
        (FacilitatorAssignment(group=group, user=chance.choice(people)) for group in groups),
        batch_size=5000,
    )
    Membership.objects.bulk_create(
        (
            Membership(group=group, user=person, status="active", activated_at=now, accepted_at=now)
            for group in groups
            for person in chance.sample(people, chance.randrange(13))
        ),
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def shortest(*runs: Callable[[], Any]) -> list[float]:
    """The shortest of a few rounds of each, in milliseconds. They take turns on a busy machine."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, its in zip(runs, times, strict=True):
            begun = time.perf_counter()
            run()
            its.append((time.perf_counter() - begun) * 1000)
    return [min(its) for its in times]


def measure(name: str, address: str) -> None:
    """One search: its queries, and the whole request beside the same SQL and template."""
    from django.db import connection
    from django.template import loader
    from django.test import Client

    from groups import views

    client = Client()
    seen: dict[str, Any] = {}
    asked: list[tuple[Any, Any]] = []

    def note(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, *rest)

    def render(request: Any, template: str, context: Any = None, **keywords: Any) -> Any:
        seen.update(request=request, template=template, context=context)
        return rendered(request, template, context, **keywords)

    rendered = views.render_page
    client.get(address)  # templates and connections are warm
    with (
        patch.object(views, "render_page", render),
        connection.execute_wrapper(note),
    ):
        response = client.get(address)
    assert response.status_code == 200, response.status_code
    template = loader.get_template(seen["template"])

    def sql_and_template() -> None:
        for sql, params in asked:
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
                cursor.fetchall()
        template.render(dict(seen["context"]), seen["request"])

    def request() -> None:
        client.get(address)

    bare, whole = shortest(sql_and_template, request)
    print(
        f"{name}: {len(asked)} queries, {whole:.0f} ms, "
        f"{whole / bare:.2f} times the SQL and the template alone"
    )


def main() -> None:
    with embedded.temporary_services() as services:
        os.environ |= {
            "DJANGO_ENV": "test",
            "SECRET_KEY": "signs nothing",
            "FIELD_ENCRYPTION_KEYS": "0123456789abcdef" * 4,
            "DATABASE_URL": services.owner_url,
            "REDIS_URL": services.redis_url,
        }
        os.environ["DJANGO_SETTINGS_MODULE"] = "supportgroups.settings"
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        logging.disable()
        settings.ALLOWED_HOSTS.append("testserver")
        call_command("migrate", verbosity=0)
        fill()
        print(f"the directory of {GROUPS:,} listed groups")
        for name, query in SEARCHES.items():
            measure(name, f"/{query}")


if __name__ == "__main__":
    main()
