"""User data is taken apart as cloud-init does it."""

from __future__ import annotations

from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from localcloud.ec2.user_data import read


def test_script_and_boothook() -> None:
    assert read(b"#!/bin/sh\ntrue\n").scripts == [b"#!/bin/sh\ntrue\n"]
    assert read(b"#cloud-boothook\n#!/bin/sh\ntrue\n").boothooks == [b"#!/bin/sh\ntrue\n"]
    nothing = read(b" \n")
    assert (nothing.scripts, nothing.boothooks, nothing.complaints) == ([], [], [])


@pytest.mark.parametrize("text", [b"touch file\n", b"#cloud-boothook\ntouch file\n", b"#cloud-config\n{}\n"])
def test_other_text_is_complained_about(text: bytes) -> None:
    parts = read(text)
    assert (parts.scripts, parts.boothooks) == ([], [])
    assert "not executed" in parts.complaints[0]


def test_several_parts_in_one() -> None:
    message = MIMEMultipart()
    for text, kind in (
        ("#!/bin/sh\necho script\n", "x-shellscript"),
        ("#!/bin/sh\necho hook\n", "cloud-boothook"),
        ("#cloud-boothook\n#!/bin/sh\necho other\n", "cloud-boothook"),
        ("packages: []\n", "cloud-config"),
    ):
        message.attach(MIMEText(text, kind))
    parts = read(message.as_bytes())
    assert [text.strip() for text in parts.scripts] == [b"#!/bin/sh\necho script"]
    assert [text.strip() for text in parts.boothooks] == [b"#!/bin/sh\necho hook", b"#!/bin/sh\necho other"]
    assert parts.complaints == ["a part of type text/cloud-config is not executed"]
