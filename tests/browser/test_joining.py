"""Groups and joining, lived in the running demo: set up, wait for a place, and the five ways in."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.browser.conftest import Someone
from tests.browser.steps import CALM, answer, mails, send
from tests.processes import wait_until
from tests.running_demo import Demo

pytestmark = pytest.mark.timeout(900)

type Make = Callable[..., Someone]

LONDON = ZoneInfo("Europe/London")


def choose(person: Someone, field: str, value: str) -> None:
    """Tick a radio button or a box by its value."""
    person.page.locator(f"input[name='{field}'][value='{value}']").check()


def save(person: Someone, title: str) -> None:
    """Save a step of the set-up and arrive at the next one."""
    person.press("Save and continue")
    arrive(person, title)


def arrive(person: Someone, title: str) -> None:
    person.page.get_by_role("heading", level=1, name=title).wait_for()


def test_a_biweekly_hybrid_group_with_a_waiting_list(demo: Demo, someone: Make) -> None:
    """As a new coordinator would, without documentation; then three people want two places."""
    marigold = someone("coordinator", at="desk")
    marigold.sign_in("marigold")
    marigold.page.get_by_role("link", name="Groups", exact=True).filter(visible=True).first.click()
    marigold.sees("Your groups")
    marigold.look("own-groups")
    marigold.press("Set up a group")
    marigold.page.locator("[name=name]").fill("Evening for carers of parents")
    choose(marigold, "format", "hybrid")
    marigold.look("start")
    marigold.press("Start the draft")

    arrive(marigold, "What it is for")
    marigold.page.locator("[name=purpose]").fill("An evening with others who care for a parent.")
    marigold.page.get_by_role("checkbox", name="Carers").check()
    marigold.look("basics")
    save(marigold, "Who it is for and how many")
    marigold.page.locator("[name=who_it_is_for]").fill("Adults who look after a parent.")
    choose(marigold, "facilitation", "peer_led")
    marigold.page.locator("[name=overseer]").select_option(label="Oakleaf")
    # A course is set up by the same page; this group is open, small, and quick to get into.
    choose(marigold, "attendance", "open")
    marigold.page.locator("[name=capacity]").fill("1")
    marigold.page.locator("[name=minimum]").fill("2")
    choose(marigold, "admission", "drop_in")
    marigold.press("Save and continue")
    marigold.sees("Type 2 or more")
    marigold.look("people-error")
    assert marigold.page.locator("[name=who_it_is_for]").input_value().startswith("Adults")
    marigold.page.locator("[name=capacity]").fill("2")
    save(marigold, "How it meets")
    marigold.page.locator("[name=place]").fill("Leeds LS6, library")
    marigold.page.locator("[name=address]").fill("Reading room, 1 Weir Street, Leeds")
    marigold.page.locator("[name=coordinates]").fill("53.8196, -1.5756")
    choose(marigold, "accessibility_features", "step_free")
    marigold.look("meeting")
    save(marigold, "What a session is like")
    marigold.look("agenda")
    save(marigold, "When it meets")
    first = datetime.now(LONDON).date() + timedelta(days=9)
    marigold.page.locator("[name=interval]").select_option("2")
    marigold.page.locator("[name=starts_on]").fill(first.isoformat())
    marigold.page.locator("[name=starts_at_time]").fill("21:30")
    marigold.press("Show the dates")
    marigold.page.locator("#coming-dates .dates li").nth(1).wait_for()
    marigold.look("schedule")
    save(marigold, "Who leads it")
    marigold.page.locator("[name=user]").select_option(label="Granite")
    marigold.press("Add to the group")
    marigold.page.get_by_role("heading", name="Granite").wait_for()
    marigold.look("leads")
    marigold.press("Continue")
    arrive(marigold, "Ground rules and agreement")
    marigold.look("promises")
    save(marigold, "What you ask first")
    choose(marigold, "begin", "brief")
    marigold.press("Begin with these")
    marigold.look("questions")
    marigold.press("Use these and continue")
    arrive(marigold, "Check and list")
    marigold.look("check")
    marigold.press("See it as visitors will")
    marigold.sees("An evening with others who care for a parent.")
    marigold.look("preview")
    marigold.page.go_back()
    marigold.press("List the group")
    marigold.sees("People can find this group")

    # Found with a typing mistake; the exact address is nowhere.
    visitor = someone("visitor")
    visitor.go("/?q=caerrs+evening")
    visitor.press("Evening for carers of parents")
    visitor.sees("An evening with others who care for a parent.")
    assert "Weir Street" not in visitor.page.content()
    visitor.look("new-group")

    group = re.sub(r"[?#].*$", "", visitor.page.url)
    address = group.removeprefix(demo.address)
    pebble, willow, otter = someone("pebble"), someone("willow"), someone("otter")
    for person, name in ((pebble, "pebble"), (willow, "willow"), (otter, "otter")):
        person.sign_in(name)
        person.go(address)
        person.press("Join the waiting list" if person is otter else "Ask to join")
        person.press("Begin")
        answer(person, CALM)
        send(person)
    pebble.press("Read and sign the agreement")
    otter.sees("waiting list")
    otter.go(f"{address}offer/")
    otter.sees("You are next in line")
    otter.look("in-line")

    # Somebody leaves: the place is offered at once, by a mail that gives nothing away.
    willow.go(f"{address}leave/")
    willow.press("Give my place back")
    willow.sees("You have left")
    willow.look("left")
    wait_until(
        lambda: any("news" in subject.lower() for subject, _ in mails(demo, "otter@example.org")),
        seconds=180,
        what="the mail about the offer",
    )
    _, news = mails(demo, "otter@example.org")[-1]
    assert "carer" not in news.lower()
    otter.go(f"{address}offer/")
    otter.sees("We keep a place")
    otter.look("offer")
    otter.press("Take the place")
    otter.sees("greement")
    willow.go(address)
    willow.look("way-back")
    marigold.go(f"{address}members/")
    marigold.sees("Pebble")
    marigold.look("members")


#: Who goes which way: what they answer, and what staff decide.
WAYS = {
    "pebble": ({}, "accept"),
    "otter": ({"coping day to day": "struggling"}, "prepare"),
    "kelp": ({"need most right now": "one_to_one"}, "talk_first"),
    "banksia": ({"need most right now": "treatment"}, "refer"),
    "samphire": ({"ending your life": "yes"}, "accept"),
}
GROUP = "/groups/living-with-low-mood/"


def test_the_five_ways_in(demo: Demo, someone: Make) -> None:
    """Ready, prepare, talk first, something else, and somebody who needs support today."""
    people = {}
    for name, (answers, _) in WAYS.items():
        people[name] = person = someone(f"way-{name}")
        person.sign_in(name)
        person.go(f"{GROUP}join/")
        person.press("Begin")
        answer(person, answers | CALM if "ending your life" not in answers else answers)
        if person.page.url.endswith("/saved/"):
            person.sees("116 123")
            person.press("Continue")
            answer(person, {"afraid": "no"})
        send(person)
        person.sees("will answer by")
    people["samphire"].look("asked")

    heron = someone("decides", at="desk")
    heron.sign_in("heron")
    reviews = {}
    heron.go("/screening/")
    for name in WAYS:
        heron.go("/screening/")
        heron.page.get_by_role(
            "link", name=re.compile(f"^(Quiet )?{name.capitalize()},")
        ).first.click()
        heron.page.get_by_role("heading", name="Answers").wait_for()
        reviews[name] = heron.page.url
    for name, (_, outcome) in WAYS.items():
        heron.page.goto(f"{reviews[name]}?outcome={outcome}")
        if heron.page.locator("[name=reason]").count():
            heron.page.locator("[name=reason]").fill("It fits what they wrote.")
        if outcome == "prepare":
            words = heron.page.locator("[name=message]").input_value()
            heron.page.locator("[name=message]").fill(f"{words} What a first evening is like.")
        if outcome == "talk_first":
            day = datetime.now(LONDON).date() + timedelta(days=2)
            heron.page.locator("[name=day_1]").fill(day.isoformat())
            heron.page.locator("[name=clock_1]").fill("12:30")
            heron.page.locator("[name=how]").fill("By telephone; I ring you.")
        if outcome == "refer":
            heron.page.locator("[name=groups]").first.check()
            heron.page.locator("[name=resources]").fill("Talking therapies near you")
        heron.look(f"decide-{outcome}")
        heron.page.locator("#decision form button[type=submit]").click()
        heron.sees("Your answer is on its way")
    # Decided a second time, it says so.
    heron.page.goto(reviews["pebble"])
    heron.page.locator("#decision-title", has_text="Accepted").wait_for()

    pebble, otter, kelp, banksia = (people[n] for n in ("pebble", "otter", "kelp", "banksia"))
    pebble.page.reload()
    pebble.sees("greement")
    otter.page.reload()
    otter.sees("What a first evening is like")
    otter.look("prepare")
    otter.press("I have read this")
    otter.page.get_by_text(re.compile("agreement|waiting list")).first.wait_for()
    kelp.page.reload()
    kelp.press("Choose a time")
    kelp.look("talk-times")
    kelp.page.locator("input[name=time]").first.check()
    kelp.press("Continue")
    kelp.sees("By telephone")
    kelp.look("talk-agreed")
    banksia.page.reload()
    banksia.sees("Talking therapies near you")
    banksia.look("suggested")
    banksia.press("another look")
    banksia.look("another-look")
    banksia.page.locator("textarea").fill("I have a therapist already.")
    banksia.page.locator("main form button[type=submit]").last.click()
    banksia.sees("will answer by")
    heron.page.goto(reviews["banksia"])
    heron.sees("They ask for another look")
    heron.look("asked-again")
