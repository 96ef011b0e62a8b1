"""What a run's folder holds, and what is written down about the run."""
