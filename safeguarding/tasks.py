"""Mail about one concern, later."""

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from safeguarding import emails
from safeguarding.models import Concern


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_named_person(concern_id: str) -> None:
    """Tell the named person that a task waits for them, once.

    The row is locked while the mail is handed over and marked only after that: a worker killed
    in between sends it again. For a concern, twice is better than never.
    """
    with transaction.atomic():
        concern = (
            Concern.objects.open()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("assigned_to", "organisation")
            .filter(pk=concern_id, told_at__isnull=True, assigned_to__isnull=False)
            .first()
        )
        if concern is None:
            return
        emails.send_task_notice(concern)
        concern.told_at = timezone.now()
        concern.save(update_fields=["told_at"])
