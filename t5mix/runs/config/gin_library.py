"""gin-config, imported at the one place that makes sure it is gin-config.

Where gin-config is missing, `import gin` in a checkout finds the folder `gin/` of run files instead
and says nothing.
"""

import gin as _gin

if not hasattr(_gin, "parse_config"):
    raise ImportError(
        "gin-config is not installed: the `gin` that Python found is a folder of that name "
        f"({', '.join(getattr(_gin, '__path__', ['?']))}); pip install gin-config"
    )

from gin import config, config_parser

__all__ = ["config", "config_parser"]
