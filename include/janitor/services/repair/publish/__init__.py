"""Publication of proved repairs: a patch file, a branch, a draft of a pull request."""
