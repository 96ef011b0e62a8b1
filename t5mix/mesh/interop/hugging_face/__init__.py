"""Hugging Face folders of the T5 family, in and out.

- config.py: config.json <-> Architecture
- reading.py: a folder's weights, read when needed
- generation.py: generation_config.json -> settings of decoding
- writing.py: a folder that transformers loads
- tokenizer_reading.py: spiece.model or tokenizer.json -> a vocabulary
- tokenizer_writing.py: a vocabulary -> the files of a tokenizer
- model_card.py: README.md
- hub.py: a folder of the Hub, by its name

Files are JSON and safetensors; nothing is unpickled, and no code that a folder holds or names is run.
"""
