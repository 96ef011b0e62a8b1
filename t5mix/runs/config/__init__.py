"""The settings of a run: read from gin files, checked, and bound to typed dataclasses.

settings.py     Run and its parts: typed, frozen, validated
gin_library.py  gin-config, and not a folder of that name
gin_files.py    gin files and --gin_param -> statements, each with its file and line
gin_check.py    what gin lets pass is refused
binding.py      statements -> one Run; the one place that lets gin build something
"""
