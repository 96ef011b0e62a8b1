"""Models that a search asks one position after the other.

- encoder_decoder.py: a T5
- decoder_only.py: a language model and a prefix LM
- ensemble.py: several models as one
"""
