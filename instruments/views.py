"""The questionnaires of an organisation, for its coordinators."""

import json
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Organisation, User
from accounts.rules import organisations_coordinated_by
from instruments import actions, explanations, rules
from instruments.blanks import Blank
from instruments.collection import Entry, collection_of, entry_of, shelves_of
from instruments.fhir import questionnaire
from instruments.forms import (
    FhirForm,
    FhirWordsForm,
    LicenceForm,
    TermsForm,
    WordsForm,
    initial_words,
)
from instruments.schema import Definition
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _organisation(request: HttpRequest, slug: str) -> Organisation:
    """Another organisation's questionnaires do not exist for this person."""
    return get_object_or_404(organisations_coordinated_by(request.user), slug=slug)


def _entry(organisation: Organisation, code: str) -> Entry:
    entry = entry_of(organisation, code)
    if entry is None:
        raise Http404
    return entry


@require_safe
def questionnaire_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Every questionnaire, by what can be done with it."""
    organisation = _organisation(request, slug)
    shelves = dict(shelves_of(collection_of(organisation)))
    return render_page(
        request,
        "instruments/questionnaire_list.html",
        {"organisation": organisation, "shelves": shelves},
    )


@require_safe
def questionnaire_detail(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """Exact words, scoring with its sources, and what has to be done before it can be asked."""
    organisation = _organisation(request, slug)
    return _detail(request, organisation, _entry(organisation, code), TermsForm())


def _detail(
    request: HttpRequest, organisation: Organisation, entry: Entry, form: TermsForm
) -> HttpResponse:
    context = {"organisation": organisation, "entry": entry, "form": form}
    return render_page(
        request,
        "instruments/questionnaire_detail.html",
        context | _explained(entry.definition),
    )


def _explained(definition: Definition) -> dict[str, Any]:
    return {
        "definition": definition,
        "asked": explanations.asked_in(definition),
        "shared": explanations.shared_options(definition),
        "reversed": explanations.reversed_in_words(definition),
        "parts": explanations.parts_of(definition),
        "risks": [
            (explanations.risk_in_words(rule, definition), rule) for rule in definition.risk_rules
        ],
    }


@require_POST
def questionnaire_accept(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """Accept the terms that were on the page."""
    organisation = _organisation(request, slug)
    entry = _entry(organisation, code)
    if entry.instrument is None:
        raise Http404
    form = TermsForm(request.POST)
    if not form.is_valid():
        return _detail(request, organisation, entry, form)
    try:
        actions.accept_terms(
            organisation=organisation,
            instrument=entry.instrument,
            terms=form.cleaned_data["terms"],
            by=_person(request),
        )
        messages.success(request, f"{entry.title} can be asked from now on.")
    except Refused as no:
        messages.warning(request, no.message)
    return redirect("instruments:questionnaire_detail", slug, code)


@require_POST
def questionnaire_withdraw(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """Take the acceptance back."""
    organisation = _organisation(request, slug)
    entry = _entry(organisation, code)
    actions.withdraw_terms(organisation=organisation, code=code, by=_person(request))
    messages.success(request, f"Nobody is asked {entry.title} from now on. Answers are kept.")
    return redirect("instruments:questionnaire_detail", slug, code)


@require_http_methods(["GET", "HEAD", "POST"])
def questionnaire_licence(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """Record the licence, or the one that follows it."""
    organisation = _organisation(request, slug)
    entry = _entry(organisation, code)
    rules.check_takes_a_licence(organisation, code)
    form = LicenceForm(request.POST or None, instance=entry.licence)
    if request.method == "POST" and form.is_valid():
        actions.record_licence(
            organisation=organisation, code=code, by=_person(request), **form.cleaned_data
        )
        messages.success(request, "The licence is on record.")
        if entry.instrument is None:
            return redirect("instruments:questionnaire_words", slug, code)
        return redirect("instruments:questionnaire_detail", slug, code)
    context = {"organisation": organisation, "entry": entry, "form": form}
    return render_page(request, "instruments/questionnaire_licence.html", context)


@require_POST
def questionnaire_end(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """Take the licence off the record."""
    organisation = _organisation(request, slug)
    entry = _entry(organisation, code)
    actions.end_licence(organisation=organisation, code=code, by=_person(request))
    messages.success(request, f"Nobody is asked {entry.title} from now on. Answers are kept.")
    return redirect("instruments:questionnaire_detail", slug, code)


@require_http_methods(["GET", "HEAD", "POST"])
def questionnaire_words(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """Enter the wording, correct it, or read it from a FHIR Questionnaire first."""
    organisation = _organisation(request, slug)
    entry = _entry(organisation, code)
    blank = entry.blank
    if blank is None:
        raise Http404
    try:
        rules.check_may_enter_words(organisation, code)
    except Refused as no:
        messages.warning(request, no.message)
        return redirect("instruments:questionnaire_licence", slug, code)
    reads = "read" in request.POST
    reader = FhirWordsForm(
        request.POST if reads else None, request.FILES if reads else None, blank=blank
    )
    form = WordsForm(
        request.POST if request.method == "POST" and not reads else None,
        blank=blank,
        initial=_initial(entry, blank, reader),
    )
    if form.is_valid() and _enter(request, organisation, blank, form):
        return redirect("instruments:questionnaire_detail", slug, code)
    context = {
        "organisation": organisation,
        "entry": entry,
        "form": form,
        "reader": reader,
        "reversed": explanations.reversed_in_words(entry.definition),
    }
    return render_page(request, "instruments/questionnaire_words.html", context)


def _initial(entry: Entry, blank: Blank, reader: FhirWordsForm) -> dict[str, str]:
    """The words that are there, or those that were just read."""
    if reader.is_bound and reader.is_valid():
        return reader.found
    if entry.instrument is not None:
        return initial_words(blank, entry.definition)
    return {}


def _enter(request: HttpRequest, organisation: Organisation, blank: Blank, form: WordsForm) -> bool:
    try:
        instrument = actions.enter_words(
            organisation=organisation,
            blank=blank,
            words=form.words,
            notice=form.cleaned_data["notice"],
            by=_person(request),
        )
    except Refused as no:
        form.add_error(None, no.message)
        return False
    messages.success(request, f"Version {instrument.version} of the wording is kept.")
    return True


@require_http_methods(["GET", "HEAD", "POST"])
def questionnaire_import(request: HttpRequest, slug: str) -> HttpResponse:
    """Read a FHIR Questionnaire: say what is wrong, or show it, and then keep it."""
    organisation = _organisation(request, slug)
    data = request.POST if request.method == "POST" else None
    form = FhirForm(data, request.FILES or None)
    context: dict[str, Any] = {"organisation": organisation, "form": form}
    if form.is_valid():
        try:
            rules.check_may_keep_import(form.definition)
            if "keep" in request.POST:
                return _keep(request, organisation, form.definition)
            context |= _explained(form.definition) | {"text": form.cleaned_data["text"]}
        except Refused as no:
            form.add_error(None, no.message)
    return render_page(request, "instruments/questionnaire_import.html", context)


def _keep(request: HttpRequest, organisation: Organisation, definition: Definition) -> HttpResponse:
    kept = actions.import_definition(
        organisation=organisation, definition=definition, by=_person(request)
    )
    messages.success(request, f"{kept.title} is kept. Record its licence before it is asked.")
    return redirect("instruments:questionnaire_detail", organisation.slug, kept.code)


@require_safe
def questionnaire_fhir(request: HttpRequest, slug: str, code: str) -> HttpResponse:
    """The questionnaire as a FHIR R4 resource."""
    organisation = _organisation(request, slug)
    entry = _entry(organisation, code)
    if not entry.downloads:
        raise Http404
    resource = questionnaire(entry.definition, owner=organisation.slug if entry.is_own else "")
    response = HttpResponse(
        json.dumps(resource, ensure_ascii=False, indent=2), content_type="application/fhir+json"
    )
    name = f"{entry.code}-{entry.definition.version}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
