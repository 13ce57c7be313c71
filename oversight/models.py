"""Emergency access: that somebody opened what their role does not show them, for an hour."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import UUID7
from django.utils import timezone

from accounts.models import Organisation, User
from supportgroups.lib.encrypted_fields import EncryptedTextField
from supportgroups.lib.ids import uuid7


class EmergencyAccessQuerySet(models.QuerySet["EmergencyAccess"]):
    def running(self, at: datetime | None = None) -> Self:
        """Not over and not ended by anybody."""
        return self.filter(ends_at__gt=at or timezone.now(), closed_at__isnull=True)

    def over(self, at: datetime | None = None) -> Self:
        return self.filter(Q(ends_at__lte=at or timezone.now()) | Q(closed_at__isnull=False))


class EmergencyAccess(models.Model):
    """One person opens what another answered, with a reason that both coordinators and the person
    concerned read.
    """

    LASTS = timedelta(minutes=60)

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="emergency_accesses"
    )
    about = models.ForeignKey(User, on_delete=models.CASCADE, related_name="emergency_accesses")
    reason = EncryptedTextField()
    opened_at = models.DateTimeField(default=timezone.now)
    opened_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    ends_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: When the mail to the coordinators went out, and how often it was tried.
    announced_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: The same of the mail to the person, once it is over.
    told_at = models.DateTimeField(null=True, blank=True)
    told_attempts = models.PositiveSmallIntegerField(default=0)

    objects = EmergencyAccessQuerySet.as_manager()

    class Meta:
        verbose_name = "emergency access"
        verbose_name_plural = "emergency accesses"
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(
                name="oversight_emergencyaccess_has_a_reason", condition=~Q(reason="")
            ),
            models.CheckConstraint(
                name="oversight_emergencyaccess_lasts_an_hour",
                condition=Q(ends_at__gt=F("opened_at"))
                & Q(ends_at__lte=F("opened_at") + timedelta(minutes=60)),
            ),
            models.CheckConstraint(
                name="oversight_emergencyaccess_about_somebody_else",
                condition=~Q(opened_by=F("about")) | Q(opened_by__isnull=True),
            ),
            models.CheckConstraint(
                name="oversight_emergencyaccess_told_afterwards",
                condition=Q(told_at__isnull=True)
                | Q(told_at__gte=F("ends_at"))
                | Q(closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Emergency access of {self.opened_at:%d %B %Y}"

    @property
    def is_running(self) -> bool:
        """`running()` says the same of many."""
        return self.closed_at is None and self.ends_at > timezone.now()
