"""JSON of what examples and metrics hold: tensors, arrays, NumPy's numbers, bytes, dataclasses."""

import base64
import dataclasses
import json
from typing import Any

import numpy as np


class TensorAndNumpyEncoder(json.JSONEncoder):
    """Encodes what plain JSON cannot, as seqio's encoder of this name does.

    Small arrays and tensors become lists, large ones a text with their shape, dtype and ends; bytes become text where
    they are UTF-8, else base 64; dataclasses become objects without the fields that are None.

    Args:
      *args: of `json.JSONEncoder`.
      max_ndarray_size: how many elements an array has at most to be written whole.
      **kwargs: of `json.JSONEncoder`.
    """

    def __init__(self, *args: Any, max_ndarray_size: int = 32, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_ndarray_size = max_ndarray_size

    def default(self, obj: Any) -> Any:
        """Returns what plain JSON can encode.

        Raises:
          TypeError: for an object of another kind.
        """
        if hasattr(obj, "numpy"):  # an eager tensor
            obj = obj.numpy()
        if isinstance(obj, np.ndarray):
            return self._array(obj)
        if isinstance(obj, np.generic):
            return float(obj) if obj.dtype.name == "bfloat16" else obj.item()
        if isinstance(obj, bytes):
            return _text(obj)
        if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
            return dataclasses.asdict(obj, dict_factory=_without_none)
        return super().default(obj)

    def _array(self, array: np.ndarray) -> Any:
        dtype = array.dtype
        if dtype.name == "bfloat16":
            array = array.astype(np.float32)
        if array.size <= self.max_ndarray_size:
            return array.tolist()
        flat = array.reshape(-1)
        first, last = (", ".join(map(repr, part.tolist())) for part in (flat[:5], flat[-5:]))
        return f"ndarray(shape={array.shape}, dtype={dtype}); summary: {first} ... {last}"


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def _without_none(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None}
