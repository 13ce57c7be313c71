import email
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.filebased import EmailBackend

from supportgroups.demo.outbox import newest


def send(directory: Path, *mails: EmailMultiAlternatives) -> None:
    """Through Django's own backend, as web and worker do: one connection, one file."""
    EmailBackend(file_path=str(directory), alias="demo").send_messages(list(mails))


def mail(subject: str, *, body: str = "Hello", to: str = "willow@example.org", hour: int = 9):
    made = EmailMultiAlternatives(subject, body, "no-reply@example.org", [to])
    made.extra_headers["Date"] = email.utils.format_datetime(datetime(2026, 3, 1, hour, tzinfo=UTC))
    return made


def test_newest_reads_one_mail(tmp_path: Path) -> None:
    body = "Your code: 4F7-K2Q\n\nhttps://localhost:8000/account/ – “good evening”"
    send(tmp_path, mail("Your code", body=body))
    (read,) = newest(tmp_path)
    assert (read.to, read.subject, read.body) == ("willow@example.org", "Your code", body)
    assert read.sent_at == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_newest_reads_several_mails_of_one_file_newest_first(tmp_path: Path) -> None:
    send(tmp_path, mail("first", hour=7), mail("third", hour=9), mail("second", hour=8))
    assert [each.subject for each in newest(tmp_path)] == ["third", "second", "first"]


def test_newest_keeps_to_the_limit_and_the_address(tmp_path: Path) -> None:
    for hour in range(5):
        send(tmp_path, mail(f"at {hour}", hour=hour, to=f"person{hour}@example.org"))
    assert [each.subject for each in newest(tmp_path, limit=2)] == ["at 4", "at 3"]
    assert [each.subject for each in newest(tmp_path, to="Person1")] == ["at 1"]


def test_newest_prefers_plain_words(tmp_path: Path) -> None:
    both = mail("Both")
    both.attach_alternative("<p>Loud</p>", "text/html")
    send(tmp_path, both)
    assert newest(tmp_path)[0].body == "Hello"


def test_newest_waits_for_a_mail_that_is_being_written(tmp_path: Path) -> None:
    send(tmp_path, mail("whole"), mail("unfinished", hour=10))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-90])
    assert [each.subject for each in newest(tmp_path)] == ["whole"]


@pytest.mark.parametrize("content", [b"", b"no mail at all", b"\xff\xfe\x00" * 40])
def test_newest_survives_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.log").write_bytes(content + b"\n" + b"-" * 79 + b"\n")
    (tmp_path / "notes.txt").write_text("not a mail")
    send(tmp_path, mail("fine"))
    assert "fine" in [each.subject for each in newest(tmp_path)]


def test_newest_survives_an_unknown_encoding(tmp_path: Path) -> None:
    message = EmailMessage()
    message["To"] = "willow@example.org"
    message.set_content("Hello")
    message.replace_header("Content-Type", "text/plain; charset=never-heard-of")
    (tmp_path / "odd.log").write_bytes(bytes(message) + b"\n" + b"-" * 79 + b"\n")
    assert len(newest(tmp_path)) == 1


def test_newest_without_a_directory(tmp_path: Path) -> None:
    assert newest(tmp_path / "none") == []
