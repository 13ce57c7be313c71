"""The people of the sample world: made-up display names, and what each is like."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password

from accounts.models import User

#: Reserved by RFC 2606: no mail server will ever answer for it.
MAIL_DOMAIN = "example.org"
#: Of everybody who is named in the guide. The sample world never leaves one machine.
PASSWORD = "an open circle"  # noqa: S105

_QUALITIES = (
    "Quiet Amber Brave Copper Dusky Early Fern Gentle Hazy Indigo Kindly Lunar Mossy Nimble Ochre"
    " Patient Rainy Silver Tidal Umber Velvet Wandering Windy Winter Woolly Mellow Sunny Misty"
    " Golden Hidden"
).split()
_CREATURES = (
    "Otter Badger Comet Dune Egret Fjord Grebe Harbour Inlet Jay Kestrel Lantern Marten Newt Owl"
    " Pine Quarry River Squirrel Thrush Umbrella Vole Wren Yew Zephyr Acorn Beech Cloud Dipper Elm"
    " Finch Gull Hedgehog Island Kettle Lark Meadow Nettle Orchard Puffin"
).split()

#: Somebody with a role of their own.
TAKEN_NAME = "Quiet Otter"

_ZONES = {
    "GB": "Europe/London",
    "US": "America/New_York",
    "DE": "Europe/Berlin",
    "AU": "Australia/Sydney",
}


@dataclass
class Person:
    """Somebody, and how they are: believable rows follow from these few numbers."""

    user: User
    #: Chance of coming, against what is usual in the group.
    comes: float
    #: Chance of answering a survey.
    answers: float
    #: PHQ-9 in points before the first session, its change a month, and its ups and downs.
    mood: float
    change: float
    sways: float


class Crowd:
    """Makes people one after the other; `save_new()` stores many at once."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.people: list[Person] = []
        self._saved = 0
        self._names = self._shuffled_names()
        self._password = make_password(PASSWORD)

    def _shuffled_names(self) -> Iterator[str]:
        names = [f"{quality} {creature}" for quality in _QUALITIES for creature in _CREATURES]
        names.remove(TAKEN_NAME)
        self.rng.shuffle(names)
        return iter(names)

    def person(
        self,
        *,
        joined_at: datetime,
        country: str = "GB",
        name: str | None = None,
        key: str | None = None,
        comes: float | None = None,
    ) -> Person:
        """Somebody new. With a `key` they can sign in with `PASSWORD`; the others only by code."""
        rng = self.rng
        name = name or next(self._names)
        address = key or name.lower().replace(" ", ".")
        user = User(
            id=uuid7(joined_at, rng),
            email=f"{address}@{MAIL_DOMAIN}",
            display_name=name,
            country=country,
            time_zone=_ZONES[country],
            joined_at=joined_at,
            # As after `set_unusable_password()`, whose own randomness would not be seeded.
            password=self._password if key else f"!{rng.getrandbits(200):050x}"[:41],
        )
        mood = min(24.0, max(2.0, rng.gauss(11.2, 4.4)))
        person = Person(
            user=user,
            comes=min(1.3, max(0.55, rng.gauss(1.0, 0.16))) if comes is None else comes,
            answers=min(0.97, max(0.3, rng.gauss(0.74, 0.16))),
            mood=mood,
            change=self._change(mood),
            sways=rng.uniform(1.2, 2.8),
        )
        self.people.append(person)
        return person

    def _change(self, mood: float) -> float:
        """Modest for most, and worse for some. Who begins high has further to go."""
        if self.rng.random() < 0.12:
            return self.rng.gauss(1.9, 0.4)
        return self.rng.gauss(-0.9 - 0.1 * max(0.0, mood - 8), 0.7)

    def save_new(self) -> None:
        """Store everybody who is not stored yet, each with a confirmed address."""
        users = [person.user for person in self.people[self._saved :]]
        self._saved = len(self.people)
        User.objects.bulk_create(users)
        EmailAddress.objects.bulk_create(
            EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
        )


def uuid7(at: datetime, rng: random.Random) -> uuid.UUID:
    """An id as the database would have made it at that moment (RFC 9562)."""
    milliseconds = int(at.timestamp() * 1000) & ((1 << 48) - 1)
    value = milliseconds << 80 | 7 << 76 | rng.getrandbits(12) << 64
    return uuid.UUID(int=value | 2 << 62 | rng.getrandbits(62))
