"""`python -m t5mix` is `t5mix`."""

import sys

from t5mix.cli.main import main

sys.exit(main())
