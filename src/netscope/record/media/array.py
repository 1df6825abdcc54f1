"""Arrays of any shape and number type, stored exactly."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from netscope.formats import safetensors
from netscope.record.media.item import Encoded, Media, as_numpy, is_tensor


class Array(Media):
    """An array of any shape and number type, stored exactly (safetensors, one tensor named "array")."""

    kind = "array"

    def __init__(self, data: Any) -> None:
        """Encode as safetensors."""
        if is_tensor(data) and str(data.dtype) == "torch.bfloat16":
            whole = data.detach().cpu().contiguous()
            raw = whole.view(sys.modules["torch"].int16).numpy().tobytes()
            tensor: np.ndarray | safetensors.Raw = safetensors.Raw("BF16", tuple(whole.shape), raw)
        else:
            tensor = as_numpy(data)
        self.encoded = Encoded(safetensors.encode({"array": tensor}), "safetensors", "", list(tensor.shape))
