"""What the purge does with accounts that nobody uses."""

from django.db.models import QuerySet

from accounts.models import User
from supportgroups.closing.actions import close_account


def close_unused(people: QuerySet[User]) -> int:
    """Close them as their people would. Returns how many."""
    return sum(close_account(user=person, by=None) for person in people)
