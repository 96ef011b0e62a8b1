"""Decoding: from a model's step to answers, whatever the model.

- settings.py: Decoding: beams, sampling, how many answers
- steps.py: what a search needs of a model: start, and one step with a cache
- models/: those steps of an encoder-decoder, of a decoder alone, and of several models as one
- loop.py: one loop over positions that leaves out rows that have ended
- one_by_one.py: greedy decoding and sampling: each answer by itself
- beams.py: beam search, by the rules of T5 or of transformers
- likeliest.py: the best few of a large vocabulary
- random_choice.py: temperature, top-k and nucleus sampling by counted random numbers
- target_scores.py: how likely given targets are, several to an input
- answers.py: all of it as one function of inputs and weights
- results.py: what comes out
"""
