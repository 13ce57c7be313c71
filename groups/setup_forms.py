"""What the set-up of a group asks. Only what cannot be kept is an error: the rest may wait."""

import re
from collections.abc import Collection, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import forms
from django.conf import global_settings
from django.utils.text import slugify

from accounts import places
from accounts.models import Organisation, User
from groups import defaults, rules
from groups.models import Agreement, SupportGroup, Topic
from supportgroups.lib.forms import AnswerChoices

Lifecycle = SupportGroup.Lifecycle

_COORDINATE = re.compile(r"(?P<number>[-+−]?\d{1,3}(?:\.\d+)?)\s*°?\s*(?P<side>[NSEWnsew]?)")
_HUNDREDTH = Decimal("0.01")


def _text(label: str, help_text: str = "", *, rows: int = 3, most: int = 2000) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=most,
        required=False,
        widget=forms.Textarea(attrs={"rows": rows}),
        error_messages={"max_length": f"Use up to {most:,} characters."},
    )


def _line(label: str, help_text: str = "", *, most: int, **fields: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=most,
        required=False,
        error_messages={"max_length": f"Use up to {most} characters."},
        **fields,
    )


def _number(label: str, help_text: str, *, least: int, most: int, usual: int) -> forms.IntegerField:
    """A number that stays what it is when the field is left empty."""
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=False,
        min_value=least,
        max_value=most,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
        error_messages={
            "invalid": f"Type a number, such as {usual}.",
            "min_value": f"Type {least} or more.",
            "max_value": f"Type {most} or fewer.",
        },
    )


def _one_of(label: str, answers: Mapping[str, tuple[str, str]], help_text: str = "") -> Any:
    """One of a few: value -> words and what they mean."""
    return forms.ChoiceField(
        label=label,
        help_text=help_text,
        choices=[(value, words) for value, (words, _) in answers.items()],
        widget=AnswerChoices(hints={value: hint for value, (_, hint) in answers.items()}),
    )


def _name() -> forms.CharField:
    return forms.CharField(
        label="Name of the group",
        help_text=(
            "People see it in the list. It can be plain, such as “Evening circle for carers”. "
            "You can change it later."
        ),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": "Give the group a name. You can change it later.",
            "max_length": "Use up to 120 characters.",
        },
    )


def _clean_name(name: str) -> str:
    name = " ".join(name.split())
    if not slugify(name, allow_unicode=True):
        raise forms.ValidationError("Give it a name with letters or numbers.")
    return name


def _format() -> Any:
    return _one_of(
        "How do people come together?",
        {
            "in_person": ("In person", "Everybody comes to one place. Nobody joins online."),
            "online": ("Online", "Everybody joins from where they are. There is no place to go."),
            "hybrid": (
                "In person and online at once",
                "One meeting: some sit in the room, others join it online. "
                "People choose each time.",
            ),
        },
    )


class StartForm(forms.Form):
    """A name and how it meets, and for which organisation when somebody coordinates several."""

    name = _name()
    format = _format()
    organisation = forms.ModelChoiceField(
        label="Which organisation runs it?",
        queryset=Organisation.objects.none(),
        empty_label="Choose one",
        error_messages={"required": "Choose the organisation that runs it."},
    )

    def __init__(self, *args: Any, organisations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organisations = list(organisations.order_by("name"))
        if len(self.organisations) == 1:
            del self.fields["organisation"]
        else:
            self.fields["organisation"].queryset = organisations  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        return _clean_name(self.cleaned_data["name"])

    def organisation_chosen(self) -> Organisation:
        """Call it after `is_valid()` said yes."""
        chosen: Organisation = self.cleaned_data.get("organisation") or self.organisations[0]
        return chosen


class StepForm(forms.Form):
    """One page of the set-up, filled with what the group has."""

    #: Fields that may wait, and what they are needed for.
    NEEDED: Mapping[str, str] = {}
    #: Numbers that stay what they are when they are left empty.
    STAY: Collection[str] = ()

    def __init__(self, *args: Any, group: SupportGroup, **kwargs: Any) -> None:
        self.group = group
        initial = {name: getattr(group, name) for name in self.base_fields if hasattr(group, name)}
        kwargs["initial"] = {**initial, **self.own_initial()}
        super().__init__(*args, **kwargs)
        for name, words in self.NEEDED.items():
            if name in self.fields:
                self.fields[name].needed_for = words  # type: ignore[attr-defined]

    def own_initial(self) -> dict[str, Any]:
        """What the fields begin with that are not fields of the group."""
        return {}

    def changes(self) -> dict[str, Any]:
        """Fields of the group to keep; call it after `is_valid()` said yes."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if hasattr(self.group, name) and not (name in self.STAY and value is None)
        }


class BasicsForm(StepForm):
    """Name, purpose, topics and language."""

    name = _name()
    purpose = _text(
        "What is it for, in one sentence?",
        "People read this first. For example: “A calm evening to talk with others who care for "
        "a parent.” Up to 300 characters.",
        rows=3,
        most=300,
    )
    new_topic = _line(
        "Is a topic missing? Add it here",
        "One or two words that people would search for. It is ticked for you when you save.",
        most=60,
    )
    new_topic_kind = forms.ChoiceField(
        label="What kind of topic is it?",
        choices=[("", "Choose one"), *Topic.Kind.choices],
        required=False,
    )
    language = forms.ChoiceField(
        label="Language of the group",
        choices=[(code, name) for code, name in global_settings.LANGUAGES if code != "en-au"],
    )
    NEEDED = {"purpose": "needed before listing"}

    LEGENDS = {
        Topic.Kind.CONDITION: "A condition or situation it is about",
        Topic.Kind.IDENTITY: "Something people share",
        Topic.Kind.WELLBEING: "Wellbeing",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = set(self.group.topics.values_list("pk", flat=True))
        topics = list(Topic.objects.all())
        self.topic_fields: list[str] = []
        for kind, legend in self.LEGENDS.items():
            of_kind = {str(topic.pk): topic for topic in topics if topic.kind == kind}
            if of_kind:
                name = f"topics_{kind.value}"
                self.topic_fields.append(name)
                self.fields[name] = forms.MultipleChoiceField(
                    label=legend,
                    choices=[(pk, topic.name) for pk, topic in of_kind.items()],
                    required=False,
                    widget=forms.CheckboxSelectMultiple,
                )
                self.initial[name] = [pk for pk, topic in of_kind.items() if topic.pk in chosen]
        self.order_fields(
            ["name", "purpose", *self.topic_fields, "new_topic", "new_topic_kind", "language"]
        )
        language: Any = self.fields["language"]
        if self.group.language not in dict(language.choices):
            language.choices = [(self.group.language, self.group.language), *language.choices]

    def clean_name(self) -> str:
        return _clean_name(self.cleaned_data["name"])

    def clean_new_topic(self) -> str:
        name = " ".join(self.cleaned_data["new_topic"].split())
        if name and not slugify(name):
            raise forms.ValidationError("Write the topic with letters from a to z.")
        return name

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("new_topic") and not self.cleaned_data.get("new_topic_kind"):
            self.add_error("new_topic_kind", "Say what kind of topic it is.")
        return self.cleaned_data

    def topics(self) -> list[Topic]:
        """The ticked ones."""
        ticked = [pk for name in self.topic_fields for pk in self.cleaned_data[name]]
        return list(Topic.objects.filter(pk__in=ticked))

    @property
    def topic_choices(self) -> list[forms.BoundField]:
        """The fields of ticks, for the page."""
        return [self[name] for name in self.topic_fields]


class PeopleForm(StepForm):
    """Who it is for, who leads and oversees it, how many, and how people get in."""

    NEEDED = {
        "who_it_is_for": "needed before listing",
        "overseer": "needed for a peer-led group",
    }

    who_it_is_for = _text(
        "Who is it for?",
        "Describe the people, not the diagnosis alone. For example: “Adults who look after a "
        "parent or partner at home.” Say as well who would be better served elsewhere.",
    )
    what_to_expect = _text(
        "What can newcomers expect?",
        "A few plain sentences about a usual meeting. They take away some of the fear of a "
        "first visit.",
    )
    facilitation = _one_of(
        "Who leads it?",
        {
            "peer_led": ("Peers", "People who know it from their own life, and are trained."),
            "professionally_led": (
                "A professional",
                "For example a counsellor, nurse or social worker.",
            ),
        },
    )
    overseer = forms.ModelChoiceField(
        label="Which professional oversees it?",
        help_text=(
            "A peer-led group needs one before it can be listed. Peers can turn to this person "
            "when something is hard. You can choose among your supervisors and coordinators. "
            "People you asked appear here once they have signed in."
        ),
        queryset=User.objects.none(),
        required=False,
        empty_label="Nobody yet",
    )
    attendance = _one_of(
        "Can people join at any time?",
        {
            "open": ("Open", "People come when they can. New people join at any time."),
            "closed": (
                "Closed",
                "The same people each time, often as a course. Nobody new joins after it began.",
            ),
        },
    )
    course_sessions = forms.IntegerField(
        label="How many sessions has a closed course?",
        help_text="Leave it empty if the group is open, or if it has no planned end.",
        required=False,
        min_value=1,
        max_value=200,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
        error_messages={
            "invalid": "Type a number, such as 8.",
            "min_value": "Type 1 or more.",
            "max_value": "Type 200 or fewer.",
        },
    )
    capacity = forms.IntegerField(
        label="How many people at most?",
        help_text=(
            "We suggest 12. In a larger circle not everybody gets to speak. "
            f"Above {rules.MOST_FOR_ONE_FACILITATOR}, find a co-facilitator: one person cannot "
            "see to everybody. When it is full, people wait on a list, and a place that becomes "
            "free is offered to the first of them."
        ),
        min_value=2,
        max_value=1000,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
        error_messages={
            "required": "Type a number. We suggest 12.",
            "invalid": "Type a number, such as 12.",
            "min_value": "Type 2 or more.",
            "max_value": "Type 1,000 or fewer.",
        },
    )
    minimum = forms.IntegerField(
        label="How few are too few?",
        help_text=("We suggest 4. With fewer, one absence can make a session feel empty."),
        min_value=2,
        max_value=1000,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
        error_messages={
            "required": "Type a number. We suggest 4.",
            "invalid": "Type a number, such as 4.",
            "min_value": "Type 2 or more: one person alone is not a group.",
            "max_value": "Type 1,000 or fewer.",
        },
    )
    allows_companions = forms.BooleanField(
        label="Members may invite one person close to them",
        help_text=(
            "A family member or partner. They answer the same questions and sign the same "
            "agreement as anyone."
        ),
        required=False,
    )
    admission = _one_of(
        "How do people get in?",
        {
            "screened": (
                "A person reads each application and decides",
                "Safest for a group that goes deep. You answer within the time you promise.",
            ),
            "drop_in": (
                "A few answers let people in at once",
                "Good for open peer groups. Worrying answers still go to a person first.",
            ),
        },
        "A professionally led group always has a person who reads and decides.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        overseer: Any = self.fields["overseer"]
        overseer.queryset = rules.may_oversee(self.group.organisation_id, self.group.overseer_id)
        overseer.label_from_instance = lambda user: user.public_name
        self.initial["overseer"] = self.group.overseer_id

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        capacity, minimum = given.get("capacity"), given.get("minimum")
        if capacity is not None and minimum is not None and minimum > capacity:
            self.add_error("minimum", f"Type {capacity} or fewer: more people do not fit in.")
        if (
            given.get("facilitation") == "professionally_led"
            and given.get("admission") != "screened"
        ):
            self.add_error(
                "admission",
                "A professional decides about each person in a group they lead. "
                "Choose “A person reads each application and decides”.",
            )
        if given.get("attendance") == "open":
            given["course_sessions"] = None
        return given


class MeetingForm(StepForm):
    """Where it meets, online or at a place, and what it offers for access needs."""

    NEEDED = {"place": "needed for a place", "address": "needed for a place"}
    STAY = ("late_after_minutes", "early_before_minutes")

    format = _format()
    place = _line(
        "Place that everybody may know",
        "A district, and perhaps the kind of place. For example “Leeds LS6, community centre”. "
        "Visitors see it.",
        most=120,
    )
    address = _text(
        "Exact address",
        "Only members and staff see it.",
        rows=3,
        most=500,
    )
    room = _line(
        "Room or hall",
        "For example “Garden room”. Two of your groups cannot be booked into it at once.",
        most=80,
    )
    coordinates = _line(
        "Coordinates of the place",
        "So that people can search by distance. Maps show them, for example “53.80, -1.55”. "
        "We keep two decimals, about a kilometre, so that nobody can find the door from them.",
        most=60,
    )
    online_link = forms.URLField(
        label="Link to your own video room",
        help_text=(
            "Leave it empty to meet in our room: text only, nothing to install, nobody is seen "
            "or heard. Only members and staff see the link."
        ),
        max_length=500,
        required=False,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"autocomplete": "off"}),
        error_messages={
            "invalid": "Paste the whole link. It begins with https://",
            "max_length": "Use a link of up to 500 characters.",
        },
    )
    joining_details = _text(
        "Getting in on the day",
        "For example which bell to ring, a number to dial or a passcode. Only members and staff "
        "see it.",
        rows=3,
        most=1000,
    )
    accessibility_features = forms.MultipleChoiceField(
        label="What do you offer?",
        help_text="People filter by this. Tick only what is true at every meeting.",
        choices=SupportGroup.Accessibility.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    accessibility = _text(
        "Anything else about access",
        "For example how heavy the door is, or whom to ask about needs.",
    )
    late_after_minutes = _number(
        "After how many minutes does somebody come late?",
        "Counted from the start. Only those who lead and coordinate see who came late. We suggest "
        "10.",
        least=0,
        most=120,
        usual=10,
    )
    early_before_minutes = _number(
        "How many minutes before the end does somebody leave early?",
        "Facilitators can correct it after each session. We suggest 15.",
        least=0,
        most=120,
        usual=15,
    )
    turn_minutes = _number(
        "About how many minutes does one person speak at a time?",
        "Shown in rounds and while hands are raised, never counted in seconds. Leave it empty for "
        "no measure. We suggest 3.",
        least=1,
        most=30,
        usual=3,
    )
    door_closes_after_minutes = _number(
        "How many minutes after the start does the door close?",
        "From then on late comers knock, and a facilitator lets them in. Leave it empty to keep "
        "the door open. Facilitators can close and open it by hand.",
        least=0,
        most=240,
        usual=15,
    )
    time_zone = forms.ChoiceField(
        label="Time zone of the group",
        help_text="Meeting times are by the clocks of this place, in summer and in winter.",
        choices=places.time_zones,
        error_messages={"invalid_choice": "Choose a time zone from the list."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone: Any = self.fields["time_zone"]
        known = {name for _, part in places.time_zones() for name, _ in part}
        if self.group.time_zone not in known:
            zone.choices = [
                (self.group.time_zone, self.group.time_zone.replace("_", " ")),
                *places.time_zones(),
            ]
        if self.group.lifecycle == Lifecycle.LISTED and self.group.current_series() is not None:
            zone.disabled = True
            zone.help_text = (
                "Members know the times by these clocks. To change the zone, pause the group first."
            )

    def own_initial(self) -> dict[str, Any]:
        if self.group.latitude is None:
            return {}
        return {"coordinates": f"{self.group.latitude}, {self.group.longitude}"}

    def clean_coordinates(self) -> tuple[Decimal, Decimal] | None:
        typed: str = self.cleaned_data["coordinates"]
        if not typed:
            return None
        found = coordinates(typed)
        if found is None:
            raise forms.ValidationError(
                "Type two numbers, north first: for example 53.80, -1.55. "
                "You can also leave this empty."
            )
        return found

    def changes(self) -> dict[str, Any]:
        latitude, longitude = self.cleaned_data["coordinates"] or (None, None)
        return {**super().changes(), "latitude": latitude, "longitude": longitude}


def coordinates(typed: str) -> tuple[Decimal, Decimal] | None:
    """Latitude and longitude in "53.80, -1.55" or "53.80° N, 1.55° W", to two decimals."""
    found = list(_COORDINATE.finditer(typed))
    rest = _COORDINATE.sub("", typed)
    if len(found) != 2 or rest.strip(" ,;/()\t"):
        return None
    numbers = []
    for match, sides, most in zip(found, ("NS", "EW"), (90, 180), strict=True):
        number = Decimal(match["number"].replace("−", "-"))
        side = match["side"].upper()
        if (side and side not in sides) or abs(number) > most:
            return None
        if side in ("S", "W"):
            number = -abs(number)
        numbers.append(number.quantize(_HUNDREDTH, ROUND_HALF_UP))
    return numbers[0], numbers[1]


class PromisesForm(StepForm):
    """Ground rules and the agreement, which begin with texts of ours."""

    NEEDED = {
        "ground_rules": "needed before listing",
        "agreement": "needed before listing",
        "what_changed": "needed when the agreement changes",
    }
    STAY = ("keeps_messages_days",)

    ground_rules = _text(
        "Ground rules",
        "One rule on each line. After the rule and a full stop you can say why it helps.",
        rows=10,
        most=4000,
    )
    agreement = _text(
        "Agreement that members sign",
        "One clause on each line: a short heading, a full stop, and what it means. Have somebody "
        "look at it who knows the law where you are.",
        rows=18,
        most=10000,
    )
    what_changed = _line(
        "What has changed in the agreement?",
        "Members read this before they sign again. Up to 300 characters.",
        most=300,
    )

    keeps_messages_days = _number(
        "How many days do messages stay after a session?",
        "Who was there can read them again until then. Then they are deleted, except while a "
        "report is being looked at. A longer time holds for later sessions only. We suggest 30.",
        least=1,
        most=365,
        usual=30,
    )

    allows_anonymous_questions = forms.BooleanField(
        label="Members may ask the group something without their name",
        help_text=(
            "In a live session. Nobody is shown who asked, you neither. Such a question can be "
            "hidden like any message, and who misuses it can be stopped."
        ),
        required=False,
    )

    def __init__(self, *args: Any, group: SupportGroup, **kwargs: Any) -> None:
        self.current: Agreement | None = group.current_agreement()
        self.is_replaced = rules.agreement_is_unread(group)
        super().__init__(*args, group=group, **kwargs)
        if self.current is None or self.is_replaced:
            del self.fields["what_changed"]

    def own_initial(self) -> dict[str, Any]:
        words = {"agreement": self.current.text if self.current else defaults.AGREEMENT}
        if not self.group.ground_rules and self.current is None:
            words["ground_rules"] = defaults.GROUND_RULES
        return words

    def clean_ground_rules(self) -> str:
        return _lines(self.cleaned_data["ground_rules"])

    def clean_agreement(self) -> str:
        text = _lines(self.cleaned_data["agreement"])
        if not text and self.current is not None and not self.is_replaced:
            raise forms.ValidationError("Members have an agreement. Write down the new one.")
        return text

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if (
            self.agreement_changed()
            and "what_changed" in self.fields
            and not given.get("what_changed")
        ):
            self.add_error(
                "what_changed", "Say what has changed. Members read it before they sign."
            )
        return given

    def agreement_changed(self) -> bool:
        """Whether the text says something else than the version that holds."""
        text = self.cleaned_data.get("agreement", "")
        return bool(text) and (self.current is None or text != _lines(self.current.text))

    def changes(self) -> dict[str, Any]:
        names = ("ground_rules", "keeps_messages_days", "allows_anonymous_questions")
        return {name: value for name, value in super().changes().items() if name in names}


def _lines(text: str) -> str:
    """The same words with one kind of line end and no empty lines."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


class LifecycleForm(forms.Form):
    """What members read on the group's page while it is paused, or after it closed."""

    message = forms.CharField(
        label="What members read",
        help_text="They see it on the group’s page, which their e-mail leads to.",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={
            "required": "Write a sentence or two, so that nobody is left wondering.",
            "max_length": "Use up to 1,000 characters.",
        },
    )


class CloneForm(forms.Form):
    """The copy's own name."""

    name = _name()

    @classmethod
    def for_copy_of(cls, group: SupportGroup, typed: Any) -> "CloneForm":
        """Two groups of one name look alike, so another is proposed."""
        ending = " (second group)"
        most: int = SupportGroup._meta.get_field("name").max_length or 0
        return cls(typed, initial={"name": group.name[: most - len(ending)].rstrip() + ending})

    def clean_name(self) -> str:
        return _clean_name(self.cleaned_data["name"])


class ListForm(forms.Form):
    """Which groups to show."""

    q = forms.CharField(label="Name of the group", required=False, max_length=120)
    state = forms.ChoiceField(
        label="State", required=False, choices=[("", "All"), *Lifecycle.choices]
    )

    def is_used(self) -> bool:
        """Whether fewer groups than all are shown; call it after `is_valid()`."""
        return any(self.cleaned_data.values())
