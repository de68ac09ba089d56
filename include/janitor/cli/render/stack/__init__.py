"""What the local stack and the doctor's answer look like."""
