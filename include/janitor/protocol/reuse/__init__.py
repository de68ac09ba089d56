"""What is asked of a worker's machine between two tasks, and what it answers: nothing there is to be believed."""
