"""What a compiled program costs, read from its text, and how long that would take on given chips."""
