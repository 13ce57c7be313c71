"""Belonging to a group: its agreement and waiting list, leaving, removal, and somebody close."""

from typing import Any, cast
from urllib.parse import quote, urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from groups import actions, differences, rules
from groups.membership_forms import (
    AgreementForm,
    AppealDecisionForm,
    AppealForm,
    CompanionForm,
    LeaveForm,
    OfferForm,
    RemovalForm,
)
from groups.models import Agreement, CompanionInvitation, Membership, Notice, SupportGroup
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused

PAGE_SIZE = 20
#: Where each kind of news stands. The others stand on the group's page.
_NEWS_STANDS_AT = {
    Notice.Kind.OFFERED: "groups:offer",
    Notice.Kind.OFFER_EXPIRED: "groups:offer",
    Notice.Kind.REMOVED: "groups:removal",
    Notice.Kind.APPEAL_DECIDED: "groups:removal",
    Notice.Kind.AGREEMENT: "groups:agreement",
}


def _person(request: HttpRequest) -> User:
    """Who is signed in. The middleware sends everybody else to the sign-in first."""
    return cast(User, request.user)


def _is_visible(request: HttpRequest, group: SupportGroup) -> bool:
    """Whether the group's own page is there for this person: not after it closed for them."""
    return rules.groups_visible_to(request.user).filter(pk=group.pk).exists()


@require_safe
def notice(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Lead from a mail, which names no group, to where the news stands."""
    found = get_object_or_404(rules.notices_of(request.user), pk=pk)
    if found.kind == Notice.Kind.APPEAL_ASKED:
        return redirect("groups:appeal_list")
    page = _NEWS_STANDS_AT.get(Notice.Kind(found.kind), "groups:group_detail")
    if page == "groups:group_detail" and not _is_visible(request, found.group):
        page = "groups:left"
    return redirect(page, slug=found.group.slug)


# The agreement ------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def agreement(request: HttpRequest, slug: str) -> HttpResponse:
    """Read and sign the current version, with what changed; see what was signed."""
    group = get_object_or_404(rules.groups_visible_to(request.user), slug=slug)
    membership = rules.check_may_sign(request.user, group)
    current = group.agreements.latest("version")
    form = AgreementForm(request.POST or None, membership=membership, agreement=current)
    if request.method == "POST" and form.is_valid():
        actions.sign_agreement(
            membership=membership,
            agreement=current,
            signed_name=form.cleaned_data["signed_name"],
            by=membership.user,
        )
        messages.success(request, "Thank you for signing. You can come to the next session.")
        return redirect("groups:group_detail", slug=group.slug)
    signed = list(rules.signatures_of(request.user, group))
    signature = next((s for s in signed if s.agreement_id == current.pk), None)
    if signature is not None and signature.membership_id != membership.pk:
        signature = None
    earlier = next((s for s in signed if s.agreement.version < current.version), None)
    context = {
        "form": form,
        "group": group,
        "membership": membership,
        "agreement": current,
        "signature": signature,
        "signed": signed,
        **(_what_changed(group, earlier.agreement, current) if earlier and not signature else {}),
    }
    return render_page(request, "groups/agreement.html", context)


def _what_changed(group: SupportGroup, before: Agreement, now: Agreement) -> dict[str, Any]:
    """What a person who signed an earlier version has to know before signing again."""
    changes = differences.compare(before.clauses(), now.clauses())
    newer = group.agreements.filter(version__gt=before.version).order_by("version")
    return {
        "earlier": before,
        "changes": [change for change in changes if change.kind != "same"],
        "clauses": changes,
        "words": [version.what_changed for version in newer if version.what_changed],
    }


@require_safe
def agreement_copy(request: HttpRequest, slug: str) -> HttpResponse:
    """One's own signed copy as a file: the words, the version, the name and the date."""
    group = get_object_or_404(rules.groups_belonged_to(request.user), slug=slug)
    signed = rules.signatures_of(request.user, group)
    if (version := request.GET.get("version", "")).isdecimal() and len(version) < 5:
        signed = signed.filter(agreement__version=int(version))
    signature = signed.first()
    if signature is None:
        raise Http404("Nothing was signed.")
    context = {"group": group, "signature": signature, "agreement": signature.agreement}
    response = render(request, "groups/agreement_copy.html", context)
    # The name tells nothing to whoever sees the list of downloads.
    name = f"signed-agreement-version-{signature.agreement.version}.html"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# The waiting list, leaving and coming back --------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, slug: str) -> HttpResponse:
    """A free place that is kept for this person: take it, or not now; and the waiting list."""
    group = get_object_or_404(rules.groups_belonged_to(request.user), slug=slug)
    membership = rules.latest_membership(request.user, group)
    if not _is_visible(request, group):
        return redirect("groups:left", slug=group.slug)
    form = OfferForm(request.POST if request.method == "POST" else None)
    refused = None
    if request.method == "POST" and form.is_valid():
        try:
            if form.cleaned_data["answer"] == OfferForm.TAKE:
                actions.take_offer(membership=membership, by=membership.user)
                messages.success(request, "The place is yours. One step is left.")
                return redirect("groups:agreement", slug=group.slug)
            actions.decline_offer(membership=membership, by=membership.user)
            messages.success(request, "Thank you for saying so. Somebody else is asked now.")
            return redirect("groups:offer", slug=group.slug)
        except Refused as no:
            refused = no
            membership.refresh_from_db()
    context = {
        "group": group,
        "membership": membership,
        "holds": rules.offer_holds(membership),
        "place_in_line": rules.place_in_line(membership),
        "wait": rules.expected_wait(group),
        "takes_nobody": rules.why_takes_nobody(group),
        "signed": rules.signatures_of(request.user, group).filter(membership=membership).exists(),
        "back_until": rules.comes_back_until(membership),
        "may_come_back": rules.why_not_back(request.user, group) is None,
        "refused": refused,
    }
    status = 409 if refused else 200
    return render_page(request, "groups/offer.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what leaving means, and leave."""
    group = get_object_or_404(rules.groups_visible_to(request.user), slug=slug)
    membership = rules.check_may_leave(request.user, group)
    application = getattr(membership, "application", None)
    if membership.status == Membership.Status.APPLIED and application is not None:
        return redirect("screening:application_detail", application.pk)
    form = LeaveForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        actions.withdraw(
            membership=membership, by=membership.user, reason=form.cleaned_data["reason"]
        )
        return redirect("groups:left", slug=group.slug)
    context = {
        "form": form,
        "group": group,
        "membership": membership,
        "days_back": rules.COMES_BACK_WITHIN.days,
        "has_way_back": rules.came_as_far_as_the_list(membership),
    }
    return render_page(request, "groups/leave.html", context)


@require_safe
def left(request: HttpRequest, slug: str) -> HttpResponse:
    """Thank somebody who left, and show the way back; say what became of a group that is gone."""
    group = get_object_or_404(rules.groups_belonged_to(request.user), slug=slug)
    membership = rules.latest_membership(request.user, group)
    by_choice = membership.status == Membership.Status.WITHDRAWN
    if membership.status == Membership.Status.REMOVED:
        return redirect("groups:removal", slug=group.slug)
    if not by_choice and _is_visible(request, group):
        return redirect("groups:offer", slug=group.slug)
    context = {
        "group": group,
        "by_choice": by_choice,
        "membership": membership,
        "back_until": rules.comes_back_until(membership),
        "may_come_back": rules.why_not_back(request.user, group) is None,
        "copies": rules.signatures_of(request.user, group).exists(),
    }
    return render_page(request, "groups/left.html", context)


@require_POST
def come_back(request: HttpRequest, slug: str) -> HttpResponse:
    """Within 14 days of leaving: a place if one is free, else the waiting list."""
    group = get_object_or_404(rules.groups_belonged_to(request.user), slug=slug)
    membership = actions.come_back(group=group, by=_person(request))
    if membership.status == Membership.Status.ACCEPTED:
        messages.success(request, "Welcome back. Please sign the agreement once more.")
        return redirect("groups:agreement", slug=group.slug)
    messages.success(request, "Welcome back. No place is free now, so you are on the list.")
    return redirect("groups:offer", slug=group.slug)


# Staff: who belongs, and ending it ----------------------------------------------------------------

_LISTS = {
    "members": Q(status__in=Membership.HAS_A_PLACE),
    "waiting": Q(status__in=[Membership.Status.OFFERED, Membership.Status.WAITLISTED]),
    # Who asked and never came as far as the list stands among the requests.
    "left": Q(ended_at__isnull=False, unnamed_at=None) & ~Q(accepted_at=None, waitlisted_at=None),
}
_ORDERS = {
    "members": ["-status", "accepted_at", "pk"],
    "waiting": ["status", "waitlisted_at", "applied_at", "pk"],
    "left": ["-ended_at", "pk"],
}


def _listed(members: QuerySet[Membership], show: str) -> QuerySet[Membership]:
    return members.filter(_LISTS[show]).order_by(*_ORDERS[show])


@require_safe
def member_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Who belongs, who waits in which order, and who has left; for staff."""
    group = get_object_or_404(rules.groups_visible_to(request.user), slug=slug)
    members = rules.members_shown_to(request.user, group)
    show = request.GET.get("show", "")
    show = show if show in _LISTS else "members"
    page = Paginator(_listed(members, show), PAGE_SIZE).get_page(request.GET.get("page"))
    places = rules.places_in_line(group) if show == "waiting" else {}
    context = {
        "group": group,
        "show": show,
        "page": page,
        "rows": [(membership, places.get(membership.pk)) for membership in page],
        "counts": {name: members.filter(listed).count() for name, listed in _LISTS.items()},
        **rules.seat_counts(group),
        "agreement": group.current_agreement(),
        "takes_nobody": rules.why_takes_nobody(group),
    }
    return render_page(request, "groups/member_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def member_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say what removing somebody means, ask why, and do it."""
    found = get_object_or_404(rules.memberships_staffed_by(request.user), pk=pk)
    membership = rules.check_may_remove(request.user, found)
    form = RemovalForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        actions.remove(
            membership=membership, by=_person(request), reason=form.cleaned_data["reason"]
        )
        messages.success(request, f"{membership.user.public_name} no longer belongs to the group.")
        return redirect("groups:member_list", slug=membership.group.slug)
    context = {
        "form": form,
        "membership": membership,
        "group": membership.group,
        "appeal_days": rules.APPEALS_WITHIN.days,
        "has_decider": bool(rules.appeal_deciders(membership, removed_by=_person(request))),
    }
    return render_page(request, "groups/member_remove.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def removal(request: HttpRequest, slug: str) -> HttpResponse:
    """For the person who was removed: why, and how to ask that somebody else looks again."""
    group = get_object_or_404(rules.groups_belonged_to(request.user), slug=slug)
    membership = rules.latest_removal(request.user, group)
    if membership is None:
        raise Http404("Nobody was removed.")
    form = AppealForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        actions.appeal(membership=membership, words=form.cleaned_data["words"], by=membership.user)
        return redirect("groups:removal", slug=group.slug)
    appeal = rules.appeal_of(membership)
    until = rules.appeals_until(membership)
    context = {
        "group": group,
        "membership": membership,
        "appeal": appeal,
        "until": until,
        "may_appeal": appeal is None and timezone.now() <= until,
        "form": form,
        "answer_days": rules.APPEAL_ANSWERED_WITHIN.days,
        "has_decider": bool(rules.appeal_deciders(membership, removed_by=membership.ended_by)),
        "now": rules.standing(request.user, group),
        "no_way_back": rules.why_no_way_back(membership),
    }
    return render_page(request, "groups/removal.html", context)


@require_safe
def appeal_list(request: HttpRequest) -> HttpResponse:
    """Second looks at removals that this person decides, the earliest promise first."""
    rules.check_may_see_appeals(request.user)
    appeals = rules.appeals_decided_by(request.user)
    page = Paginator(rules.undecided_first(appeals), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "open": appeals.filter(decided_at__isnull=True).count(),
        "now": timezone.now(),
    }
    return render_page(request, "groups/appeal_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def appeal_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What happened, what the person says, and the decision."""
    appeal = get_object_or_404(rules.appeals_decided_by(request.user), pk=pk)
    no_way_back = rules.why_no_way_back(appeal.membership)
    data = request.POST if request.method == "POST" else None
    form = AppealDecisionForm(data, gives_place=not no_way_back)
    too_late = False
    if request.method == "POST" and form.is_valid():
        try:
            actions.decide_appeal(appeal=appeal, by=_person(request), **form.cleaned_data)
            messages.success(request, "It is decided, and the person is told.")
            return redirect("groups:appeal_list")
        except Refused:
            too_late = True
            appeal.refresh_from_db()
    context = {
        "appeal": appeal,
        "membership": appeal.membership,
        "group": appeal.membership.group,
        "removed_by": appeal.removed_by,
        "form": None if appeal.decided_at else form,
        "too_late": too_late,
        "left": rules.seats_left(appeal.membership.group),
        "no_way_back": no_way_back,
    }
    status = 409 if too_late else 200
    return render_page(request, "groups/appeal_detail.html", context, status=status)


# Somebody close -----------------------------------------------------------------------------------


def _invitation_link(invitation: CompanionInvitation) -> str:
    token = rules.companion_token(invitation)
    return settings.SITE_URL + reverse("groups:companion_welcome", args=[token])


def _mail_address(link: str) -> str:
    """Opens the member's own mail program with words that give nothing away."""
    words = {
        "subject": "Something I would like to share with you",
        "body": f"I would like to show you something. Please open this when you are alone:\n{link}",
    }
    return f"mailto:?{urlencode(words, quote_via=quote)}"


@require_http_methods(["GET", "HEAD", "POST"])
def companion(request: HttpRequest, slug: str) -> HttpResponse:
    """Invite one partner or family member, and see what became of it."""
    group = get_object_or_404(rules.groups_visible_to(request.user), slug=slug)
    membership = rules.check_may_invite(request.user, group)
    form = CompanionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        actions.invite_companion(
            group=group, relation=form.cleaned_data["relation"], by=_person(request)
        )
        return redirect("groups:companion", slug=group.slug)
    invitation = rules.invitation_to_show(membership)
    link = _invitation_link(invitation) if invitation else ""
    context = {
        "group": group,
        "form": form,
        "invitation": invitation,
        "link": link,
        "mailto": _mail_address(link),
        "companion": rules.companion_of(membership),
        "days": rules.INVITATION_HOLDS.days,
    }
    return render_page(request, "groups/companion.html", context)


@require_POST
def companion_withdraw(request: HttpRequest, slug: str) -> HttpResponse:
    """Take an invitation back: its link leads nowhere any more."""
    group = get_object_or_404(rules.groups_visible_to(request.user), slug=slug)
    membership = rules.check_may_invite(request.user, group)
    invitation = rules.invitation_to_show(membership)
    if invitation is not None:
        actions.withdraw_companion_invitation(invitation=invitation, by=_person(request))
    messages.success(request, "Your invitation is taken back. Its link no longer works.")
    return redirect("groups:companion", slug=group.slug)


@login_not_required  # whoever holds the link may read what it is about
@require_http_methods(["GET", "HEAD", "POST"])
def companion_welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Tell an invited person what this is, and lead on to the questions."""
    invitation = rules.invitation_of(token)
    if invitation is None:
        raise Http404("No such invitation.")
    rules.check_may_follow(request.user, invitation)
    group = invitation.membership.group
    if request.method == "POST":
        request.session["companion_invitation"] = str(invitation.pk)
        return redirect("screening:join", slug=group.slug)
    context = {"invitation": invitation, "group": group, "inviter": invitation.membership.user}
    return render_page(request, "groups/companion_welcome.html", context)
