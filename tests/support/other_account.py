"""A cloud's endpoint as somebody sees it who calls with another account's credentials: it knows them, shows nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

OTHER_ACCOUNT = "210987654321"
_CALLER = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>{arn}</Arn><UserId>AIDAOTHER</UserId><Account>{account}</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
_NOTHING = (
    '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet/>'
    "</DescribeInstancesResponse>"
)
_UNKNOWN = (
    "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>it does not exist</Message></Error>"
    "</Errors></Response>"
)


@contextmanager
def other_account(identity: str) -> Iterator[tuple[str, list[str]]]:
    """Serve it; yields its endpoint's URL, and the actions that were asked for, as they come.

    Args:
        identity: Of the local cloud, which is the same one: the account alone differs.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
            action = given.get("Action", ["?"])[0]
            asked.append(action)
            status, body = 200, _NOTHING
            if action == "GetCallerIdentity":
                arn = f"arn:aws:iam::{OTHER_ACCOUNT}:user/localcloud/{identity}"
                body = _CALLER.format(arn=arn, account=OTHER_ACCOUNT)
            elif action != "DescribeInstances" or "InstanceId.1" in given:
                status, body = 400, _UNKNOWN
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()
