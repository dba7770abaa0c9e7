"""ZeroGPU (Hugging Face Spaces) refuses to start an app without one `@spaces.GPU` function; imported there only."""

import spaces
import torch

__all__ = ["gpu_name"]


@spaces.GPU(duration=5)
def gpu_name() -> str:
    """The name of the lent GPU."""
    return torch.cuda.get_device_name()
