"""The channels: each hands one message to one service, with a timeout, and says in its own words why it couldn't."""
