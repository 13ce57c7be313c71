"""Deletes the oldest events of the trail, so that the rest of the chain can still be verified.

Only the owner of the tables can: the application's role has no such right.
"""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from audit import chain
from audit.models import Anchor, Event, Seal, TrailCheck

#: Seals of one transaction.
BATCH = 5000


def due(before: datetime) -> int:
    """How many sealed events are older. The newest one stays: the chain goes on from it."""
    return _oldest(before).count()


def _oldest(before: datetime) -> QuerySet[Seal]:
    head = Seal.objects.order_by("-number").first()
    newest = head.number if head else 0
    return Seal.objects.filter(sealed_at__lt=before, number__lt=newest).order_by("number")


def cut(before: datetime) -> int:
    """Delete the events that were sealed before this moment, with their seals and the checks of
    that time. Returns how many events. Raises `ValueError` where the chain is broken: what is there
    then is evidence, and stays."""
    deleted = 0
    while gone := _cut_batch(before):
        deleted += gone
    return deleted


@transaction.atomic
def _cut_batch(before: datetime) -> int:
    seals = list(_oldest(before)[:BATCH])
    if not seals:
        return 0
    last = chain.follow(seals)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('supportgroups.cutting', 'on', true)")
        Event.objects.filter(pk__in=[seal.event_id for seal in seals]).delete()
        Seal.objects.filter(number__lte=last.number).delete()
        TrailCheck.objects.filter(checked_at__lt=before, head_number__lte=last.number).delete()
        Anchor.objects.all().delete()
        Anchor.objects.create(number=last.number, hash=last.hash)
        cursor.execute("SELECT set_config('supportgroups.cutting', '', true)")
    return len(seals)
