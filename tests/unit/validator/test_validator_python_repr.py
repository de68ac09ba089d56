"""Reading reprs back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from janitor.diagnosis.handler.output_judge import judge_output
from janitor.diagnosis.handler.python_repr import error_in_tokens, parse_repr
from janitor.diagnosis.handler.verdict import Outcome

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)


@given(plain)
def test_literals_are_read_back_as_they_were(value):
    parsed = parse_repr(repr(value))
    assert parsed.is_literal
    assert parsed.value == value


@given(plain, st.sampled_from(["error", "Error", " ERROR "]), st.sampled_from(["boom", True, ["x"], {"code": 1}]))
def test_an_error_is_found_wherever_it_lies(value, key, error):
    for output in ({"a": value, "b": [{key: error}]}, [value, {"deep": {key: error}}]):
        assert judge_output(output).outcome is Outcome.FAIL
        # The same beside something that is no literal.
        text = repr({"x": output})[:-1] + ", 'y': array([1, 2])}"
        assert error_in_tokens(parse_repr(text).tokens) is not None


@given(st.text())
def test_any_text_is_taken_apart_without_harm(text):
    assert parse_repr(text).tokens is not None


def test_object_within_an_object_is_one():
    parsed = parse_repr("{'f': <bound method A.f of <__main__.A object at 0x7f>>, 'n': 1}")
    assert parsed.objects == ("<bound method A.f of <__main__.A object at 0x7f>>",)
    assert parsed.value["n"] == 1


def test_falsy_error_beside_a_non_literal_is_none():
    for value in ("None", "False", "''", "[]", "{}", "0", "-0.5", "1e-05", "{'code': 0}", "np.float64(0.5)"):
        assert error_in_tokens(parse_repr(f"{{'error': {value}, 'x': array([1])}}").tokens) is None
