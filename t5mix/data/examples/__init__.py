"""A task's examples as the model gets them, at any (epoch, index)."""
