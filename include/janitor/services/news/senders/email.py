"""E-mail by a server that takes SMTP. Nothing goes in the clear but to this machine itself.

A mail has the same Message-ID at every try, by which mail programs know one that came twice; what follows the first
one refers to it, so that they stand together. Who was refused by the server is tried again alone: `left_to`.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Mapping
from datetime import datetime, timezone
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from janitor.domain.news.forms import plain, title
from janitor.domain.watch.waits import waiting
from janitor.services.news.senders.connections import cut_in_time
from janitor.services.news.senders.sending import TIMEOUT, Outgoing, PartlySentError, SendError

_SUBMISSION, _TLS = 587, 465
_LOOPBACK = ("127.0.0.1", "localhost")


def send_mail(outgoing: Outgoing) -> str:
    """Send the message to everybody who doesn't have it; returns its Message-ID."""
    host, _, port = str(outgoing.address["server"]).partition(":")
    mail = mail_of(outgoing)
    to = list(outgoing.address.get("left_to") or outgoing.address["to"])
    seconds = TIMEOUT.total_seconds()
    context = ssl.create_default_context()
    try:
        with waiting(f"waiting for the mail server {host}", TIMEOUT * 5):
            if int(port or _SUBMISSION) == _TLS:
                server: smtplib.SMTP = _TlsServer(host, _TLS, timeout=seconds, context=context)
            else:
                server = _Server(host, int(port or _SUBMISSION), timeout=seconds)
            try:
                if host not in _LOOPBACK and int(port or _SUBMISSION) != _TLS:
                    server.starttls(context=context)
                if outgoing.address["secret"] is not None:
                    user, _, password = outgoing.secret().partition(":")
                    server.login(user, password)
                refused = server.send_message(mail, to_addrs=to)
                # The server has said 250 to the mail: it is delivered, however the goodbye goes. Nobody waits for it.
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    server.putcmd("QUIT")
            finally:
                server.close()
    except smtplib.SMTPRecipientsRefused as exc:
        raise SendError(f"the mail server {host} refused {_refused(exc.recipients)}") from None
    except smtplib.SMTPResponseException as exc:
        raise SendError(f"the mail server {host} answered {exc.smtp_code} ({type(exc).__name__})") from None
    except (smtplib.SMTPException, OSError, ValueError) as exc:
        # What a server says may repeat what was sent.
        raise SendError(f"the mail server {host} can't be used ({type(exc).__name__})") from None
    message_id = str(mail["Message-ID"])
    if refused:
        said = f"the mail server {host} refused {_refused(refused)}; the others have it"
        raise PartlySentError(said, external_ref=message_id, left_to=[each for each in to if each in refused])
    return message_id


def _refused(recipients: Mapping[str, tuple[int, bytes]]) -> str:
    """Addresses of the configuration with the server's codes; its words may hold anything."""
    return ", ".join(f"{address} ({answer[0]})" for address, answer in recipients.items())


class _Server(smtplib.SMTP):
    """One that is cut in time. Its first answer is read where it is made, so there is no later moment to tell of it."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # typeshed lacks it
        cut_in_time(made)
        return made


class _TlsServer(smtplib.SMTP_SSL):
    """The same for TLS from the first byte, whose handshake has one bound as a whole."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # typeshed lacks it
        cut_in_time(made)
        return made


def mail_of(outgoing: Outgoing) -> EmailMessage:
    """The mail. Its headers have one line each, whatever stands in the message."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = f"[janitor {outgoing.settings.deployment}] {title(outgoing.message)}"
    mail["From"] = outgoing.address["from"]
    mail["To"] = ", ".join(outgoing.address["to"])
    # RFC 5322 wants it, and filters for unwanted mail count its absence; of this try, as this is what is sent now.
    mail["Date"] = format_datetime(datetime.now(timezone.utc))
    mail["Message-ID"] = _message_id(outgoing, outgoing.key)
    mail["Auto-Submitted"] = "auto-generated"
    if outgoing.thread_ref is not None:
        mail["In-Reply-To"] = mail["References"] = outgoing.thread_ref
    mail.set_content(plain(outgoing.message) + "\n")
    return mail


def _message_id(outgoing: Outgoing, key: str) -> str:
    domain = str(outgoing.address["from"]).rpartition("@")[2]
    name = re.sub(r"[^A-Za-z0-9.-]", "-", key)[:60]
    return f"<{name}.{sha256(key.encode()).hexdigest()[:12]}@{domain}>"
