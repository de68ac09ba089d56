"""What runs may cost, cost and wasted."""
