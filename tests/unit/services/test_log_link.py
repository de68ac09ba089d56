"""Where a browser finds a validation's log."""

from __future__ import annotations

from janitor.services.report.log_link import console_url


def test_the_console_s_address_escapes_what_its_fragment_would_read() -> None:
    url = console_url("eu-west-1", "/janitor-runner", "1b2c/i-0ab/aws-runShellScript/stdout")
    assert url == (
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups"
        "/log-group/$252Fjanitor-runner/log-events/1b2c$252Fi-0ab$252Faws-runShellScript$252Fstdout"
    )
