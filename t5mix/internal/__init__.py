"""Private ground: what knows no task, and is used everywhere."""
