"""What acts by itself: rules, schedules, alarms, topics, and how each reaches its target."""
