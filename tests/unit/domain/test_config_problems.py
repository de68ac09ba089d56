"""Every way in which a configuration can be wrong: one problem each, with line, repository and field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from janitor.domain.config.fields import AUTHOR_CHECKS
from janitor.domain.config.workers import parse_workers_config
from janitor.domain.config_problems import ConfigProblem, nearest
from janitor.domain.errors import ConfigError
from janitor.protocol.order.repository import RESERVED_VARIABLES

TOKEN = "hf_" + "aB3" * 10


def problems(text: str | bytes, **substitutions: str) -> tuple[ConfigProblem, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_workers_config(text, source="w.yaml", substitutions=substitutions)
    return caught.value.problems


def entry(line: str) -> str:
    """A configuration whose only questionable line is the fifth."""
    return f"repositories:\n  - name: worker-x\n    organization: acme\n    prompt: go\n    {line}\n"


def top(line: str) -> str:
    return f"repositories: [{{name: w, organization: a, prompt: p}}]\n{line}\n"


def test_all_problems_are_reported_at_once_in_the_order_of_the_file():
    text = """\
repositories:
  - name: worker-basic
    organization: runpod-workers
    promt: go
    gpu_requird: true
  - name: worker-sdxl
    organization: runpod-workers
    prompt: ""
    timeout_minutes: soon
  - name: Worker-Basic
    organization: runpod-workers
    prompt: go
    prompt: again
max_concurent_instances: 3
"""
    with pytest.raises(ConfigError) as caught:
        parse_workers_config(text, source="infra/w.yaml")

    assert str(caught.value).splitlines() == [
        "infra/w.yaml:2: repository worker-basic: prompt: is missing",
        "infra/w.yaml:4: repository worker-basic: promt: unknown key (did you mean prompt?)",
        "infra/w.yaml:5: repository worker-basic: gpu_requird: unknown key (did you mean gpu_required?)",
        "infra/w.yaml:8: repository worker-sdxl: prompt: is empty; say what is to be validated",
        "infra/w.yaml:9: repository worker-sdxl: timeout_minutes: must be a number, but is text",
        "infra/w.yaml:10: repository Worker-Basic: name: runpod-workers/Worker-Basic is listed twice, first as number 1"
        " (keep one entry)",
        "infra/w.yaml:13: repository Worker-Basic: prompt: stands twice, first on line 12 (keep one)",
        "infra/w.yaml:14: max_concurent_instances: unknown key (did you mean max_concurrent_instances?)",
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", None, "is empty"),
        ("# only a comment\n", None, "is empty"),
        ("- a\n- b\n", 1, "must be a mapping (key: value), but is a list"),
        ("just words", 1, "must be a mapping (key: value), but is text"),
        ("{}", 1, "is missing"),
        ("repositories: []", 1, "lists no repository"),
        ("repositories:", 1, "is empty"),
        ("repositories: {a: b}", 1, "must be a list, but is a mapping"),
        ("a: [1\nb: 2", 2, "is not valid YAML"),
        ("prompt: say: this", 1, "mapping values are not allowed"),
        ("repositories:\n\t- name: x", 2, "is not valid YAML"),
        ("a: 1\n---\nb: 2\n", 2, "single document"),
        ("a: *nothing", 1, "undefined alias"),
        ("a: 1\nb: \x07\n", 2, "U+0007"),
        (b"a: 1\nb: \xff\n", 2, "is not UTF-8 text"),
        ("a: 1".encode("utf-16"), 1, "is not UTF-8 text"),
        ("a: &a [*a]", 1, "nested deeper than 20"),
        ("[" * 50_000, 1, "nested deeper than 20"),
        ("- " * 50_000, 1, "nested deeper than 20"),
        ("x" * 1_000_001, None, "is larger than 1,000,000 bytes"),
        (b"\xff" * 1_000_001, None, "is larger than 1,000,000 bytes"),
    ],
)
def test_a_text_that_is_no_configuration(text, line, said):
    found = problems(text)
    assert any(problem.line == line and said in problem.message for problem in found), [str(each) for each in found]


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 15)),
        "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 15)),
    ],
    ids=["lists", "merge keys"],
)
def test_alias_bombs_are_refused(text):
    assert "stands for more than 200,000 values" in problems(text)[0].message


def test_an_indentation_with_tabs_is_named():
    assert problems("repositories:\n\t- name: x")[0].hint == "indent with spaces, not tabs"


@pytest.mark.parametrize(
    ("line", "field", "said"),
    [
        ("gpu_required: 1", "gpu_required", "must be true or false"),
        ("gpu_required: 'yes'", "gpu_required", "must be true or false, but is text"),
        ("timeout_minutes: 0", "timeout_minutes", "must be at least"),
        ("timeout_minutes: -3", "timeout_minutes", "must be at least"),
        ("timeout_minutes: 2881", "timeout_minutes", "must be at most 2,880"),
        ("timeout_minutes: .nan", "timeout_minutes", "finite"),
        ("timeout_minutes: .inf", "timeout_minutes", "finite"),
        ("timeout_minutes: true", "timeout_minutes", "must be a number"),
        ("timeout_minutes: '30'", "timeout_minutes", "must be a number, but is text"),
        ("timeout_minutes: 1:30", "timeout_minutes", "is not a plain number"),
        ("timeout_minutes: " + "9" * 6_000, "timeout_minutes", "is not a plain number"),
        ("timeout_minutes: 99999999999999999999999", "timeout_minutes", "must be at most 2,880"),
        ("instance_type: g5", "instance_type", "is not an EC2 instance type"),
        ("instance_type: g5.xlarge; rm", "instance_type", "is not an EC2 instance type"),
        ("market: spots", "market", "must be one of spot, on-demand, spot-then-on-demand"),
        ("validation_type: full", "validation_type", "is no key any more"),
        (
            "secrets: {K: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:x'}",
            "secrets.K",
            "is an ARN; write the NAME",
        ),
        ("secrets: {K: " + "a-" * 207 + "}", "secrets.K", "has more than 412 characters"),
        ("enabled: maybe", "enabled", "must be true or false"),
        ("build_args: [A, B]", "build_args", "must be a mapping"),
        ("env: {PORT: 8000}", "env.PORT", "must be text, but is a number"),
        ("env: {DEBUG: yes}", "env.DEBUG", "must be text, but is true or false"),
        ("env: {EMPTY: }", "env.EMPTY", "is empty"),
        ("env: {9LIVES: a}", "env.9LIVES", "is not a variable name"),
        ("env: {'A=B': a}", "env.A=B", "is not a variable name"),
        (f"env: {{HF_TOKEN: {TOKEN}}}", "env.HF_TOKEN", "looks like a credential"),
        (f"build_args: {{T: 'x {TOKEN}'}}", "build_args.T", "looks like a credential"),
        (f"secrets: {{HF_TOKEN: {TOKEN}}}", "secrets.HF_TOKEN", "looks like a secret itself"),
        ("secrets: {K: " + "a1" * 20 + "}", "secrets.K", "looks like a secret itself"),
        ("secrets: {K: 'a b'}", "secrets.K", "is not the name of a secret"),
        ("secrets: [a]", "secrets", "must be a mapping"),
        ("success_when: status == ok", "success_when", "is not a condition: at character 8"),
        ("success_when: status", "success_when", "`= value` or `exists` belongs here"),
        ("success_when: [status = ok]", "success_when", "must be text, but is a list"),
        ("success_when: ''", "success_when", "a path belongs here"),
        ("success_when: " + "a" * 501 + " exists", "success_when", "at most 500"),
        ("secrets: {K: a=b}", "secrets.K", "has a '=', which no line of .local/secrets.env can name"),
        *(
            (f"{key}: {{{variable}: value-or-name}}", f"{key}.{variable}", "is never handed to a worker")
            for key in ("env", "secrets")
            for variable in sorted(RESERVED_VARIABLES)
        ),
        ("ref: 1.10", "ref", "must be text, but is a number"),
        ("prompt2: x", "prompt2", "unknown key"),
        ("max_concurrent_instances: 2", "max_concurrent_instances", "unknown key"),
        ("env: !!python/object/apply:os.system [ls]", "env", "YAML tag"),
        ("env: !!binary aGk=", "env", "YAML tag"),
        ("? [a, b]\n    : c", None, "a key must be plain text"),
    ],
)
def test_a_wrong_line_of_a_repository(line, field, said):
    (found,) = problems(entry(line))
    assert (found.source, found.line, found.repository, found.field) == ("w.yaml", 5, "worker-x", field)
    assert said in found.message


@pytest.mark.parametrize(
    ("line", "field", "said"),
    [
        ("default_timeout_minutes: 0", "default_timeout_minutes", "must be at least"),
        ("default_timeout_minutes:", "default_timeout_minutes", "is empty"),
        ("max_concurrent_instances: 0", "max_concurrent_instances", "must be at least 1"),
        ("max_concurrent_instances: 1001", "max_concurrent_instances", "must be at most 1,000"),
        ("max_concurrent_instances: 2.5", "max_concurrent_instances", "must be a whole number"),
        ("fallback_instance_types: g5.xlarge", "fallback_instance_types", "must be a list, but is text"),
        ("fallback_instance_types: [g5.xlarge, 7]", "fallback_instance_types[1]", "must be text"),
        ("fallback_instance_types: [g5.xlarge, g5.xlarge]", "fallback_instance_types", "lists g5.xlarge twice"),
        ("default_market: cheap", "default_market", "must be one of"),
        ("grace_minutes: -1", "grace_minutes", "must be at least 0"),
        ("grace_minutes: 61", "grace_minutes", "must be at most 60"),
        ("max_run_cost_usd: 0", "max_run_cost_usd", "must be more than 0"),
        ("daily_budget_usd: .inf", "daily_budget_usd", "finite"),
        ("daily_budget_usd: lots", "daily_budget_usd", "must be a number"),
        ("timeout_minutes: 3", "timeout_minutes", "unknown key"),
        ("notifications: []", "notifications", "must be a mapping"),
        ("notifications: {slack_bot_token_secret: bot}", "notifications.slack_bot_token_secret", "slack_channel"),
        ("notifications: {slack_channel: general}", "notifications.slack_channel", "no channel of Slack"),
        ("notifications: {github_issues: acme/news}", "notifications.github_issues", "github_token_secret"),
        ("notifications: {email_server: 'mail example'}", "notifications.email_server", "no mail server"),
        ("notifications: {github_api_url: 'http://git.example'}", "notifications.github_api_url", "https://"),
        ("notifications: {slack_api_url: 'https://u:p@slack.example'}", "notifications.slack_api_url", "https://"),
        ("notifications: {emails: [a@b.example]}", "notifications.emails", "unknown key"),
        ("notifications: {email: [nobody]}", "notifications.email[0]", "is not an e-mail address"),
        ("notifications: {sns_topic_arn: x}", "notifications.sns_topic_arn", "is not the ARN"),
        ("notifications: {github_issues: janitor}", "notifications.github_issues", "organization/name"),
        ("notifications: {events: [broken]}", "notifications.events[0]", "must be one of newly_broken"),
        (
            "notifications: {slack_webhook_secret: 'https://hooks.example/x'}",
            "notifications.slack_webhook_secret",
            "secret",
        ),
        *(
            (f"notifications: {{slack_webhook_secret: {tail}}}", "notifications.slack_webhook_secret", "the NAME")
            for tail in (
                "services/T000/B000/XXXX",
                "/services/T00000000/B00000000/aBcDeFgHiJkLmNoPqRsTuVwX",
                "T00000000/B00000000/aBcDeFgHiJkLmNoPqRsTuVwX",
                "hooks.slack.com/services/T000/B000/XXXX",
                "triggers/T00000000/123456789/0a1b2c",
            )
        ),
    ],
)
def test_a_wrong_line_at_the_top_level(line, field, said):
    (found,) = problems(top(line))
    assert (found.line, found.repository, found.field) == (2, None, field)
    assert said in found.message


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../etc", "a/b", "a b", "a\nb", "-rf", "worker.git", "wörker", "x" * 101, "a;b", "a\0b"]
)
def test_bad_repository_names(name):
    found = problems(f"repositories:\n  - organization: acme\n    prompt: go\n    name: {_yaml(name)}\n")
    assert [(each.line, each.field) for each in found] == [(4, "name")]


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "a.b", "a/b", "..", "x" * 40, "a b", "acme\n"])
def test_bad_organizations(name):
    found = problems(f"repositories:\n  - name: w\n    prompt: go\n    organization: {_yaml(name)}\n")
    assert [(each.line, each.field) for each in found] == [(4, "organization")]


@pytest.mark.parametrize("prompt", ["", "   ", "\n", "x" * 8_001])
def test_bad_prompts(prompt):
    found = problems(f"repositories:\n  - name: w\n    organization: a\n    prompt: {_yaml(prompt)}\n")
    assert [(each.line, each.field) for each in found] == [(4, "prompt")]


@pytest.mark.parametrize(
    "url",
    [
        "http://github.com/a/b",
        "git://github.com/a/b",
        "ext::sh -c whoami",
        "https://token@github.com/a/b",
        "https://user:secret-password@github.com/a/b",
        "ssh://git:secret-password@host/a",
        "ssh://-oProxyCommand=x/a",
        "-upload-pack=x@host:a",
        "git@-oProxyCommand=x:a",
        "file://host/share",
        "file:relative",
        "file://",
        "/srv/git/x",
        "https://github.com",
        "https:///a/b",
        "https://host:port/a",
        "https://host/a?token=secret-password",
        "https://host/a b",
        "https://[bad/a",
        "",
    ],
)
def test_bad_urls_are_refused_without_repeating_them(url):
    (found,) = problems(entry(f"url: {_yaml(url)}"))
    assert (found.line, found.field) == (5, "url")
    assert "secret-password" not in str(found)


@pytest.mark.parametrize("url", ["https://user:secret-password@github.com/a/b", "https://token@github.com/a/b"])
def test_a_url_with_credentials_is_told_what_helps(url):
    (found,) = problems(entry(f"url: {_yaml(url)}"))
    assert "git is never given; name a public URL, or a mirror that the instance reads without them" in str(found)
    assert "`secrets`" not in str(found)


@pytest.mark.parametrize(
    ("variable", "todo"),
    [
        ("PATH", "an image has it of ENV in the Dockerfile"),
        ("RUNPOD_REALTIME_PORT", "the SDK would wait for the platform"),
        ("RUNPOD_LOG_LEVEL", "every test sets it itself"),
    ],
)
def test_a_variable_that_no_worker_gets_is_told_with_what_to_do(variable, todo):
    (found,) = problems(entry(f"env: {{{variable}: x}}"))
    assert found.hint is not None
    assert "leave it out" in found.hint
    assert todo in found.hint


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "-b",
        "a..b",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "@",
        "a@{1}",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "a.",
        "a\tb",
        "x" * 256,
    ],
)
def test_bad_refs(ref):
    (found,) = problems(entry(f"ref: {_yaml(ref)}"))
    assert (found.line, found.field) == (5, "ref")


@pytest.mark.parametrize("path", ["", ".", "/etc/passwd", "../Dockerfile", "a/../../b", "a\\b", "-f", "x" * 256])
def test_bad_dockerfile_paths(path):
    (found,) = problems(entry(f"dockerfile: {_yaml(path)}"))
    assert (found.line, found.field) == (5, "dockerfile")


@pytest.mark.parametrize("path", ["docker-bake.hcl", "docker/docker-bake.json"])
def test_a_bake_file_is_no_dockerfile(path):
    (found,) = problems(entry(f"dockerfile: {path}\n    bake_target: worker"))
    assert (found.line, found.field) == (5, "dockerfile")
    assert "bake_target" in found.message


@pytest.mark.parametrize("target", ["", "a b", "-a", ".a", "a/b", "a,b", "x" * 201, "a\nb"])
def test_bad_bake_targets(target):
    (found,) = problems(entry(f"bake_target: {_yaml(target)}"))
    assert (found.line, found.field) == (5, "bake_target")
    assert "is not a bake target" in found.message


def test_a_misspelt_bake_target_is_recognised():
    (found,) = problems(entry("bake_targt: worker"))
    assert (found.message, found.hint) == ("unknown key", "did you mean bake_target?")


@pytest.mark.parametrize("text", [r'"a\0b"', r'"a\eb"', r'"\x7f"'])
def test_text_that_no_database_can_hold(text):
    (found,) = problems(entry(f"env: {{A: {text}}}"))
    assert (found.line, found.field) == (5, "env.A")
    assert "which text can't hold" in found.message


def test_half_a_surrogate_pair_is_refused():
    (found,) = problems(entry(r'env: {A: "\ud800"}'))
    assert found.line == 5


def test_one_variable_with_two_origins():
    (found,) = problems(entry("env: {A: x}\n    secrets: {A: name}"))
    assert (found.line, found.field, found.message) == (6, "secrets.A", "is given under env as well")


def test_nothing_enabled():
    (found,) = problems(entry("enabled: false"))
    assert (found.line, found.field, found.message) == (1, "repositories", "no repository is enabled")


def test_unknown_placeholder_names_the_known_ones():
    (found,) = problems(entry("url: file://{home}/w"), state_dir="/s")
    assert found.message == "unknown placeholder '{home}'"
    assert found.hint == "known placeholders: {state_dir}"


def test_a_placeholder_is_no_way_into_another_host():
    (found,) = problems(entry("url: https://{state_dir}/w"), state_dir="evil@host")
    assert found.field == "url"


def test_an_entry_without_a_usable_name_is_numbered():
    first, second = problems("repositories:\n  - 17\n  - {name: a/b, organization: x, prompt: p}\n")
    assert (first.line, first.repository) == (2, "#1")
    assert (second.line, second.repository) == (3, "#2")


def test_a_secret_is_never_repeated():
    text = entry(f"env: {{A: {TOKEN}}}\n    secrets: {{B: {TOKEN}}}\n    build_args: {{C: {TOKEN}}}")
    found = problems(text)
    assert len(found) == 3
    assert all(TOKEN[:12] not in str(each) for each in found)


def test_known_keys_are_listed_where_none_is_near():
    (found,) = problems(top("zzzz: 1"))
    assert found.hint is not None
    assert found.hint.startswith("known keys: repositories, default_timeout_minutes")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("promt", "prompt"), ("Prompt", "prompt"), ("gpu-required", "gpu_required"), ("x" * 65, None)],
)
def test_nearest(name, expected):
    assert nearest(name, ["prompt", "gpu_required"]) == expected


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_anything_else_is_a_configuration_error_and_nothing_worse(content):
    with pytest.raises(ConfigError):
        parse_workers_config(content, source="w.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["repositories", "name", "env", "url", "notifications", "pools", "pool", "max", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=15,
    )
)
def test_any_data_under_the_known_keys_is_a_configuration_error_and_nothing_worse(data):
    import json

    text = json.dumps({"repositories": [data], "notifications": data, "pools": [data], "default_pool": data})
    with pytest.raises(ConfigError) as caught:
        parse_workers_config(text, source="w.yaml")
    assert all(problem.line for problem in caught.value.problems)


def _yaml(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=True)


@pytest.mark.parametrize("name", ["slack/webhook", "services/team/hook", "prod/TEAM/hook", "services/Team1/Build/x"])
def test_names_of_webhooks_stay_allowed(name):
    assert AUTHOR_CHECKS["secrets"](name) == name


def test_a_webhook_is_no_value_of_a_variable():
    with pytest.raises(ValueError, match="looks like a credential"):
        AUTHOR_CHECKS["env"]("https://hooks.slack.com/services/T000/B000/XXXX")
