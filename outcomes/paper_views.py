"""Questions on paper: print sheets without names, type them in by their code."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from groups.models import SupportGroup
from groups.rules import groups_visible_to
from instruments.schema import Item
from outcomes import paper_actions, paper_rules, rules
from outcomes.models import SurveyInvitation
from outcomes.paper_forms import CodeForm, PrintForm, SheetForm
from safeguarding.crisis import crisis_help
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused


def _group(request: HttpRequest, slug: str) -> tuple[SupportGroup, User]:
    """The group, and who may use paper in it."""
    visible = groups_visible_to(request.user).select_related("organisation")
    group = get_object_or_404(visible, slug=slug)
    return group, paper_rules.check_may_use_paper(request.user, group)


@require_http_methods(["GET", "HEAD", "POST"])
def paper_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Who has questions open, to print them; and a field for the code of a sheet that came back."""
    group, user = _group(request, slug)
    invitations = paper_rules.to_print(group, user)
    prints = "print" in request.POST
    form = PrintForm(request.POST if prints else None, invitations=invitations)
    code_form = CodeForm(request.POST if request.method == "POST" and not prints else None)
    if form.is_valid():
        codes = paper_actions.print_sheets(group=group, invitations=form.chosen(), by=user)
        return redirect("outcomes:paper_sheets", slug, "-".join(codes))
    if code_form.is_valid():
        found = paper_rules.sheet_with(group, user, code_form.cleaned_data["code"])
        if found is not None:
            return redirect("outcomes:paper_sheet", slug, found.paper_code)
        code_form.add_error("code", "No sheet of this group has this code. Look at it once more.")
    handed_out = [each for each in invitations if each.paper_code]
    context = {
        "group": group,
        "form": form,
        "code_form": code_form,
        "handed_out": [
            {
                "who": each.membership.user.public_name,
                "what": rules.short_title(each.plan.instrument),
                "code": paper_rules.shown(each.paper_code or ""),
            }
            for each in handed_out
        ],
    }
    return render_page(request, "outcomes/paper_list.html", context)


@require_safe
def paper_sheets(request: HttpRequest, slug: str, codes: str) -> HttpResponse:
    """The sheets themselves: large type, a code, no name."""
    group, user = _group(request, slug)
    found = paper_rules.sheets(group, user, codes.split("-"))
    if not found:
        raise Http404
    sheets = [_printed(each) for each in found]
    context = {
        "group": group,
        "sheets": sheets,
        "help": crisis_help(AnonymousUser(), group.organisation),
        "names": [f"{sheet['code']}: {sheet['who']}" for sheet in sheets],
    }
    return render_page(request, "outcomes/paper_sheets.html", context)


def _printed(invitation: SurveyInvitation) -> dict[str, Any]:
    instrument = invitation.plan.instrument
    definition = instrument.parsed()
    numbers = {item.id: number for number, item in enumerate(definition.all_items, start=1)}

    def rows(items: tuple[Item, ...]) -> list[dict[str, Any]]:
        return [
            {
                "item": item,
                "number": numbers[item.id],
                "only": paper_rules.instruction(definition, item),
            }
            for item in items
        ]

    labels = {tuple(option.label for option in item.options) for item in definition.items}
    return {
        "code": paper_rules.shown(invitation.paper_code or ""),
        "who": invitation.membership.user.public_name,
        "name": rules.plain_name(instrument),
        "recall": rules.recall_in_words(definition),
        "definition": definition,
        "opening": rows(definition.opening_items),
        "scored": rows(definition.items),
        "extra": rows(definition.extra_items),
        "labels": labels.pop() if len(labels) == 1 and len(definition.items) > 2 else None,
        "acts": bool(definition.risk_rules),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def paper_sheet(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """Type one sheet in. It shows no name: what somebody answered is read with the code only."""
    group, user = _group(request, slug)
    invitation = paper_rules.sheet_with(group, user, code)
    if invitation is None:
        raise Http404
    paper_rules.check_may_type_in(user, invitation)
    sheet = rules.sheet_of(invitation)
    form = SheetForm(
        request.POST if request.method == "POST" else None,
        definition=sheet.definition,
        days=paper_rules.days_possible(invitation),
    )
    if form.is_valid():
        try:
            risks = paper_actions.type_in(
                invitation=invitation,
                answers=form.answers(),
                answered_on=form.cleaned_data["answered_on"],
                by=user,
            )
        except Refused as no:
            form.add_error(None, no.message)
        else:
            if any(rules.needs_a_person(risk) for risk in risks):
                return redirect("outcomes:paper_worry", slug, code)
            messages.success(request, f"Sheet {paper_rules.shown(code)} is in. Please shred it.")
            return redirect("outcomes:paper_list", slug)
    context = {
        "group": group,
        "form": form,
        "code": paper_rules.shown(code),
        "definition": sheet.definition,
        "begun": sheet.answered,
    }
    return render_page(request, "outcomes/paper_sheet.html", context)


@require_safe
def paper_worry(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """An answer on the sheet asks for a person today: what happens, and what to do."""
    group, user = _group(request, slug)
    invitation = paper_rules.sheet_with(group, user, code)
    response = getattr(invitation, "response", None)
    if invitation is None or response is None or response.submitted_at is None:
        raise Http404
    concern = rules.concerns_from(response).first()
    if concern is None:
        return redirect("outcomes:paper_list", slug)
    context = {
        "group": group,
        "concern": concern,
        "code": paper_rules.shown(code),
        "help": crisis_help(AnonymousUser(), group.organisation),
    }
    return render_page(request, "outcomes/paper_worry.html", context)
