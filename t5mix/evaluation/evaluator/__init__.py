"""seqio's Evaluator: asks any model, given as functions, and logs what comes out."""
