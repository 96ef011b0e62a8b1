"""Names of T5's package of this name: its old tasks, GLUE's details, and seqio's names, which it hands on.

`Task` and `TaskRegistry` are T5's old ones here, which take `text_preprocessor` and the like. seqio's, which t5mix
has as `t5mix.Task` and `t5mix.TaskRegistry`, share the registered names with them.
"""

from t5mix.vocabularies import *  # noqa: F403

from ...dataset_providers import *  # noqa: F403
from ...test_utils import assert_dataset as assert_dataset
from ...utils import *  # noqa: F403
from . import dataset_providers as dataset_providers
from . import glue_utils as glue_utils
from . import postprocessors as postprocessors
from . import preprocessors as preprocessors
from . import utils as utils
from .dataset_providers import *  # noqa: F403
from .dataset_providers import FunctionTask as Task  # type: ignore[assignment]  # noqa: F401
from .glue_utils import *  # noqa: F403
from .utils import *  # noqa: F403
