"""What is watched while an instance works, alone or in turn, and for how long."""
