"""From predictions to metrics, baselines, standard errors, logs and reports."""
