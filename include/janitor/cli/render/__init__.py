"""Text from views: pure functions, without colour, terminal or clock."""
