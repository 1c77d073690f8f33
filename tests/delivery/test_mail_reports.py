"""Bounces and complaints as mail systems write them (the layouts of RFC 3464 and RFC 5965)."""

import pytest

from opportune.delivery import ProviderReceipt
from opportune.delivery.mail_reports import REPORT_BYTES_MAX, message_id, parse_report
from opportune.store import Stage

SECRET = b"0123456789abcdef"
OURS = message_id("d42", "example.com", SECRET)


def report(kind: str, machine: str, original: str, original_type: str = "message/rfc822") -> bytes:
    """A multipart/report: words for people, the machine's part, the original."""
    part = "delivery-status" if kind == "delivery-status" else "feedback-report"
    return f"""\
From: MAILER-DAEMON@mx.example.org
To: shop@example.com
Subject: whatever
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="B"

--B
Content-Type: text/plain; charset=utf-8

Sorry.

--B
Content-Type: message/{part}

{machine}
--B
Content-Type: {original_type}

{original}
--B--
""".replace("\n", "\r\n").encode()


ORIGINAL = f"Message-ID: {OURS}\nSubject: hi\nTo: ann@example.org\n\nbody\n"


def status(action: str, code: str = "5.1.1") -> str:
    return (
        "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; ann@example.org\n"
        f"Action: {action}\nStatus: {code}\nDiagnostic-Code: smtp; 550 no such mailbox\n"
    )


@pytest.mark.parametrize("original_type", ["message/rfc822", "text/rfc822-headers"])
def test_a_bounce_names_our_message_and_why(original_type: str) -> None:
    told = parse_report(report("delivery-status", status("failed"), ORIGINAL, original_type), SECRET)
    assert told == ProviderReceipt(Stage.BOUNCED, key="d42", reason="5.1.1 smtp; 550 no such mailbox")


def test_delivered_is_told_and_delayed_is_no_end() -> None:
    told = parse_report(report("delivery-status", status("delivered", "2.0.0"), ORIGINAL), SECRET)
    assert told == ProviderReceipt(Stage.DELIVERED, key="d42")
    assert parse_report(report("delivery-status", status("delayed", "4.4.1"), ORIGINAL), SECRET) is None


def test_a_complaint_names_our_message() -> None:
    machine = "Feedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\n"
    told = parse_report(report("feedback-report", machine, ORIGINAL), SECRET)
    assert told == ProviderReceipt(Stage.COMPLAINED, key="d42", reason="abuse")
    praise = machine.replace("abuse", "not-spam")
    assert parse_report(report("feedback-report", praise, ORIGINAL), SECRET) is None


@pytest.mark.parametrize(
    "original",
    [
        "Message-ID: <d42.0123456789abcdef@example.com>\n\nx",
        "Message-ID: <other@example.org>\n\nx",
        "Subject: none\n\nx",
        "",
    ],
)
def test_a_made_up_report_says_nothing(original: str) -> None:
    assert parse_report(report("delivery-status", status("failed"), original), SECRET) is None
    assert parse_report(report("delivery-status", status("failed"), original), b"fedcba9876543210") is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\xff" * 100,
        b"Content-Type: multipart/report\r\n\r\n",
        b"Message-ID: " + OURS.encode() + b"\r\n\r\nhello",
    ],
)
def test_other_mail_says_nothing(raw: bytes) -> None:
    assert parse_report(raw, SECRET) is None


def test_a_report_cut_anywhere_is_read_or_ignored_and_never_raises() -> None:
    whole = report("delivery-status", status("failed"), ORIGINAL)
    answers = {parse_report(whole[:length], SECRET) for length in range(len(whole))}
    assert None in answers
    assert all(answer is None or answer.key == "d42" for answer in answers)


def test_a_report_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="not read"):
        parse_report(b"x" * (REPORT_BYTES_MAX + 1), SECRET)


@pytest.mark.parametrize("key", ["", "a b", "a@b", "x" * 101, "d\r\n42", "d.42"])
def test_a_key_that_would_break_the_header_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        message_id(key, "example.com", SECRET)
