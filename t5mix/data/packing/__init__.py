"""Which examples stand in which row of which step, and their arrays."""
