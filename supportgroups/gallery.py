"""Every part in every state on one page, to look at while building. Not in production."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from supportgroups.lib.forms import AnswerChoices

_SWATCHES = (
    ("ground", "page"),
    ("surface", "panel"),
    ("sunk", "well"),
    ("ink", "text"),
    ("ink-2", "second text"),
    ("action", "links, buttons"),
    ("action-soft", "chosen"),
    ("clay", "people, seats"),
    ("clay-soft", "rug"),
    ("honey", "you, now"),
    ("honey-soft", "you panel"),
    ("ok", "done"),
    ("warn", "caution"),
    ("danger", "error"),
    ("exit", "quick exit"),
)
_SHARES = (1, 0.95, 0.91, 0.86, 0.82, 0.78, 0.75, 0.72, 0.69, 0.67, 0.64, 0.62, 0.61)
_SCORES = (18, 17, 19, 15, 14, 15, 11)


class SampleForm(forms.Form):
    """One field of each kind."""

    display_name = forms.CharField(
        label="Name people will see", help_text="It does not have to be your real name."
    )
    email = forms.EmailField(label="Email address")
    country = forms.ChoiceField(
        label="Where you live", choices=[("GB", "United Kingdom"), ("IE", "Ireland")]
    )
    note = forms.CharField(
        label="Anything we should know",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Up to 500 characters.",
        max_length=500,
    )
    times = forms.MultipleChoiceField(
        label="When could you come?",
        choices=[("am", "Mornings"), ("pm", "Afternoons"), ("eve", "Evenings")],
        widget=forms.CheckboxSelectMultiple,
    )
    agree = forms.BooleanField(
        label="I agree to the ground rules",
        error_messages={"required": "Tick the box if you agree to the ground rules."},
    )


class SampleQuestion(forms.Form):
    """One question of a page."""

    answer = forms.ChoiceField(
        label="How have you been coping day to day, over the last two weeks?",
        help_text="There is no right answer.",
        choices=[
            ("1", "Mostly well"),
            ("2", "Up and down, but managing"),
            ("3", "Struggling on most days"),
            ("skip", "I would rather not say"),
        ],
        widget=AnswerChoices(apart=frozenset({"skip"}), hints={"3": "More than half of the days."}),
    )


def _charts() -> dict[str, Any]:
    curve = [(week, s, max(s - 0.06, 0), min(s + 0.05, 1)) for week, s in enumerate(_SHARES)]
    begun = date(2026, 8, 25)
    cells = [(7, 8), (6, 8), None, (8, 8), (4, 9), (5, 9), (7, 9), (3, 9), (9, 9)]
    return {
        "curve": curve,
        "at_risk": [(0, 214), (2, 189), (4, 158), (6, 131), (8, 104), (10, 77), (12, 52)],
        "last_year": [(week, share**1.6) for week, share in enumerate(_SHARES)],
        "scores": [(begun + timedelta(days=14 * i), score) for i, score in enumerate(_SCORES)],
        "one_score": [(begun, 12)],
        "felt": [
            ("Felt safe", [(0, 4.4), (2, 4.5), (3, 4.3), (4, 4.5), (5, 4.6)]),
            ("Felt heard", [(0, 4.1), (2, 4.0), (3, 4.2), (4, 4.1), (5, 4.2)]),
        ],
        "felt_months": ["May", "Jun", "Jul", "Aug", "Sep", "Oct"],
        "weeks": "21 Sep,28 Sep,5 Oct,12 Oct,19 Oct,26 Oct,2 Nov,9 Nov,16 Nov".split(","),
        "rows": [
            {"label": "Living with low mood", "url": "#charts", "cells": cells},
            {"label": "Men’s table, Leeds", "cells": list(reversed(cells))},
        ],
    }


def _lists() -> dict[str, Any]:
    return {
        "meets": [
            {"kind": "online", "icons": ["chat"], "word": "Online", "detail": "by text chat"},
            {"kind": "in-person", "icons": ["pin"], "word": "In person", "detail": "Leeds LS6"},
            {
                "kind": "hybrid",
                "icons": ["chat", "pin"],
                "word": "Online or in person",
                "detail": "by text chat, or in Leeds LS6",
            },
        ],
        "reasons": [(True, "About grief"), (True, "4 places left"), (False, "In person")],
        "facts": [
            ("video", "Video call, camera optional"),
            ("people", "Two trained peer facilitators"),
            ("loop", "Weekly, 75 minutes. Come when you can"),
        ],
        "summary_rows": [
            {"term": "Day to day", "value": "Struggling on most days", "url": "#s"},
            {"term": "Someone to call", "value": "You chose not to say", "url": "#s"},
        ],
        "tasks": [
            {
                "title": "Two-week check-in",
                "url": "#t",
                "detail": "About 2 minutes",
                "state": "Due",
            },
            {
                "title": "Choose the name people see",
                "detail": "River",
                "state": "Done",
                "state_kind": "ok",
            },
        ],
        "alerts": [
            {
                "count": 2,
                "level": 1,
                "title": "Answers to call about",
                "url": "#a",
                "detail": "Oldest has waited 3 h.",
            },
            {
                "count": 1,
                "level": 2,
                "title": "Group is emptying",
                "url": "#a",
                "detail": "Anxious evenings.",
            },
            {
                "count": 6,
                "level": 0,
                "title": "People on waiting lists",
                "url": "#a",
                "detail": "Longest: 19 days.",
            },
        ],
        "setup_steps": [
            {"title": "What it is for", "url": "#a", "done": True, "current": False},
            {"title": "How it meets", "url": "#a", "done": False, "current": True},
            {"title": "Check and list", "url": "#a", "done": False, "current": False},
        ],
        "steps": [
            ("Answer six short questions", "About 4 minutes. You can stop at any time."),
            ("A facilitator replies", "They say yes, suggest a better fit, or offer a call."),
            ("Come to one session and see", "You can listen the whole time."),
        ],
        "attended": [{"came": i % 4 != 2, "words": f"Week {i + 1}"} for i in range(12)],
    }


@login_not_required
@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    """Show every component; the page is for people who build, and is absent in production."""
    soon = timezone.now().astimezone(UTC).replace(hour=18, minute=30, second=0) + timedelta(days=3)
    context = {
        "swatches": _SWATCHES,
        "plain_form": SampleForm(auto_id="plain_%s"),
        "wrong_form": SampleForm({"email": "river@"}),
        "question": SampleQuestion({"q-answer": "3"}, prefix="q"),
        "wrong_question": SampleQuestion({}, prefix="w"),
        "page": Paginator(range(60), 20).page(2),
        "soon": soon,
        "later": soon + timedelta(minutes=75),
        "winter": datetime(2026, 11, 24, 18, 30, tzinfo=UTC),
        **_lists(),
        **_charts(),
    }
    return render(request, "pages/gallery.html", context)
