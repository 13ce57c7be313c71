"""Tokens open under their key and in their place only, and tell nothing else."""

import base64

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from supportgroups.lib.encryption import (
    Unreadable,
    current_key_id,
    decrypt,
    decrypt_bytes,
    encrypt,
    encrypt_bytes,
    key_id_of,
)

HERE = "table.column.1"
OLD, NEW = "ab" * 31 + "cd", "12" * 31 + "34"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_words_come_back_as_they_were(words: str) -> None:
    assert decrypt(encrypt(words, bound_to=HERE), bound_to=HERE) == words


@given(st.binary(max_size=300))
def test_bytes_come_back_as_they_were(data: bytes) -> None:
    token = encrypt_bytes(data, bound_to=HERE)
    assert decrypt_bytes(token, bound_to=HERE) == data
    assert decrypt_bytes(memoryview(token), bound_to=HERE) == data


def test_the_same_words_look_different_each_time_and_short_ones_equally_long() -> None:
    tokens = {encrypt(words, bound_to=HERE) for words in ("yes", "yes", "no", "rather not say")}
    assert len(tokens) == 4
    assert len({len(token) for token in tokens}) == 1


def test_a_moved_token_does_not_open() -> None:
    with pytest.raises(Unreadable, match="belongs elsewhere"):
        decrypt(encrypt("mine", bound_to=HERE), bound_to="table.column.2")
    with pytest.raises(Unreadable, match="belongs elsewhere"):
        decrypt_bytes(encrypt_bytes(b"mine", bound_to=HERE), bound_to="table.column.2")


def test_any_changed_byte_is_noticed() -> None:
    version, key, sealed = encrypt("mine", bound_to=HERE).split(".")
    data = bytearray(base64.urlsafe_b64decode(sealed))
    for place in range(len(data)):
        data[place] ^= 1
        changed = f"{version}.{key}.{base64.urlsafe_b64encode(data).decode()}"
        with pytest.raises(Unreadable):
            decrypt(changed, bound_to=HERE)
        data[place] ^= 1


@given(st.one_of(st.text(), st.from_regex(r"v1\.[0-9a-f]{8}\.[\w=-]*", fullmatch=True)))
def test_whatever_stands_there_nothing_else_is_raised(token: str) -> None:
    with pytest.raises(Unreadable):
        decrypt(f"v1.{current_key_id()}.{token}", bound_to=HERE)
    with pytest.raises(Unreadable):
        decrypt(token, bound_to=HERE)
    with pytest.raises(Unreadable):
        decrypt_bytes(token.encode(errors="replace"), bound_to=HERE)


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    with override_settings(FIELD_ENCRYPTION_KEYS=[OLD]):
        token = encrypt("before", bound_to=HERE)
        file = encrypt_bytes(b"before", bound_to=HERE)
        old = current_key_id()
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW, OLD]):
        assert current_key_id() != old
        assert key_id_of(token) == old
        assert key_id_of(encrypt("after", bound_to=HERE)) == current_key_id()
        assert decrypt(token, bound_to=HERE) == "before"
        assert decrypt_bytes(file, bound_to=HERE) == b"before"
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW]):
        with pytest.raises(Unreadable, match=f"There is no key {old}"):
            decrypt(token, bound_to=HERE)
        with pytest.raises(Unreadable, match=f"There is no key {old}"):
            decrypt_bytes(file, bound_to=HERE)


def test_a_key_id_does_not_tell_the_key() -> None:
    with override_settings(FIELD_ENCRYPTION_KEYS=[OLD]):
        assert current_key_id() not in OLD
