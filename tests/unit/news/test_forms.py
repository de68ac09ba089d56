"""Each message in each form, against golden files; and that nothing which is quoted means anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.news.forms import markdown, plain, slack, title
from janitor.domain.news.message import Line, Link, Message, Quoted

GOLDEN = Path(__file__).parent / "golden"
FORMS = {"txt": plain, "md": markdown, "slack": slack}
REPOSITORY = Link("acme/worker-a", "https://janitor.example/plugin/janitor?v=repo&r=acme/worker-a")
MESSAGES = {
    "broken": Message(
        headline=("Newly broken: 2 repositories by one cause",),
        lines=(
            Line(label="cause", pieces=(Quoted("build: ImportError: libcuda.so.1: cannot open `shared` object"),)),
            Line(label="repositories", pieces=(REPOSITORY, ", ", "acme/worker_b")),
            Line(
                label="since",
                pieces=(
                    "first bad 28 Nov 2026 03:10 UTC at ",
                    Link("0123456789ab", "https://github.com/acme/worker-a/commit/0123456789ab"),
                    ", last good 27 Nov 2026 03:08 UTC",
                ),
            ),
            Line(label="cost so far", pieces=("$0.42",)),
        ),
    ),
    "hostile": Message(
        headline=("Budget: a run was refused on 2026-11-28",),
        lines=(
            Line(
                label="why", pieces=(Quoted("<!channel> <@U1> <http://x|y> @acme/all #1 ``` ` <b>\r\nBcc: x\r\n# h"),)
            ),
            Line(label="nothing", pieces=(Quoted(""),)),
            Line(label="hidden", pieces=(Quoted("a\u202eb\x1b[31mc\u200b"),)),
        ),
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MESSAGES)
def test_golden(name: str, form: str) -> None:
    assert FORMS[form](MESSAGES[name]) + "\n" == (GOLDEN / f"{name}.{form}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_kept_as_it_is(name: str) -> None:
    assert Message.from_dict(json.loads(json.dumps(MESSAGES[name].to_dict()))) == MESSAGES[name]


def of(text: str) -> Message:
    return Message(headline=("h",), lines=(Line(label="l", pieces=(Quoted(text),)),))


ANYTHING = st.text(st.sampled_from("`*_~<>|@#&!\\\r\n\t []()-=+:/x1 \u2028\u202e\x1b"), max_size=60) | st.text(
    max_size=60
)


@given(ANYTHING)
def test_what_is_quoted_stays_one_line_and_one_span(text: str) -> None:
    for form in FORMS.values():
        assert form(of(text)).count("\n") == form(of("x")).count("\n")
    told = slack(of(text)).splitlines()[-1].removeprefix("*l*: ")
    assert told == "(nothing)" or re.fullmatch(r"`[^`<>]+`", told)
    assert "\n" not in title(Message(headline=(Quoted(text),)))
    said = markdown(of(text)).splitlines()[-1].removeprefix("- **l**: ")
    if said != "(nothing)":
        fence = re.match(r"`+", said)
        assert fence is not None
        inside = said[len(fence[0]) : -len(fence[0])]
        assert said.endswith(fence[0])
        assert fence[0] not in re.findall(r"`+", inside)


def test_an_address_can_not_end_its_link() -> None:
    message = Message(headline=(Link("a|b]", "https://x.example/a b>c|d"),))
    assert slack(message) == "*<https://x.example/a%20b%3Ec%7Cd|a/b]>*"
    assert markdown(message).startswith(r"[a\|b\]](<https://x.example/a%20b%3Ec%7Cd>)")
