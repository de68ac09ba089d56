"""Checks that exercise the handler, through the SDK's local mode and its API."""
