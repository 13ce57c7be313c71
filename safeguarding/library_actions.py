"""Keep the library of vetted sources."""

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Organisation, User
from audit.trail import record
from safeguarding import library_rules
from safeguarding.models import Resource


@transaction.atomic
def keep_resource(
    *,
    organisation: Organisation,
    title: str,
    summary: str,
    source: str,
    url: str,
    review_until: date,
    by: User,
    resource: Resource | None = None,
    at: datetime | None = None,
) -> Resource:
    """Add a source, or change one. Either means: I have read it today, and it is right."""
    library_rules.check_may_keep(by, organisation)
    today = timezone.localdate(at)
    library_rules.check_review_until(review_until, today=today)
    # Two who add the same source at once take turns here.
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    library_rules.check_title_is_free(title, organisation, besides=resource)
    is_new = resource is None
    if resource is None:
        resource = Resource(organisation=organisation)
    resource.title, resource.summary, resource.source = title, summary, source
    resource.url = url
    resource.reviewed_by, resource.reviewed_on = by, today
    resource.review_until = review_until
    resource.save()
    verb = "resource.added" if is_new else "resource.reviewed"
    record(verb, by=by, on=resource, organisation=organisation.pk, at=at)
    return resource


@transaction.atomic
def retire_resource(*, resource: Resource, by: User, at: datetime | None = None) -> Resource:
    """Take a source out of the library: it stands under no message any more. Twice is once."""
    library_rules.check_may_keep(by, resource.organisation)
    resource = Resource.objects.select_for_update().get(pk=resource.pk)
    if resource.retired_at is None:
        resource.retired_at, resource.retired_by = at or timezone.now(), by
        resource.save(update_fields=["retired_at", "retired_by"])
        record("resource.retired", by=by, on=resource, organisation=resource.organisation_id, at=at)
    return resource
