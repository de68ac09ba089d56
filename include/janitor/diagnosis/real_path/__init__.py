"""What a job shows beside its answer: what was logged meanwhile, and whether the answer has anything to show for it."""
