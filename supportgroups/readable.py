"""Texts that stay readable in the database, each with why. Every other one is encrypted.

`supportgroups/checks.py` fails for a field that is in neither. Fields with `choices` hold codes.
"""

_PUBLIC = "Anybody can read it on the site."
_SETTING = "A code, an address or a setting, no words about a person."
_HASH = "A hash, or a key that opens nothing by itself."
_STAFF = "Describes the organisation's work or its questions, written for everybody who is asked."
_MEMBERS = (
    "Where and how a group meets. Every member may know it, and it says nothing about a person."
)
_FIGURES = "Counts, sums and scores, which are summed up and compared in the database."
_SEALED = "Encrypted by what writes it, and gone by itself after some days."
_OUTSIDE = "Comes from somebody else's public list of groups."

READABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "The e-mail address signs people in and is unique in any spelling; the display name is what "
    "others see anyway, is sorted by, and is often a pseudonym.": {
        "accounts.User": ("email", "display_name"),
    },
    _HASH: {
        "accounts.User": ("password",),
        "audit.Seal": ("hash",),
        "audit.TrailCheck": ("head_hash",),
        "audit.Anchor": ("hash",),
        "accounts.DataExport": ("nonce",),
        "accounts.BrowserSession": ("key_digest",),
        "support_sessions.CalendarFeed": ("nonce",),
        "outcomes.FunderReport": ("scope", "fingerprint"),
        "outcomes.Analysis": ("fingerprint",),
        "outreach.FeedEntry": ("fingerprint",),
        # Leads to nothing without signing in as staff.
        "outcomes.SurveyInvitation": ("paper_code",),
    },
    _SETTING: {
        "accounts.User": ("time_zone", "country", "language"),
        "accounts.BrowserSession": ("device",),
        "accounts.Organisation": ("slug", "country", "time_zone"),
        "accounts.Consent": ("purpose",),
        "audit.Event": ("verb", "object_type", "data"),
        "audit.TrailCheck": ("found",),
        "groups.SupportGroup": ("slug", "language", "time_zone"),
        "safeguarding.Concern": ("occasion",),
        "support_sessions.Series": ("rrule", "time_zone"),
        "support_sessions.Hint": ("list_version",),
        "outcomes.Disclosure": ("instruments",),
        "outcomes.Analysis": ("x", "m", "y", "problem"),
    },
    _PUBLIC: {
        "accounts.Organisation": ("name",),
        "accounts.StaffRole": ("training", "supervision"),
        "groups.Topic": ("name", "slug"),
        "groups.SupportGroup": (
            "name",
            "purpose",
            "who_it_is_for",
            "what_to_expect",
            "ground_rules",
            "accessibility",
            "place",
        ),
        "groups.SearchEntry": ("document", "words"),
        "groups.FacilitatorAssignment": ("introduction",),
        "groups.Agreement": ("text", "what_changed"),
        "safeguarding.CountryLines": ("country", "emergency"),
        "safeguarding.CountryLine": ("name", "call", "text", "hours", "url"),
        "safeguarding.Resource": ("title", "summary", "source", "url"),
    },
    _MEMBERS: {
        "groups.SupportGroup": (
            "address",
            "room",
            "online_link",
            "joining_details",
            "lifecycle_message",
        ),
        "support_sessions.SupportSession": ("note",),
        "support_sessions.AgendaItem": ("title", "note"),
        "support_sessions.AgendaTemplateItem": ("title", "note"),
        "support_sessions.DayOff": ("name",),
        "support_sessions.Booking": ("room",),
    },
    _STAFF: {
        "instruments.Instrument": (
            "code",
            "version",
            "language",
            "title",
            "definition",
            "licence",
            "terms",
            "source",
        ),
        "instruments.TermsAcceptance": ("code", "terms"),
        "instruments.Licence": ("code", "owner", "scope", "evidence"),
        "screening.Question": ("text", "why", "options", "proposals"),
        "outcomes.Programme": ("name",),
        "outcomes.FunderReport": ("programme_name", "introduction", "learnt"),
    },
    _FIGURES: {
        "outcomes.Response": ("band", "scales"),
        "outcomes.FunderReport": ("inputs", "content", "pdf"),
        "outcomes.Analysis": ("result",),
    },
    _SEALED: {
        "accounts.DataExport": ("content",),
        "accounts.BrowserSession": ("data",),
    },
    _OUTSIDE: {
        "outreach.Feed": ("name",),
        "outreach.FeedEntry": ("key", "paused_from"),
        "outreach.Import": ("file_name", "content", "problem"),
        "outreach.ImportRow": ("key", "name", "reason", "flags", "data"),
    },
}


def readable_fields() -> dict[str, str]:
    """ "app.Model.field" -> why it may be read in the database."""
    return {
        f"{label}.{name}": why
        for why, tables in READABLE.items()
        for label, names in tables.items()
        for name in names
    }
