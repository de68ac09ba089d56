"""The `janitor` command: options, progress and printed answers. Decisions and effects are in the layers below."""
