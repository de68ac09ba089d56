"""Texts for people that more than one face shows: the commands, and the tasks in the web UI."""
