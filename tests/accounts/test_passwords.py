"""What a password must be, and what is said about one that does not do."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.urls import reverse

from accounts import passwords
from accounts.models import User
from tests import factories
from tests.cast import signed_in

GUESSED = """
password1234 Password123! P@ssw0rd2024 passwordpassword iloveyou1234 letmeinletmein qwertyuiop12
qwertyqwerty 1qaz2wsx3edc 123456789012 aaaaaaaaaaaa abcabcabcabc abcdefghijkl Summer2026!!!
opencircle2026 supportgroup1 Liverpool2024 mentalhealth1 dragondragon1 987654321987 Welcome12345
football2020! monday12345678 zxcvbnmasdfg asdfghjkl123 anxietyanxiety
""".split()
FINE = [
    "correct horse battery staple",
    "kettle umbrella drowsy",
    "wobbly teapot 7 lanterns",
    "tr8Kq!vZ2m#xP",
    "ωραίο πρωινό στη θάλασσα",
    "z" * 3 + "lamp-otter-brick" * 8,
]


@pytest.mark.parametrize("password", GUESSED)
def test_what_is_guessed_early_is_refused_with_a_way_on(password):
    with pytest.raises(ValidationError) as no:
        validate_password(password)
    assert no.value.messages == [
        "People who guess passwords try this one early. Add a word or two that nobody would expect."
    ]


@pytest.mark.parametrize("password", FINE)
def test_any_kind_of_characters_will_do_at_any_length(password):
    validate_password(password)


def test_a_short_one_is_told_how_long():
    with pytest.raises(ValidationError, match="Use at least 12 characters"):
        validate_password("tr8Kq!vZ2m#")


@pytest.mark.parametrize("password", ["riverstone1984", "River.Stone!!!", "r.stone@example"])
def test_ones_name_and_address_are_tried_first(password):
    person = User(email="r.stone@example.org", display_name="River Stone")
    with pytest.raises(ValidationError):
        validate_password(password, person)


def test_the_same_letters_are_the_same_password(db):
    person = factories.user(password="café teapot lanterns")
    assert person.check_password("cafe\u0301 teapot lanterns")
    assert not person.check_password("cafe teapot lanterns")


def test_128_characters_work_from_end_to_end(db):
    person = signed_in(factories.user(password=None))
    long = ("kettle otter brick lamp " * 6)[:127] + "x"

    page = person.client.get(reverse("account_set_password")).content.decode()
    assert "maxlength" not in page.split("password1")[1].split(">")[0]
    assert "of any kind" in page
    sent = {"password1": long, "password2": long}
    assert person.client.post(reverse("account_set_password"), sent).status_code == 302

    person.user.refresh_from_db()
    assert person.user.check_password(long)
    assert not person.user.check_password(long[:-1])


def test_the_page_says_it_kindly(db):
    person = signed_in(factories.user(password=None))
    sent = {"password1": "password1234", "password2": "password1234"}

    page = person.client.post(reverse("account_set_password"), sent).content.decode()

    assert "<title>Error:" in page
    assert "Add a word or two that nobody would expect." in page


def test_the_hash_is_argon2_with_our_parameters():
    hashed = passwords.PasswordHasher().encode("kettle umbrella drowsy", "0123456789abcdef")
    assert hashed.startswith("argon2$argon2id$v=19$m=65536,t=4,p=1$")
