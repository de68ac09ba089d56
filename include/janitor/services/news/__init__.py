"""Telling people what `janitor.services.outbox` keeps: `telling` makes messages of it, `delivering` hands them over."""
