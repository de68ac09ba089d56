"""Texts that leave an instance: plain, by their cause, and with one signature for one cause."""
