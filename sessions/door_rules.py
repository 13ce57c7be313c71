"""Who comes in late, who is new, and what stands at the door. Asks, never writes."""

from django.db.models import Exists, OuterRef, QuerySet

from sessions.models import Attendance, SupportSession


def newcomers_in(support_session: SupportSession) -> QuerySet[Attendance]:
    """Of those who have come to this session, whoever has been to none of the group before."""
    before = Attendance.objects.filter(
        membership__user=OuterRef("membership__user"),
        support_session__group=support_session.group_id,
        status__in=Attendance.CAME,
    ).exclude(support_session=support_session.pk)
    return (
        support_session.attendances.filter(~Exists(before), first_seen_at__isnull=False)
        .select_related("membership__user")
        .order_by("first_seen_at")
    )
