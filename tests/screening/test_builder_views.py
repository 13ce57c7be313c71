"""A coordinator chooses what a group asks, through a browser's eyes."""

import re

import pytest
from django.urls import reverse

from groups.setup import next_url
from screening import actions, defaults
from screening.models import Question
from tests import factories


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def url(name: str, group, *more) -> str:
    return reverse(f"screening:{name}", args=[group.slug, *more])


@pytest.fixture
def fresh(organisation):
    """A group in the making that asks nothing yet."""
    return factories.group(organisation=organisation, lifecycle="draft", slug="fresh")


@pytest.fixture
def draft(group, coordinator):
    form = actions.begin_draft(group=group, by=coordinator.user)
    form.questions.update(why="To welcome you well.")
    return form


@pytest.mark.parametrize(("begin", "number"), [("long", 9), ("brief", 5), ("empty", 1)])
def test_form_builder_begins_with_our_questions(coordinator, fresh, begin, number):
    page = text(coordinator.client.get(url("form_builder", fresh)))
    assert "Our brief questions" in page
    assert not fresh.screening_forms.exists()

    coordinator.client.post(url("form_builder", fresh), {"choosing": "1", "begin": begin})

    assert fresh.screening_forms.drafts().get().questions.count() == number
    page = text(coordinator.client.get(url("form_builder", fresh)))
    assert "Nobody is asked these yet." in page
    assert "Use these and continue" in page


@pytest.mark.parametrize(("admission", "value"), [("drop_in", "brief"), ("screened", "long")])
def test_form_builder_suggests_the_set_that_fits(coordinator, fresh, admission, value):
    fresh.admission = admission
    fresh.save()

    page = text(coordinator.client.get(url("form_builder", fresh)))

    assert re.search(rf'value="{value}"[^>]* checked', page)
    assert f'href="{next_url("questions", fresh)}">Go on and finish this later' in page


def test_form_builder_wants_a_choice(coordinator, fresh):
    page = text(coordinator.client.post(url("form_builder", fresh), {"choosing": "1"}))

    assert "<title>Error:" in page
    assert "Choose what to begin with." in page


def test_form_builder_publishes_and_goes_on_with_the_set_up(coordinator, fresh):
    coordinator.client.post(url("form_builder", fresh), {"choosing": "1", "begin": "brief"})

    response = coordinator.client.post(url("form_publish", fresh))

    assert response["Location"] == next_url("questions", fresh)
    assert fresh.screening_forms.published().get().version == 1
    page = text(coordinator.client.get(url("form_builder", fresh)))
    assert "Change the questions" in page
    assert coordinator.client.post(url("form_builder", fresh))["Location"] == (
        next_url("questions", fresh)
    )
    assert coordinator.client.post(url("form_builder", fresh), {"stay": "1"})["Location"] == (
        url("form_builder", fresh)
    )


def test_form_builder_copies_what_is_asked(coordinator, group, applicant):
    page = text(coordinator.client.get(url("form_builder", group)))
    assert "Version 1, since" in page
    assert "Leave out" not in page

    coordinator.client.post(url("form_builder", group), {"begin": "copy"})

    page = text(coordinator.client.get(url("form_builder", group)))
    assert "Version 1 is asked until you publish this." in page
    assert "Say why you ask" in page
    group.screening_forms.drafts().get().questions.update(why="To know.")
    page = text(coordinator.client.get(url("form_builder", group)))
    assert "1 person answered the older version or began to. They keep it." in page
    assert "“Yes” suggests: <b>Needs support today</b>" in page


def test_form_publish_says_what_is_missing(coordinator, group, draft):
    draft.questions.filter(is_acknowledgement=True).delete()
    page = text(coordinator.client.get(url("form_builder", group)))
    assert "a support group is not psychotherapy" in page
    assert "Add that question" in page
    page = text(coordinator.client.post(url("form_publish", group), follow=True))
    assert "People must confirm" in page
    assert group.screening_forms.published().get().version == 1

    for _ in "twice":
        coordinator.client.post(url("acknowledgement_add", group))

    assert draft.questions.get(is_acknowledgement=True)
    page = text(coordinator.client.post(url("form_publish", group), follow=True))
    assert "New applicants are asked version 2" in page


def test_form_publish_twice_says_so(coordinator, group, draft):
    coordinator.client.post(url("form_publish", group))

    page = text(coordinator.client.post(url("form_publish", group), follow=True))

    assert "published already" in page


def test_form_drop_asks_once(coordinator, group, draft):
    assert "Forget your changes?" in text(coordinator.client.get(url("form_drop", group)))
    assert group.screening_forms.drafts().exists()

    coordinator.client.post(url("form_drop", group))

    assert not group.screening_forms.drafts().exists()


def test_form_preview_shows_each_question_and_saves_nothing(coordinator, group, draft, fresh):
    page = text(coordinator.client.get(url("form_preview", group)))
    assert "Preview of the draft" in page
    assert "What brings you here?" in page
    page = text(coordinator.client.get(url("form_preview", group), {"page": 3}))
    assert "Question 3 of 3" in page
    assert "Done" in page
    assert coordinator.client.get(url("form_preview", fresh)).status_code == 302


def test_question_edit_offers_the_kinds(coordinator, group):
    page = text(coordinator.client.get(url("question_edit", group)))
    assert "?kind=some_of" in page
    assert "?kind=instrument" not in page

    factories.instrument()
    assert "?kind=instrument" in text(coordinator.client.get(url("question_edit", group)))


def add(coordinator, group, kind, **data):
    fields = {"text": "How far?", "why": "The room is far.", **data}
    return coordinator.client.post(f"{url('question_edit', group)}?kind={kind}", fields)


@pytest.mark.parametrize("kind", ["yes_no", "one_of", "some_of", "scale"])
def test_question_edit_adds_a_question_and_what_answers_suggest(coordinator, group, draft, kind):
    response = add(coordinator, group, kind, options="Near\nFar away", is_sensitive="on")

    asked = draft.questions.get(text="How far?")
    assert response["Location"] == url("question_proposals", group, asked.pk)
    assert (asked.kind, asked.is_sensitive) == (kind, True)
    page = text(coordinator.client.get(response["Location"]))
    assert "What should each answer suggest?" in page
    assert page.count("Needs support today</option>") == 2
    coordinator.client.post(response["Location"], {"answer_0": "ready", "answer_1": "prepare"})

    asked.refresh_from_db()
    (second, _) = asked.choices()[1]
    assert asked.proposals == {second: "prepare"}
    assert draft.questions.last().is_acknowledgement


def test_question_edit_adds_a_text_question(coordinator, group, draft):
    response = add(coordinator, group, "text")

    assert response["Location"] == url("form_builder", group)
    asked = draft.questions.get(text="How far?")
    page = text(coordinator.client.get(url("form_builder", group)))
    assert url("question_proposals", group, asked.pk) not in page


def test_question_edit_offers_what_a_form_may_ask_and_says_what_to_know(coordinator, group, draft):
    factories.instrument()
    page = text(coordinator.client.get(url("question_edit", group), {"kind": "instrument"}))
    assert "CORE-10" in page
    assert "For trauma groups only" in page
    assert "Suicide-Screening" not in page, "a person asks these"
    assert "ONS4" not in page, "it gives no number to suggest anything by"


def test_question_edit_adds_a_questionnaire(coordinator, group, draft):
    instrument = factories.instrument()

    response = add(coordinator, group, "instrument", instrument=instrument.pk)

    asked = draft.questions.get(kind="instrument")
    assert asked.instrument == instrument
    page = text(coordinator.client.get(response["Location"]))
    assert "moderately severe, 15 to 19" in page
    assert "always urgent" in page
    page = text(coordinator.client.get(url("form_preview", group), {"page": 3}))
    assert "Little interest or pleasure" in page


def test_question_edit_without_a_draft_begins_one(coordinator, group, fresh):
    add(coordinator, group, "text")
    add(coordinator, fresh, "text")

    assert group.screening_forms.drafts().get().questions.count() == 4
    assert fresh.screening_forms.drafts().get().questions.last().is_acknowledgement


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("text", {"text": ""}, "Write the question."),
        ("text", {"why": ""}, "Say why you ask."),
        ("text", {"text": "x" * 301}, "Use up to 300 characters."),
        ("one_of", {}, "Write the answers, one a line."),
        ("one_of", {"options": "Only one"}, "Write two to 12 answers, one a line."),
        ("one_of", {"options": "\n".join("abcdefghijklm")}, "Write two to 12 answers"),
        ("scale", {"options": "Same\nsame"}, "Two answers are the same."),
        ("some_of", {"options": f"Long {'x' * 120}\nShort"}, "Keep each answer to 120"),
        ("instrument", {}, "Choose a questionnaire."),
        ("instrument", {"instrument": "x"}, "Choose one of the questionnaires."),
    ],
)
def test_question_edit_says_what_is_wrong_and_loses_nothing(
    coordinator, group, draft, kind, data, message
):
    page = text(add(coordinator, group, kind, **data))

    assert "<title>Error:" in page
    assert message in page
    assert "The room is far." in page or data.get("why") == ""
    assert draft.questions.count() == 3


def test_question_edit_keeps_what_reworded_answers_suggest(coordinator, group, draft):
    add(coordinator, group, "one_of", options="Near\nFar\nVery far")
    asked = draft.questions.get(text="How far?")
    coordinator.client.post(
        url("question_proposals", group, asked.pk),
        {"answer_0": "ready", "answer_1": "talk_first", "answer_2": "refer"},
    )
    address = url("question_edit", group, asked.pk)
    page = text(coordinator.client.get(address))
    assert "Near Far Very far" in page

    def reworded(options: str) -> dict[str, str]:
        data = {"text": "How far?", "why": "To know.", "options": options}
        coordinator.client.post(address, data)
        asked.refresh_from_db()
        labels = dict(asked.choices())
        return {labels[value]: proposal for value, proposal in asked.proposals.items()}

    assert reworded("Near\nA bit far\nVery far") == {
        "A bit far": "talk_first",
        "Very far": "refer",
    }
    assert reworded("Very far\nA bit far\nNear") == {
        "A bit far": "talk_first",
        "Very far": "refer",
    }
    assert reworded("Very far\nNear") == {"Very far": "refer"}
    assert reworded("Far, very!\nFar very\nVery far") == {"Very far": "refer"}
    assert len({value for value, _ in asked.choices()}) == 3


def test_question_edit_of_the_confirmation_keeps_its_words(coordinator, group, draft):
    asked = draft.questions.get(is_acknowledgement=True)
    address = url("question_edit", group, asked.pk)
    assert "stays in these words" in text(coordinator.client.get(address))

    response = coordinator.client.post(address, {"text": "Tea?", "why": "It matters."})

    assert response["Location"] == url("form_builder", group)
    asked.refresh_from_db()
    assert asked.why == "It matters."
    assert asked.text != "Tea?"
    assert asked.is_acknowledgement


def test_question_proposals_know_no_refusal(coordinator, group, draft):
    asked = draft.questions.get(position=2)

    page = text(
        coordinator.client.post(
            url("question_proposals", group, asked.pk), {"answer_0": "refuse", "answer_1": "ready"}
        )
    )

    assert "Choose one of the suggestions." in page


def test_question_move(coordinator, group, draft):
    asked = draft.questions.first()
    coordinator.client.post(url("question_move", group, asked.pk), {"to": "down"})
    assert list(draft.questions.values_list("text", flat=True))[1] == asked.text
    coordinator.client.post(url("question_move", group, asked.pk), {"to": "up"})
    assert draft.questions.first() == asked


def test_question_delete_asks_once(coordinator, group, draft):
    asked = draft.questions.first()
    assert "Leave this question out?" in text(
        coordinator.client.get(url("question_delete", group, asked.pk))
    )
    coordinator.client.post(url("question_delete", group, asked.pk))
    assert draft.questions.count() == 2

    stays = draft.questions.get(is_acknowledgement=True)
    assert coordinator.client.post(url("question_delete", group, stays.pk)).status_code == 403


@pytest.mark.parametrize("name", ["question_edit", "question_proposals", "question_delete"])
def test_published_questions_and_those_of_others_are_404(coordinator, group, draft, name):
    published = Question.objects.filter(form__in=group.screening_forms.published()).first()
    other = factories.group()
    actions.publish_form(
        group=other,
        questions=defaults.brief_questions(),
        by=factories.staff_role(organisation=other.organisation).user,
    )

    assert coordinator.client.get(url(name, group, published.pk)).status_code == 404
    elsewhere = other.screening_forms.get().questions.first()
    assert coordinator.client.get(url(name, group, elsewhere.pk)).status_code == 404
    assert coordinator.client.get(url(name, other, elsewhere.pk)).status_code == 404


def test_facilitators_are_told_who_changes_the_questions(facilitator, group):
    assert "Only a coordinator" in text(facilitator.client.get(url("form_builder", group)), 403)
