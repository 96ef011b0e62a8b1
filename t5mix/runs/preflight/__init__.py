"""What must hold before a run starts: its folder, its tasks, and the examples that it was started with."""
