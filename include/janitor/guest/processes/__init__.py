"""Running programs that nobody trusts: supervised, confined, their output bounded."""
