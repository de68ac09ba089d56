"""Why a repository fails, as far as data say: what changed when it began, what that makes of it, what it has cost."""
