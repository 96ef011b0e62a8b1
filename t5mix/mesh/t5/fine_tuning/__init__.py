"""What is trained: everything, some weights, or a few weights that come to T5's (Raffel et al. 2020, section 3.5.1).

- settings.py: the choices and their options
- selection.py: which weights of a model a choice trains
- lora.py: thin matrices beside projections; lora_merged.py: added up
- adapters.py: small layers after T5's layers
- prompt.py: vectors before the inputs; prompt_start.py: their first values
- unfreezing.py: when each layer begins to be trained

What was trained is written alone into a folder by `mesh.interop.trained_alone`.
"""
