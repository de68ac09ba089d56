"""The command that starts the agent in an image: nothing secret on it, and nothing that it needn't have."""

from __future__ import annotations

from pathlib import Path

from janitor.validator.agent.launch import command_in_image
from janitor.validator.settings import Settings

KEY = "sk-very-secret-key-0123456789"


def command(**docker: str) -> tuple[str, ...]:
    settings = Settings.from_environment({"PATH": "/nowhere", "HOME": "/home/x", **docker})
    return command_in_image(
        "janitor:latest",
        settings,
        folder=Path("/srv/agent-1"),
        checkout=Path("/srv/repository"),
        name="janitor-1-agent",
        label="janitor.validation=1",
        passed={"ANTHROPIC_API_KEY": KEY},
    )


def test_values_stay_off_the_command_line():
    argv = command()
    assert KEY not in " ".join(argv)
    assert argv[argv.index("ANTHROPIC_API_KEY") - 1] == "--env"
    assert argv[-3:] == (
        "--order=/agent/order.json",
        "--answer=/agent/answer.json",
        "--transcript=/agent/transcript.jsonl",
    )
    assert "--privileged" not in argv
    assert argv[argv.index("--cap-drop") + 1] == "ALL"
    assert "type=bind,source=/srv/repository,target=/checkout,readonly" in argv


def test_engine_is_reached_where_it_is():
    assert "type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock" in command()
    own = command(DOCKER_HOST="unix:///run/other.sock")
    assert "type=bind,source=/run/other.sock,target=/var/run/docker.sock" in own
    remote = command(DOCKER_HOST="tcp://engine:2376")
    assert "DOCKER_HOST=tcp://engine:2376" in remote
    assert not any("docker.sock" in word for word in remote)
