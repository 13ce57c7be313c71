"""The guided set-up of a group: its steps in order, wherever their pages are."""

from dataclasses import dataclass

from django.urls import reverse

from groups import rules
from groups.models import SupportGroup


@dataclass(frozen=True)
class Step:
    """One page of the set-up. `done` means that nothing is missing there for listing the group."""

    slug: str
    title: str
    url: str
    done: bool
    current: bool


#: Slug, title and name of the page. Some pages are those of rooms above this one.
STEPS = (
    ("basics", "What it is for", "groups:setup_basics"),
    ("people", "Who it is for and how many", "groups:setup_people"),
    ("meeting", "How it meets", "groups:setup_meeting"),
    ("agenda", "What a session is like", "sessions:agenda_template"),
    ("schedule", "When it meets", "sessions:schedule"),
    ("facilitators", "Who leads it", "sessions:facilitators"),
    ("promises", "Ground rules and agreement", "groups:setup_promises"),
    ("questions", "What you ask first", "screening:form_builder"),
    ("check", "Check and list", "groups:setup_check"),
)


def step_url(slug: str, group: SupportGroup) -> str:
    """The address of one step."""
    name = next(name for own_slug, _, name in STEPS if own_slug == slug)
    return reverse(name, args=[group.slug])


def steps(group: SupportGroup, current: str) -> list[Step]:
    """All steps in order, with what is done and where the reader is."""
    open_steps = {missing.step for missing in rules.missing_for_listing(group)}
    if not group.agenda_template.exists():
        open_steps.add("agenda")
    if group.lifecycle == SupportGroup.Lifecycle.DRAFT:
        open_steps.add("check")
    return [
        Step(slug, title, step_url(slug, group), slug not in open_steps, slug == current)
        for slug, title, _ in STEPS
    ]


def next_url(current: str, group: SupportGroup) -> str:
    """Where "Save and continue" leads."""
    slugs = [slug for slug, _, _ in STEPS]
    following = slugs[slugs.index(current) + 1 :]
    return step_url(following[0], group) if following else reverse("groups:group_list")
