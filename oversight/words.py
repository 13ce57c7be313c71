"""Every verb of the trail in words for people: "Kim …".

`tests/oversight/test_words.py` fails for a verb in the code that has no words here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """Verbs that somebody looks for together."""

    code: str
    label: str
    words: dict[str, str]
    #: What members do for themselves. The trail keeps it; coordinators do not see it, because
    #: nobody who leads or decides needs it, and some of it is promised to nobody.
    is_private: bool = False


KINDS = (
    Kind(
        "reading",
        "Answers and messages were read",
        {
            "application.read": "read the answers of a request to join",
            "concern.read": "read a concern",
            "message.read": "read a message that was reported or hidden",
            "emergency.read": "read answers with emergency access",
        },
    ),
    Kind(
        "emergency",
        "Emergency access",
        {
            "emergency.opened": "opened emergency access to somebody’s answers",
            "emergency.closed": "ended emergency access",
        },
    ),
    Kind(
        "joining",
        "Requests to join",
        {
            "application.submitted": "sent a request to join",
            "application.accepted": "accepted a request to join",
            "application.prepare": "gave something to read before joining",
            "application.talk_first": "asked for a talk before joining",
            "application.referred": "suggested something else than the group",
            "application.withdrawn": "took back a request to join",
            "application.another_look_asked": "asked for another look at a request to join",
            "application.times_offered": "offered times for a talk",
            "application.time_picked": "picked a time for a talk",
            "application.times_declined": "said that no time for a talk suits",
            "application.note_written": "wrote a note about a request to join",
            "screening_form.drafted": "began new questions for joining",
            "screening_form.question_added": "added a question for joining",
            "screening_form.question_changed": "changed a question for joining",
            "screening_form.question_moved": "moved a question for joining",
            "screening_form.question_deleted": "deleted a question for joining",
            "screening_form.dropped": "dropped a draft of the questions for joining",
            "screening_form.published": "published the questions for joining",
        },
    ),
    Kind(
        "members",
        "Members and agreements",
        {
            "membership.applied": "asked to join",
            "membership.waitlisted": "put a person on the waiting list",
            "membership.offered": "offered a place",
            "membership.accepted": "gave a place",
            "membership.active": "became a member",
            "membership.referred": "referred a person elsewhere",
            "membership.withdrawn": "ended a membership by own choice",
            "membership.removed": "removed a member",
            "membership.completed": "completed a membership with the course",
            "agreement.drafted": "drafted a group agreement",
            "agreement.published": "published a group agreement",
            "agreement.signed": "signed a group agreement",
            "appeal.asked": "asked for a second look at a removal",
            "appeal.upheld": "decided that a removal stands",
            "appeal.overturned": "decided that a removed person may come back",
            "companion.invited": "invited a companion",
            "companion.invitation_withdrawn": "took back an invitation of a companion",
            "companion.came": "came as a companion",
        },
    ),
    Kind(
        "sessions",
        "Sessions and dates",
        {
            "session.added": "added a session",
            "session.moved": "changed a session’s time or place",
            "session.noted": "changed a session’s note",
            "session.cancelled": "called off a session",
            "session.restored": "put a session back",
            "session.began": "began a session",
            "session.ended": "ended a session",
            "session.planned": "planned a session",
            "session.plan_followed": "took the group’s plan for a session",
            "sessions.made": "made sessions ahead",
            "sessions.called_off": "called off several sessions",
            "sessions.restored": "put several sessions back",
            "rhythm.set": "set when a group meets",
            "rhythm.ended": "ended a rhythm",
            "agenda.set": "set the parts of a group’s sessions",
            "agenda.moved_on": "went on to the next part",
            "agenda.jumped": "went to another part",
            "agenda.extended": "gave a part more time",
            "day_off.added": "added a day off",
            "day_off.deleted": "deleted a day off",
            "facilitator.assigned": "made somebody a facilitator of a group",
            "facilitator.changed": "changed what a facilitator does in a group",
            "facilitator.unassigned": "removed a facilitator from a group",
            "cover.asked": "asked for cover",
            "cover.taken": "took over a session",
            "cover.given_back": "gave a session back",
            "cover.withdrawn": "needed cover no longer",
            "attendance.corrected": "corrected who came",
            "attendance.in_person": "noted that somebody came in person",
            "attendance.in_person_undone": "took back that somebody came in person",
            "debrief.saved": "saved a draft of a debrief",
            "debrief.written": "finished a debrief",
            "follow_up.noted": "noted a follow-up",
            "follow_up.changed": "changed a follow-up",
            "follow_up.done": "finished a follow-up",
            "follow_up.reopened": "reopened a follow-up",
            "floor.opened": "let people raise hands",
            "floor.closed": "went back to open chat",
            "floor.round_began": "began a round",
            "door.closed": "closed the door",
            "door.opened": "opened the door",
            "knock.answered": "answered a knock",
            "newcomer.introduced": "introduced a newcomer",
        },
    ),
    Kind(
        "safety",
        "Concerns and safety",
        {
            "concern.opened": "opened a concern",
            "concern.assigned": "named somebody for a concern",
            "concern.escalated": "asked the next person about a concern",
            "concern.acknowledged": "confirmed being on a concern",
            "concern.said_more": "said more about a concern",
            "concern.step_taken": "noted a step about a concern",
            "concern.handed_over": "handed over a concern",
            "concern.closed": "closed a concern",
            "intervention.made": "stepped in to keep a session safe",
            "intervention.undone": "undid a step",
            "intervention.judged": "reviewed a step",
            "report.handled": "looked at a report",
            "hint.settled": "settled a hint of the word list",
            "door.locked": "locked the door",
            "door.unlocked": "unlocked the door",
            "on_call.changed": "changed who is on call",
            "on_call.away": "noted that somebody is away",
            "on_call.back": "noted that somebody is back",
            "on_call.times_set": "set how soon concerns are answered",
            "resource.added": "added a source to the library",
            "resource.reviewed": "read a source of the library again",
            "resource.retired": "took a source out of the library",
            "help_line.added": "added a help line",
            "help_line.changed": "changed a help line",
            "help_line.taken_out": "took out a help line",
            "help_lines.confirmed": "confirmed the help lines",
        },
    ),
    Kind(
        "asking",
        "Questionnaires and figures",
        {
            "survey_plan.added": "planned a questionnaire",
            "survey_plan.changed": "changed when a questionnaire is asked",
            "survey_plan.moved": "changed the order of questionnaires",
            "survey_plan.corrected": "took a questionnaire’s correction into its plan",
            "survey_plan.ended": "ended a questionnaire",
            "survey.printed": "printed a questionnaire",
            "instrument.loaded": "loaded a questionnaire",
            "instrument.imported": "imported a questionnaire",
            "instrument.terms_accepted": "accepted a questionnaire’s terms",
            "instrument.terms_withdrawn": "withdrew from a questionnaire’s terms",
            "instrument.licence_recorded": "recorded a questionnaire’s licence",
            "instrument.licence_ended": "ended a questionnaire’s licence",
            "instrument.words_entered": "entered a questionnaire’s words",
            "report.started": "asked for a report",
            "report.tried_again": "asked for a report again",
            "report.words_changed": "changed the words of a report",
            "report.downloaded": "downloaded a report",
            "report.deleted": "deleted a report",
            "analysis.asked": "asked for an analysis",
            "programme.made": "made a programme",
            "programme.changed": "changed a programme",
            "programme.ended": "ended a programme",
        },
    ),
    Kind(
        "organisation",
        "Groups, people and settings",
        {
            "organisation.created": "made the organisation",
            "role.given": "gave a role",
            "role.changed": "changed a role",
            "role.taken_away": "took a role away",
            "group.started": "started a group",
            "group.changed": "changed a group",
            "group.cloned": "copied a group",
            "group.draft": "made a group a draft again",
            "group.listed": "listed a group",
            "group.paused": "paused a group",
            "group.closed": "closed a group",
            "group.imported": "imported a group",
            "group.updated_by_feed": "updated a group from its feed",
            "feed.imported": "took over an import",
            "import.started": "began an import",
            "import.applied": "asked to take over an import",
            "import.dropped": "dropped an import",
            "topic.added": "added a topic",
            "sample_world.made": "made the sample world",
        },
    ),
    Kind(
        "own",
        "What people do for themselves",
        {
            "account.opened": "opened an account",
            "profile.changed": "changed their settings",
            "consent.given": "agreed to something about their data",
            "consent.withdrawn": "withdrew an agreement about their data",
            "data_export.asked": "asked for a copy of their data",
            "data_export.made": "made a copy of somebody’s data for them",
            "data_export.downloaded": "downloaded the copy of their data",
            "data_export.deleted": "deleted the copy of their data",
            "calendar_feed.made": "made a calendar address",
            "calendar_feed.changed": "changed a calendar address",
            "calendar_feed.renewed": "renewed a calendar address",
            "calendar_feed.deleted": "deleted a calendar address",
            "disclosure.made": "made a summary for their clinician",
            "disclosure.begun": "began a summary for their clinician",
            "disclosure.changed": "changed a summary for their clinician",
            "disclosure.signed": "signed a summary for their clinician",
            "disclosure.downloaded": "downloaded a summary for their clinician",
            "disclosure.ended": "ended a summary for their clinician",
            # What is not sent yet is nobody else's business.
            "application.started": "began a request to join",
            "application.answered": "answered a question of a request to join",
            "survey.due": "was asked a check-in",
            "survey.answered": "answered a question of a check-in",
            "survey.submitted": "sent a check-in",
            "survey.deleted": "deleted a check-in",
            "pulse.answered": "said how a session was",
            "session.answered": "said whether they come",
            "room.entered": "entered a room",
            "room.left": "left a room",
            "knock.made": "knocked at a door",
            "hand.raised": "raised a hand",
            "hand.lowered": "lowered a hand",
            "turn.invited": "was invited to speak",
            "turn.finished": "finished a turn",
            "turn.passed": "passed a turn",
            "turn.skipped": "was skipped in a round",
            "turn.moved_up": "moved up in the round",
            "turn.came_back": "came back to the round",
            "report.made": "reported a message",
        },
        is_private=True,
    ),
)

#: Verbs by which somebody opened what another person had answered or written.
READING = frozenset(KINDS[0].words) | {"survey.submitted"}  # somebody else's: from paper
_WORDS = {verb: words for kind in KINDS for verb, words in kind.words.items()}
SHOWN_TO_COORDINATORS = tuple(verb for kind in KINDS if not kind.is_private for verb in kind.words)


def in_words(verb: str) -> str:
    """What somebody did. A verb of an older version that nobody uses any more stands as it is."""
    return _WORDS.get(verb, verb.replace(".", ": ").replace("_", " "))


def known() -> frozenset[str]:
    """Every verb that has words."""
    return frozenset(_WORDS)
