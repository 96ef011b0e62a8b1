"""What users declare with: tasks, mixtures, rates, and the registries that find them by name.

Whoever imports a module of this package has the loader of declarations files, too: `discovery` sets itself as what the
namespace calls before it gives a name up.
"""

from t5mix.declarations import discovery, registry

__all__ = ["discovery", "registry"]
