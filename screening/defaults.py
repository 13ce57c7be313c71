"""Questions that a new group begins with. An organisation changes them as it likes.

Nobody is turned away on an answer: answers propose, a person decides. Two things only the answers
settle: the last question must be confirmed before sending, and a drop-in group admits at once
when nothing suggests that a talk should come first.
"""

from typing import Any

from screening.models import Decision, Question

Kind, Proposal = Question.Kind, Question.Proposal


#: Words that a decision begins with. Whoever decides changes them for the person.
MESSAGES = {
    Decision.Outcome.ACCEPT: (
        "Thank you for telling us about yourself. We would be glad to have you in the group.\n\n"
        "Please read and sign our agreement next. Then you can come to the next session. "
        "You can listen the whole time if you like."
    ),
    Decision.Outcome.PREPARE: (
        "Thank you for telling us about yourself. We would be glad to have you in the group.\n\n"
        "Before you come, please read this: \n\n"
        "When you have read it, press the button below. Nobody tests you on it."
    ),
    Decision.Outcome.TALK_FIRST: (
        "Thank you for telling us about yourself. "
        "Before you join, I would like to talk with you for a few minutes.\n\n"
        "This is not a test. I want to find out what would help you most. "
        "Please choose one of the times below. If none suits you, tell me when would."
    ),
    Decision.Outcome.REFER: (
        "Thank you for telling us about yourself. "
        "We think that something else may help you more than this group does now.\n\n"
        "Below you see what we suggest. "
        "If you think that we got this wrong, you can ask for another look."
    ),
}
#: In place of the first when every place is taken.
MESSAGE_WHEN_FULL = (
    "Thank you for telling us about yourself. We would be glad to have you in the group.\n\n"
    "There is no place for you yet, so you are on the waiting list. "
    "We write to you when there is one."
)
#: With other times for a talk.
MESSAGE_OTHER_TIMES = (
    "Thank you for telling me when you have time. Please choose one of these times. "
    "If none suits you, tell me when would."
)


def _options(**labels: str) -> list[dict[str, str]]:
    return [{"value": value, "label": label} for value, label in labels.items()]


_HOPES: dict[str, Any] = {
    "kind": Kind.TEXT,
    "text": "What would you like from this group?",
    "why": "In your own words, as much or as little as you like. It helps us to welcome you well.",
    "is_sensitive": True,
}
_NEEDS: dict[str, Any] = {
    "kind": Kind.ONE_OF,
    "text": "What do you need most right now?",
    "why": "A group is one kind of support. If another kind fits better, we help you to find it.",
    "options": _options(
        hear="To hear from people who know this too",
        talk="To talk and be listened to",
        ideas="Ideas for getting through the day",
        one_to_one="To talk with one person, not a group",
        treatment="Treatment, or to find out what I have",
    ),
    "proposals": {"one_to_one": Proposal.TALK_FIRST, "treatment": Proposal.REFER},
    "is_sensitive": True,
}
_FITS: dict[str, Any] = {
    "kind": Kind.ONE_OF,
    "text": "Does the description of who this group is for fit you?",
    "why": "Groups help most when people share something. If you are unsure, we can talk about it.",
    "options": _options(
        yes="Yes",
        unsure="I am not sure",
        no="No, but I would like to come",
    ),
    "proposals": {"no": Proposal.TALK_FIRST},
}
_COPING: dict[str, Any] = {
    "kind": Kind.SCALE,
    "text": "How have you been coping day to day, over the last two weeks?",
    "why": "There is no right answer. It helps us to know what support to have ready for you.",
    "options": _options(
        well="Mostly well",
        managing="Up and down, but managing",
        struggling="Struggling on most days",
        very_hard="Finding it very hard to get through the day",
    ),
    "proposals": {"very_hard": Proposal.TALK_FIRST},
    "is_sensitive": True,
}
_TAKING_PART: dict[str, Any] = {
    "kind": Kind.ONE_OF,
    "text": (
        "Could you follow a group conversation, without alcohol or drugs affecting you that day?"
    ),
    "why": "Illness, medicines and alcohol can make a group hard to follow. We can look for a way.",
    "options": _options(
        yes="Yes",
        mostly="Mostly, with breaks when I need them",
        not_now="Not at the moment",
    ),
    "proposals": {"not_now": Proposal.TALK_FIRST},
    "is_sensitive": True,
}
_AFRAID: dict[str, Any] = {
    "kind": Kind.YES_NO,
    "text": "Is there somebody you are afraid of, who may be in this group too?",
    "why": "For example a partner who hurts you. We never tell them that you asked to join.",
    "proposals": {"yes": Proposal.TALK_FIRST},
    "is_sensitive": True,
}
_RISK: dict[str, Any] = {
    "kind": Kind.YES_NO,
    "text": "In the last two weeks, have you had thoughts of ending your life?",
    "why": (
        "Many people have such thoughts at hard times. If you do, we want you to have more support."
    ),
    "proposals": {"yes": Proposal.URGENT},
    "is_sensitive": True,
}
_CONFIDENTIAL: dict[str, Any] = {
    "kind": Kind.ONE_OF,
    "text": "Will you keep what others say in the group to yourself?",
    "why": (
        "Everybody agrees to this before their first session. You may always talk about yourself."
    ),
    "options": _options(yes="Yes", questions="I have questions about this first"),
    "proposals": {"questions": Proposal.TALK_FIRST},
}
_ACKNOWLEDGEMENT: dict[str, Any] = {
    "kind": Kind.YES_NO,
    "text": (
        "A support group is not psychotherapy and not an emergency service. Is that clear to you?"
    ),
    "why": "You can have treatment beside the group. For urgent help, use “Need help now?” above.",
    "is_acknowledgement": True,
}


def _numbered(*questions: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**question, "position": n} for n, question in enumerate(questions, start=1)]


def acknowledgement() -> dict[str, Any]:
    """Fields of the one question that every form has."""
    return dict(_ACKNOWLEDGEMENT)


def default_questions() -> list[dict[str, Any]]:
    """Fields of `Question` for a group where a person reads each application, in order."""
    return _numbered(
        _HOPES,
        _NEEDS,
        _FITS,
        _COPING,
        _TAKING_PART,
        _AFRAID,
        _RISK,
        _CONFIDENTIAL,
        _ACKNOWLEDGEMENT,
    )


def brief_questions() -> list[dict[str, Any]]:
    """Fields of `Question` for a drop-in group that people enter on the same day, in order."""
    return _numbered(_NEEDS, _AFRAID, _RISK, _CONFIDENTIAL, _ACKNOWLEDGEMENT)
