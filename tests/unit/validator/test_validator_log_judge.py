"""The judgement of a local run, on every real SDK log and on the false passes that they stand for."""

from __future__ import annotations

import json

import pytest

from janitor.diagnosis.handler.log_judge import judge_local_run
from janitor.diagnosis.handler.sdk_log import read_sdk_log
from janitor.diagnosis.handler.verdict import Outcome

BANNER = "--- Starting Serverless Worker |  Version 1.12.0 ---"
EXPECTED_OF_TRUTH = {
    "pass": Outcome.PASS,
    "fail": Outcome.FAIL,
    # A generator that works leaves the very same log: only the API can tell.
    "FALSE PASS": Outcome.INCONCLUSIVE,
    "not a handler failure: no input found": Outcome.INCONCLUSIVE,
    "harness error": Outcome.ERROR,
}


def run_of(result: str, *, more: str = "") -> str:
    """The log of a run that the SDK calls completed, with this repr of its result."""
    return "\n".join(
        (
            BANNER,
            "INFO   | Using test_input.json as job input.",
            "DEBUG  | Retrieved local job: {'input': {'a': 1}, 'id': 'local_test'}",
            "INFO   | local_test | Started.",
            more or "DEBUG  | local_test | Handler output: ...",
            "INFO   | Job local_test completed successfully.",
            f"INFO   | Job result: {result}",
            "INFO   | Local testing complete, exiting.",
            "",
        )
    )


def as_json_lines(text: str) -> str:
    """The same log in the form that the SDK uses under an endpoint's id."""
    lines = []
    for line in text.splitlines():
        level, separator, message = line.partition("| ")
        is_message = separator and not line.startswith("---")
        entry = {"requestId": None, "message": message, "level": level.strip()}
        lines.append(json.dumps(entry) if is_message else line)
    return "\n".join(lines)


def test_every_real_log_is_judged_by_what_was_true(real_workers):
    manifest = json.loads((real_workers / "sdk_logs" / "manifest.json").read_text())
    assert manifest
    judged = {
        entry["file"]: judge_local_run((real_workers / "sdk_logs" / entry["file"]).read_text(), entry["exit_code"])
        for entry in manifest
    }
    expected = {entry["file"]: EXPECTED_OF_TRUTH[entry["truth"]] for entry in manifest}
    assert {name: verdict.outcome for name, verdict in judged.items()} == expected
    assert all(verdict.reason for verdict in judged.values() if verdict.outcome is not Outcome.PASS)


def test_every_real_log_is_judged_the_same_as_json_lines(real_workers):
    for path in sorted((real_workers / "sdk_logs").glob("*-ok.log")) + sorted(
        (real_workers / "sdk_logs").glob("*-generator_raises.log")
    ):
        text = path.read_text()
        assert judge_local_run(as_json_lines(text), 0) == judge_local_run(text, 0)


@pytest.mark.parametrize("form", [str, as_json_lines], ids=["plain", "JSON lines"])
class TestCompletedRuns:
    @pytest.mark.parametrize(
        "result",
        [
            "{'output': {'ok': {'a': 1}}}",
            "{'output': 'a text'}",
            "{'output': False}",
            "{'output': 0}",
            "{'output': [1, 2, 3], 'stopPod': True}",
            "{'output': {'error': None, 'text': 'x'}}",
            "{'output': {'error': '', 'items': [{'error': False}]}}",
            "{'output': {'errors': 3, 'accuracy': 0.5}}",
            "{'output': \"it said '<generator object handler at 0x7f>' in the text\"}",
            "{'output': {'note': \"'error': is only a word here\"}}",
            "{'output': {'kind': <Kind.A: 'a'>}}",
            "{'output': {'metrics': {'error': 0.0125}, 'errors': {'wer': 0.25, 'count': 0}}}",
            "{'output': {'reply': {'error': {'code': 0, 'message': ''}, 'errors': [[], {}]}}}",
            "{'output': {'a': {'error': 7}}}",
        ],
    )
    def test_real_output_passes(self, form, result):
        assert judge_local_run(form(run_of(result)), 0).outcome is Outcome.PASS

    @pytest.mark.parametrize(
        ("result", "code"),
        [
            ("{'output': None}", "empty_output"),
            ("{}", "empty_output"),
            ("{'output': ''}", "empty_output"),
            ("{'output': []}", "empty_output"),
            ("{'output': [None, '']}", "empty_output"),
            ("{'output': {'results': {'error': 'boom'}}}", "nested_error"),
            ("{'output': {'results': [1, {'error': {'code': 3}}]}}", "nested_error"),
            ("{'output': [{'ok': 1}, {'error': 'boom'}]}", "nested_error"),
            ("{'output': {'Error': 'boom'}}", "nested_error"),
            ("{'output': {'errors': ['boom']}}", "nested_error"),
            ("{'output': {'ok': False, 'error_message': 'boom'}}", "nested_error"),
            ("{'output': [{'traceback': 'Traceback (most recent call last)'}]}", "nested_error"),
            ("{'output': {'status': 'error', 'message': 'boom'}}", "nested_error"),
            ("{'output': [ValueError('boom')]}", "nested_error"),
            ("{'output': {'x': RuntimeError('boom')}}", "nested_error"),
            # What is no JSON never reaches the platform, whatever else it says.
            ("{'output': {'score': nan, 'error': 'boom'}}", "output_not_json"),
            ("{'output': {'score': nan, 'error': 0.25}}", "output_not_json"),
            ("{'output': [inf]}", "output_not_json"),
            ("{'output': {'a': -inf, 'text': 'b'}}", "output_not_json"),
            ("{'output': {'a': {'error': True}}}", "nested_error"),
            ("{'output': {'a': {'error': {'code': 0, 'message': 'boom'}}}}", "nested_error"),
            ("{'output': {'errors': [{'code': 3}]}}", "nested_error"),
            ("{'output': {'errors': {'weights': 'missing'}}}", "nested_error"),
            # The SDK sends results with json.dumps, which takes none of these.
            ("{'output': {'image': array([[1, 2], [3, nan]])}}", "output_not_json"),
            ("{'output': {'made': datetime.datetime(2026, 1, 1, 0, 0)}}", "output_not_json"),
            ("{'output': <PIL.Image.Image image mode=RGB size=1x1 at 0x7F3A>}", "output_not_json"),
            ("{'output': {'score': np.float32(0.5)}}", "output_not_json"),
            ("{'output': {'job': <__main__.Job object at 0x7f3a>}}", "output_not_json"),
            ("{'output': b'abc'}", "output_not_json"),
            ("{'output': [{'a': b'abc', 'n': nan}]}", "output_not_json"),
            ("{'output': {'labels': {'cat', 'dog'}}}", "output_not_json"),
            ("{'output': {(1, 2): 'pair'}}", "output_not_json"),
            ("{'output': '{\"error\": \"boom\"}'}", "nested_error"),
            ("{'output': {'tokens': <generator object stream at 0x7feb5ab7dff0>}}", "unfinished_object"),
            ("{'output': [<async_generator object f at 0x7feb5ab7dff0>]}", "unfinished_object"),
            ("{'output': <coroutine object handler at 0x7feb5ab7dff0>}", "unfinished_object"),
        ],
    )
    def test_false_pass_fails(self, form, result, code):
        verdict = judge_local_run(form(run_of(result)), 0)
        assert (verdict.outcome, verdict.code) == (Outcome.FAIL, code)

    @pytest.mark.parametrize(
        "result",
        [
            "{'output': <generator object handler at 0x7feb5ab7dff0>}",
            "{'output': <async_generator object handler at 0x7feb5ab7dff0>}",
            "{'output': <generator object Model.run.<locals>.stream at 0x7feb5ab7dff0>}",
        ],
    )
    def test_generator_is_left_to_the_api(self, form, result):
        verdict = judge_local_run(form(run_of(result)), 0)
        assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, "generator_not_iterated")


@pytest.mark.parametrize(
    "result",
    [
        "{'output': {'counts': Counter({'a': 2}), 'at': Point(x=1, y=2)}}",
        "{'output': {'error': None, 'score': np.float64(0.5), 'rows': OrderedDict([('a', 1)])}}",
        "{'output': {'error': np.float64(0.25)}}",
        "{'output': {'at': Point(x=1, y=2), 'x': {'error': -0.25, 'y': {'error': {'code': 0, 'message': ''}}}}}",
        "{'output': {'counts': defaultdict(<class 'int'>, {'cat': 3})}}",
        "{'output': {'at': Point(x=1, y=2), 'rows': [{'text': 'Their going', 'error': 'Their: They are'}]}}",
        "{'output': " + "[" * 50_000,
        "-" * 50_000 + "1",
    ],
)
def test_result_that_cannot_be_read_back_is_left_to_the_api(result):
    verdict = judge_local_run(run_of(result), 0)
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, "result_unread")


def test_result_that_the_sdk_cut_is_left_to_the_api():
    result = "{'output': {'image': 'aaaa" + "\n...TRUNCATED 90000 CHARACTERS...\n" + "aaaa'}}"
    verdict = judge_local_run(run_of(result), 0)
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, "result_truncated")


def test_error_in_what_is_left_of_a_cut_result_fails():
    result = "{'output': {'error': 'boom', 'image': 'aaaa" + "\n...TRUNCATED 90000 CHARACTERS...\n" + "aaaa'}}"
    verdict = judge_local_run(run_of(result), 0)
    assert (verdict.outcome, verdict.code) == (Outcome.FAIL, "nested_error")


def sdk_cut(message: str) -> str:
    """A message as the SDK cuts it."""
    assert len(message) > 4_096
    return f"{message[:2_048]}\n...TRUNCATED {len(message) - 4_096} CHARACTERS...\n{message[-2_048:]}"


@pytest.mark.parametrize("form", [str, as_json_lines], ids=["plain", "JSON lines"])
@pytest.mark.parametrize(
    "output",
    [
        {"tokens": list(range(600)), "text": "it's so: for i in range (10): np.float32(1), " + "x" * 2_000},
        {"text": "word " * 700, "n": list(range(600)), "labels": ["a", "b", "c"]},
        {"embedding": list(range(900)), "text": "\"quoted\" (ValueError (sic)) and 'error': 'boom'"},
        {"n": list(range(900)), "metrics": {"error": 0.5}},
        {"reply": {"error": {"code": 0, "message": ""}}, "n": list(range(900))},
        {"reply": {"error": -0.5}, "other": {"error": 1e-05}, "n": list(range(900))},
    ],
)
def test_nothing_is_read_into_a_result_that_the_sdk_cut(form, output):
    text = repr({"output": output})
    for start in range(2_048, 2_148):
        result = f"{text[:start]}\n...TRUNCATED 900 CHARACTERS...\n{text[-start:]}"
        lines = run_of("RESULT")
        if form is str:
            log = lines.replace("RESULT", result)
        else:
            log = as_json_lines(lines).replace("RESULT", json.dumps(result)[1:-1])
        verdict = judge_local_run(log, 0)
        assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, "result_truncated")


@pytest.mark.parametrize("value", ["{'code': 0}", "None", "False", "-0.25", "1e-05", "0.25", "{'code': []}", "''"])
def test_error_that_states_none_is_none_wherever_the_sdk_cuts(value):
    whole = f"{{'output': {{'reply': {{'error': {value}, 'a': 'b'}}}}}}"
    for end in range(len("{'output': "), len(whole)):
        result = f"{whole[:end]}\n...TRUNCATED 900 CHARACTERS...\n{'x' * 2_000}'}}"
        assert judge_local_run(run_of(result), 0).code == "result_truncated"


def test_what_can_not_be_sent_fails_before_the_cut():
    for bad in ("array([1, 2])", "b'abc'", "datetime.date(2026, 1, 1)"):
        result = sdk_cut(f"{{'output': {{'bad': {bad}, 'text': '{'x' * 5_000}'}}}}")
        assert judge_local_run(run_of(result), 0).code == "output_not_json"


def test_exit_code_0_without_the_completed_line_fails():
    text = f"{BANNER}\nINFO   | Using test_input.json as job input.\nINFO   | local_test | Started.\n"
    assert judge_local_run(text, 0).code == "not_completed"


def test_completed_line_with_another_exit_code_fails():
    verdict = judge_local_run(run_of("{'output': {'ok': 1}}"), 139)
    assert (verdict.outcome, verdict.code) == (Outcome.FAIL, "handler_exited")


def test_program_that_never_starts_the_sdk_fails_even_with_exit_code_0():
    assert judge_local_run("hello\n", 0).code == "sdk_not_started"
    verdict = judge_local_run(
        "Traceback (most recent call last):\n  ...\nModuleNotFoundError: No module named 'x'\n", 1
    )
    assert verdict.code == "start_failed"
    assert "ModuleNotFoundError: No module named 'x'" in (verdict.reason or "")


def test_killed_worker_fails_with_the_signal():
    verdict = judge_local_run(f"{BANNER}\nINFO   | local_test | Started.\n", -11)
    assert verdict.code == "handler_exited"
    assert "signal 11" in (verdict.reason or "")


def test_test_input_not_found_is_never_a_pass_whatever_the_exit_code():
    text = f"{BANNER}\nWARN   | test_input.json not found, exiting.\n"
    for exit_code in (0, 1):
        assert judge_local_run(text, exit_code).outcome is Outcome.INCONCLUSIVE


def test_job_without_input_fails():
    text = f"{BANNER}\nERROR  | Job has no input parameter. Unable to run.\n"
    assert judge_local_run(text, 1).code == "no_input"


def test_reason_names_the_exception():
    text = (
        f"{BANNER}\nINFO   | local_test | Started.\nERROR  | local_test | Captured Handler Exception\n"
        'ERROR  | {\n    "error_type": "<class \'KeyError\'>",\n    "error_message": "large"\n}\n'
    )
    assert judge_local_run(text, 1).reason == "the handler raised KeyError: large"
    cut = text.replace('"error_message"', '"error_message": "large",\n...TRUNCATED 900 CHARACTERS...\n"x"').replace(
        "}", ""
    )
    assert judge_local_run(cut, 1).reason == "the handler raised KeyError: large"


def test_job_with_an_id_of_its_own_is_recognised():
    text = run_of("{'output': {'ok': 1}}").replace("Job local_test", "Job my-own-id")
    assert judge_local_run(text, 0).outcome is Outcome.PASS


def test_completed_line_must_name_the_job_that_was_given():
    text = run_of("{'output': {'ok': 1}}")
    assert judge_local_run(text, 0, "local_test").outcome is Outcome.PASS
    verdict = judge_local_run(text, 0, "0b51a1ae")
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, "other_job")
    assert judge_local_run(text.replace("local_test", "my own id"), 0, "my own id").outcome is Outcome.PASS


@pytest.mark.parametrize("form", [str, as_json_lines], ids=["plain", "JSON lines"])
def test_line_without_an_end_before_the_sdks_own(form):
    bar = "\r 50%|#####     | 5/10 [00:00<00:00]"
    text = "\n".join(f"{bar}{line}" if line else line for line in form(run_of("{'output': {'ok': 1}}")).splitlines())
    assert judge_local_run(text, 0).outcome is Outcome.PASS
    failing = form(run_of("{'output': [{'error': 'boom'}]}")).splitlines()
    assert judge_local_run("\n".join(f"loading ...{line}" for line in failing), 0).code == "nested_error"


def test_text_about_the_sdks_lines_is_none_of_them():
    text = run_of("{'output': {'ok': 1}}").replace("INFO   | Job local_test completed successfully.\n", "")
    said = "DEBUG  | local_test | Handler output: 'INFO   | Job local_test completed successfully.'\n"
    assert judge_local_run(text + said, 0).code == "not_completed"


def test_job_of_the_workers_own_that_failed_decides_nothing():
    own = "ERROR  | Job 17 failed with error: busy; trying again"
    text = run_of("{'output': {'ok': 1}}", more=own)
    assert judge_local_run(text, 0).outcome is Outcome.PASS
    unfinished = text.split("INFO   | Job local_test completed")[0]
    assert judge_local_run(unfinished, 0).code == "handler_error"
    assert judge_local_run(text, 1).code == "handler_error"


def test_sdk_that_logs_errors_alone_is_left_to_the_api():
    for text in (f"{BANNER}\n", f"{BANNER}\nmodel loaded\nWARN   | careful\n"):
        verdict = judge_local_run(text, 0)
        assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, "log_silent")
        assert judge_local_run(text, 3).code == "handler_exited"


def test_what_the_worker_prints_does_not_break_the_reading():
    text = run_of("{'output': {'ok': 1}}", more="loading | model | 50%\n{'error': 'only printed'}\nINFO: a log line")
    assert judge_local_run(text, 0).outcome is Outcome.PASS
    assert read_sdk_log(text).started_sdk


def test_sdk_before_1_0_is_not_known():
    text = "INFO | Processing job 1\nINFO | Local testing complete, exiting.\n"
    verdict = judge_local_run(text, 0)
    assert (verdict.outcome, verdict.code) == (Outcome.ERROR, "sdk_too_old")
    assert judge_local_run("Local testing complete, exiting.\n", 0).code == "sdk_not_started"


@pytest.mark.parametrize(
    "line",
    [
        "ERROR  | local_test | Captured Handler Exception",
        "ERROR  | Job local_test failed with error: boom",
        "WARN   | Job has no input parameter, unable to run.",
    ],
)
def test_answer_that_quotes_the_sdk(line):
    quoted = run_of("{'output': 'the log says'}", more=f"DEBUG  | local_test | Handler output: the log says\n{line}")
    assert judge_local_run(quoted, 0).outcome is Outcome.PASS
    assert judge_local_run(quoted, 0, job_id="local_test").outcome is Outcome.PASS
    assert judge_local_run(quoted, 1).outcome is Outcome.FAIL
    assert judge_local_run(quoted, 0, job_id="another").outcome is Outcome.FAIL
