"""How an instance ends: by its owner's word, or by its timers though nobody is left."""
