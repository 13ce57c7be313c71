"""A second group like one that is there, with its agenda and its questions."""

from django.urls import reverse

from groups.models import SupportGroup
from sessions.models import AgendaTemplateItem
from tests import factories


def test_group_clone_copies_what_each_room_knows(coordinator, group):
    AgendaTemplateItem.objects.create(
        group=group, position=1, title="Check-in", minutes=20, note="How are you?"
    )
    factories.member(group)
    for question in group.screening_forms.get().questions.all():
        question.why = "It helps us to welcome you."
        question.save()
    url = reverse("screening:group_clone", args=[group.slug])
    assert 'value="Evening circle (second group)"' in coordinator.client.get(url).content.decode()

    response = coordinator.client.post(url, {"name": "Morning circle"})

    copy = SupportGroup.objects.get(name="Morning circle")
    assert response["Location"] == reverse("groups:setup_check", args=["morning-circle"])
    assert copy.lifecycle == "draft"
    part = copy.agenda_template.get()
    assert (part.title, part.minutes, part.note) == ("Check-in", 20, "How are you?")
    asked = group.screening_forms.get().questions.values_list("position", "kind", "text")
    form = copy.screening_forms.get()
    assert list(form.questions.values_list("position", "kind", "text")) == list(asked)
    assert (form.version, form.published_at is not None) == (1, True)
    assert not copy.memberships.exists()


def test_group_clone_of_a_bare_draft(coordinator, organisation):
    draft = factories.group(organisation=organisation, lifecycle="draft", overseer=None)

    coordinator.client.post(reverse("screening:group_clone", args=[draft.slug]), {"name": "Two"})

    copy = SupportGroup.objects.get(name="Two")
    assert not copy.agenda_template.exists()
    assert not copy.screening_forms.exists()


def test_group_clone_proposes_a_name_that_fits(coordinator, group):
    SupportGroup.objects.filter(pk=group.pk).update(name="a" * 120)

    page = coordinator.client.get(reverse("screening:group_clone", args=[group.slug]))

    proposed = page.context["form"]["name"].value()
    assert proposed == "a" * 105 + " (second group)"
    assert len(proposed) == 120


def test_group_clone_needs_a_name(coordinator, group):
    url = reverse("screening:group_clone", args=[group.slug])

    assert "Give the group a name." in coordinator.client.post(url, {"name": ""}).content.decode()
    assert SupportGroup.objects.count() == 1


def test_group_clone_keeps_questions_that_cannot_be_asked_now_as_a_draft(coordinator, group):
    coordinator.client.post(reverse("screening:group_clone", args=[group.slug]), {"name": "Two"})

    form = SupportGroup.objects.get(name="Two").screening_forms.get()
    assert form.published_at is None
    assert form.questions.count() == 3
