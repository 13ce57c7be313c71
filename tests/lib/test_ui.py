"""Template tags: times, words, parts with a body, icons that exist."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from supportgroups.lib.templatetags import ui

ROOT = Path(settings.BASE_DIR)
SUMMER = datetime(2026, 7, 7, 17, 30, tzinfo=UTC)
WINTER = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


def draw(source: str, **context: object) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("datetime", "Tuesday 7 July, 6:30pm, London time"),
        ("date", "Tuesday 7 July"),
        ("short", "Tue 7 Jul"),
        ("day", "7"),
        ("month", "Jul"),
        ("time", "6:30pm"),
        ("full", "7 July 2026"),
    ],
)
def test_time_words_follow_daylight_saving(style: str, words: str) -> None:
    assert ui.time_words(SUMMER, "Europe/London", style) == words


def test_time_words_at_the_full_hour_noon_and_midnight() -> None:
    assert ui.time_words(WINTER, "Europe/London", "time") == "6pm"
    assert ui.time_words(datetime(2026, 1, 1, 12, tzinfo=UTC), "UTC", "time") == "12pm"
    assert ui.time_words(datetime(2026, 1, 1, 0, 5, tzinfo=UTC), "UTC", "time") == "12:05am"


def test_when_holds_utc_and_lets_only_online_times_be_rewritten() -> None:
    online = draw('{% when at "America/New_York" %}', at=WINTER)
    assert 'datetime="2026-11-24T18:00:00Z"' in online
    assert 'data-local="datetime"' in online
    assert "1pm, New York time" in online
    there = draw('{% when at "America/New_York" style="time" local=False %}', at=WINTER)
    assert "data-local" not in there
    assert draw("{% when at %}", at=None) == ""


def test_when_uses_the_active_zone() -> None:
    with timezone.override("Asia/Tokyo"):
        assert "Wednesday 25 November, 3am, Tokyo time" in draw("{% when at %}", at=WINTER)


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/London", "London"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires"),
        ("UTC", "UTC"),
    ],
)
def test_zone_words(zone: str, words: str) -> None:
    assert ui.zone_words(zone) == words


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("116 123", "116123"),
        ("988 press 1", "988"),
        ("112/999", "112"),
        ("+44 20 7946", "+44207946"),
    ],
)
def test_dialled(words: str, number: str) -> None:
    assert ui.dialled(words) == number


@pytest.mark.parametrize(
    ("words", "number"), [("SHOUT to 85258", "85258"), ("988", "988"), ("by letter", "")]
)
def test_texted(words: str, number: str) -> None:
    assert ui.texted(words) == number


def test_places_left() -> None:
    assert ui.places_left(7, 10) == "3 of 10 places left"
    assert ui.places_left(0, 1) == "1 of 1 place left"
    assert ui.places_left(11, 10) == "Full"


def test_component_sees_its_body_and_fields_only() -> None:
    outer = (
        '{% component "panel" variant="you" heading=name %}'
        '{% component "notice" %}<p>{{ name }}</p>{% endcomponent %}'
        "{% endcomponent %}"
    )
    drawn = draw(outer, name="<River>", variant="people", heading="Not this")
    assert "panel--you" in drawn
    assert "notice--" not in drawn
    assert drawn.count("&lt;River&gt;") == 2
    assert "Not this" not in drawn


def test_page_address_keeps_the_filters() -> None:
    request = RequestFactory().get("/", {"topic": "grief", "page": "2"})
    assert draw("{% page_address 3 %}", request=request) == "?topic=grief&amp;page=3"


def test_problems_say_what_to_do() -> None:
    class Sample(forms.Form):
        name = forms.CharField(label="Name")
        agree = forms.BooleanField(label="I agree")
        way = forms.ChoiceField(label="Which way?", choices=[("a", "A")])
        mail = forms.EmailField(label="E-mail")

    form = Sample({"mail": "x"})
    assert ui.problems(form["name"]) == ["Fill in “Name”."]
    assert ui.problems(form["agree"]) == ["Tick the box “I agree”."]
    assert ui.problems(form["way"]) == ["Choose an answer to “Which way?”."]
    assert ui.problems(form["mail"]) == ["Enter a valid email address."]


def test_charts_carry_classes_only_and_the_numbers_in_words() -> None:
    drawn = draw(
        "{% survival_chart points at_risk=at_risk label='91% at week 2' %}"
        "{% change_bar name='Low mood' improved=4 same=5 worse=1 missing=3 %}"
        "{% heat_table columns=columns rows=rows caption='Who came' %}",
        points=[(0, 1, 1, 1), (1, 0.9, 0.8, 1)],
        at_risk=[(0, 10)],
        columns=["21 Sep", "28 Sep"],
        rows=[{"label": "A group", "cells": [(7, 8), None]}],
    )
    assert "style=" not in drawn
    assert 'aria-label="91% at week 2"' in drawn
    assert "10 people, 3 with no second score" in drawn
    assert "7 of 8" in drawn
    assert "No session" in drawn


def test_every_icon_that_is_used_exists() -> None:
    there = set(re.findall(r'<symbol id="(\w+)"', (ROOT / "static/img/icons.svg").read_text()))
    used = set()
    for template in (ROOT / "templates").rglob("*.html"):
        text = template.read_text()
        used |= set(re.findall(r"""{% icon ["'](\w+)["']""", text))
        used |= set(re.findall(r"""icon_name=["'](\w+)["']""", text))
    assert used - there == set()
