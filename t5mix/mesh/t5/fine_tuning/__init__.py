"""What is trained: everything, some weights, or a few weights that come to T5's (Raffel et al. 2020, section 3.5.1).

- settings.py: the choices and their options
- selection.py: which weights of a model a choice trains
- lora.py: thin matrices beside projections
- adapters.py: small layers after T5's layers
- prompt.py: vectors before the inputs
- unfreezing.py: when each layer begins to be trained

`t5mix/mesh/interop/trained_alone.py` writes what was trained alone into a folder.
"""
