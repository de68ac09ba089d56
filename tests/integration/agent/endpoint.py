"""One loopback server that speaks chat-completions, Messages and Converse, and stands for the metadata service."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROLE_KEY = "ASIAFAKEFAKEFAKEFAKE"
Step = dict[str, Any]
"""`{"tool": name, "args": {…}}`, `{"tools": [...]}`, `{"text": …}`, `{"http": 429}` or `{"hang": True}`."""


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Endpoint:
    """Serves `steps`, one for each request of a model's client, and the last one from then on.

    Args:
        steps: What the model says.
        tokens: Input and output tokens of every response.
    """

    def __init__(self, steps: Sequence[Step] = (), *, tokens: tuple[int, int] = (100, 20)) -> None:
        self.steps = list(steps)
        self.tokens = tokens
        self.requests: list[Request] = []
        self.answered = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def posts(self) -> list[Request]:
        """Requests of model clients."""
        return [request for request in self.requests if request.method == "POST"]

    def next_step(self) -> Step:
        """The next thing to say."""
        with self.lock:
            step = self.steps[min(self.answered, len(self.steps) - 1)]
            self.answered += 1
            return step

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def _handler_for(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _keep(self) -> Any:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                body = raw.decode("latin1")
            path = urllib.parse.unquote(self.path.split("?")[0])
            headers = {name.lower(): value for name, value in self.headers.items()}
            with endpoint.lock:
                endpoint.requests.append(Request(self.command, path, headers, body))
            return path, body

        def _send(self, status: int, body: Any, kind: str = "application/json") -> None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            if status == 429:
                self.send_header("retry-after", "0")
            if status >= 400:  # where AWS names its error
                kind = "ThrottlingException" if status == 429 else "ValidationException"
                self.send_header("x-amzn-errortype", kind)
            self.end_headers()
            self.wfile.write(content)

        def do_PUT(self) -> None:  # the metadata service's session token
            self._keep()
            self._send(200, b"TOKEN", "text/plain")

        def do_GET(self) -> None:
            path, _ = self._keep()
            if path.rstrip("/").endswith("/iam/security-credentials"):
                self._send(200, b"janitor-role", "text/plain")
            elif path.endswith("/janitor-role"):
                self._send(200, _role())
            else:
                self._send(404, {})

        def do_POST(self) -> None:
            path, body = self._keep()
            target = self.headers.get("x-amz-target", "")
            if target.endswith("GetSecretValue"):
                self._send(200, {"Name": body["SecretId"], "SecretString": "sk-kept-in-secrets-manager-0001"})
                return
            step = endpoint.next_step()
            if "hang" in step:
                endpoint.closing.wait(60)
                return
            if "http" in step:
                kind = "rate_limit_error" if step["http"] == 429 else "invalid_request_error"
                message = step.get("message", "refused by the test")
                self._send(step["http"], {"error": {"type": kind, "message": message}, "message": message})
                return
            calls = step.get("tools") or ([step] if "tool" in step else [])
            model = body.get("model", "model") if isinstance(body, dict) else "model"
            speak = next((words for end, words in _PROTOCOLS if re.search(end, path)), None)
            if speak is None:
                self._send(404, {"error": {"message": path}})
            else:
                self._send(200, speak(step.get("text"), calls, model, endpoint.answered, endpoint.tokens))

    return Handler


def _role() -> dict[str, str]:
    now = datetime.now(timezone.utc)
    form = "%Y-%m-%dT%H:%M:%SZ"
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": ROLE_KEY,
        "SecretAccessKey": "role-secret-key",
        "Token": "role-session-token",
        "Expiration": (now + timedelta(hours=6)).strftime(form),
        "LastUpdated": now.strftime(form),
    }


def _chat(text: str | None, calls: list[Step], model: str, number: int, tokens: tuple[int, int]) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{index}",
                "type": "function",
                "function": {"name": call["tool"], "arguments": json.dumps(call["args"])},
            }
            for index, call in enumerate(calls)
        ]
    return {
        "id": f"chat{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)},
    }


def _messages(text: str | None, calls: list[Step], model: str, number: int, tokens: tuple[int, int]) -> Any:
    content = [{"type": "text", "text": text}] if text else []
    content += [
        {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": call["tool"], "input": call["args"]}
        for index, call in enumerate(calls)
    ]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
    }


def _converse(text: str | None, calls: list[Step], _model: str, number: int, tokens: tuple[int, int]) -> Any:
    content: list[Any] = [{"text": text}] if text else []
    content += [
        {"toolUse": {"toolUseId": f"use_{number}_{index}", "name": call["tool"], "input": call["args"]}}
        for index, call in enumerate(calls)
    ]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if calls else "end_turn",
        "usage": {"inputTokens": tokens[0], "outputTokens": tokens[1], "totalTokens": sum(tokens)},
        "metrics": {"latencyMs": 1},
    }


_PROTOCOLS = ((r"/chat/completions$", _chat), (r"/messages$", _messages), (r"/model/.+/converse$", _converse))
