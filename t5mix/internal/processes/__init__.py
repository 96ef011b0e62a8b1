"""Several processes that train one model: how they find each other, what they agree on, and what ends them all."""
