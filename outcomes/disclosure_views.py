"""A summary for one's own clinician: choose, look, sign, hand over, take back."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.reauthentication import recently_confirmed
from outcomes import disclosure_actions, disclosure_rules, own, summaries
from outcomes.disclosure_forms import DisclosureForm, SignForm
from outcomes.models import Disclosure, DisclosureFile
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused


def _person(request: HttpRequest) -> User:
    """The signed-in person; the middleware lets nobody else in."""
    return cast(User, request.user)


def _disclosure(request: HttpRequest, pk: UUID) -> Disclosure:
    """The person's own; somebody else's does not exist for them."""
    return get_object_or_404(disclosure_rules.disclosures_of(_person(request)), pk=pk)


def _form(request: HttpRequest, **kwargs: Any) -> DisclosureForm:
    person = _person(request)
    check_ins = own.check_ins_of(person, zone=summaries.zone_of(person))
    return DisclosureForm(
        request.POST if request.method == "POST" else None,
        person=person,
        courses=own.courses_of(check_ins),
        attended=own.attended_by(person),
        **kwargs,
    )


@require_safe
def disclosure_list(request: HttpRequest) -> HttpResponse:
    """What a summary is, and those this person has made."""
    found = disclosure_rules.disclosures_of(request.user)
    context = {
        "drafts": found.filter(signed_at__isnull=True),
        "standing": found.standing(),
        "ended": found.filter(ended_at__isnull=False).order_by("-ended_at"),
    }
    return render_page(request, "outcomes/disclosure_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def disclosure_begin(request: HttpRequest) -> HttpResponse:
    """What goes in, for whom, why and until when."""
    form = _form(request)
    if form.is_valid():
        disclosure = disclosure_actions.begin_disclosure(by=_person(request), **form.chosen())
        return redirect("outcomes:disclosure_sign", disclosure.pk)
    return render_page(request, "outcomes/disclosure_form.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def disclosure_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Choose something else before signing."""
    disclosure = _disclosure(request, pk)
    disclosure_rules.check_is_draft(request.user, disclosure)
    form = _form(request, initial=_chosen_before(disclosure))
    if form.is_valid():
        disclosure_actions.change_disclosure(
            disclosure=disclosure, by=_person(request), **form.chosen()
        )
        return redirect("outcomes:disclosure_sign", pk)
    context = {"form": form, "disclosure": disclosure}
    return render_page(request, "outcomes/disclosure_form.html", context)


def _chosen_before(disclosure: Disclosure) -> dict[str, Any]:
    """The form as it was filled in: lengths of time as the choice that is nearest."""
    begun = timezone.localdate(disclosure.begun_at, summaries.zone_of(disclosure.user))
    days = (disclosure.ends_on - begun).days
    since = "all" if disclosure.since is None else str((begun - disclosure.since).days)
    return {
        "instruments": disclosure.instruments,
        "since": since,
        "with_answers": "yes" if disclosure.with_answers else "no",
        "with_attendance": disclosure.with_attendance,
        "recipient_name": disclosure.recipient_name,
        "recipient_organisation": disclosure.recipient_organisation,
        "person_name": disclosure.person_name,
        "purpose": disclosure.purpose,
        "ends_after": min(dict(disclosure_rules.ENDS_AFTER), key=lambda each: abs(each - days)),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def disclosure_sign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Everything that would be in it and what is signed, then the signature."""
    disclosure = _disclosure(request, pk)
    if disclosure.signed_at is not None:
        return redirect("outcomes:disclosure_detail", pk)
    form = SignForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            disclosure_actions.sign_disclosure(
                disclosure=disclosure, by=_person(request), **form.cleaned_data
            )
            return redirect("outcomes:disclosure_detail", pk)
        except Refused as no:
            form.add_error("signature", no.message)
    context = {"form": form, "summary": summaries.summary_of(disclosure), "disclosure": disclosure}
    return render_page(request, "outcomes/disclosure_sign.html", context)


@require_safe
def disclosure_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far it is, the files to hand over, what was signed, and the way to take it back."""
    disclosure = _disclosure(request, pk)
    if disclosure.signed_at is None:
        return redirect("outcomes:disclosure_sign", pk)
    holds = disclosure_rules.holds(disclosure)
    context = {
        "disclosure": disclosure,
        "holds": holds,
        "given_up": disclosure_rules.is_given_up(disclosure),
        "is_working": holds and disclosure.made_at is None,
        "terms": disclosure.terms,
    }
    return render_page(request, "outcomes/disclosure_detail.html", context, "summary-state")


@require_http_methods(["GET", "HEAD", "POST"])
def disclosure_revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What taking it back means, then the end of it."""
    disclosure = _disclosure(request, pk)
    if not disclosure_rules.holds(disclosure):
        return redirect("outcomes:disclosure_detail", pk)
    if request.method == "POST":
        disclosure_actions.revoke_disclosure(disclosure=disclosure, by=_person(request))
        messages.success(request, "You took it back. The files are deleted.")
        return redirect("outcomes:disclosure_list")
    return render_page(request, "outcomes/disclosure_revoke.html", {"disclosure": disclosure})


@require_safe
@recently_confirmed(gives_file=True)
def disclosure_pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The summary to print or to send."""
    return _file(request, pk, DisclosureFile.Kind.PDF, "application/pdf", "pdf")


@require_safe
@recently_confirmed(gives_file=True)
def disclosure_fhir(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The summary for other software."""
    return _file(request, pk, DisclosureFile.Kind.FHIR, "application/fhir+json", "json")


def _file(
    request: HttpRequest, pk: UUID, kind: str, content_type: str, extension: str
) -> HttpResponse:
    disclosure = _disclosure(request, pk)
    content = disclosure_actions.hand_out(disclosure=disclosure, kind=kind, by=_person(request))
    response = HttpResponse(content, content_type=content_type)
    # The name tells nothing to whoever sees the list of downloads.
    name = f"summary-{timezone.localdate(disclosure.signed_at):%Y-%m-%d}.{extension}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
