"""The pool: workers that stay warm and claim one task after another. What a pass of it does is a pure decision."""
