"""Reading back what was recorded, in the shape that people are shown."""
