"""A random UNet2DModel of a few thousand weights, and pictures of noise for it."""

import diffusers
import torch

SHAPE = (4, 3, 8, 8)


def small_unet(seed=0, **options):
    defaults = {
        "sample_size": 8,
        "block_out_channels": (8, 16),
        "norm_num_groups": 4,
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D"),
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return diffusers.UNet2DModel(**defaults | options).eval()


def picture(dtype=torch.float64):
    return 2 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)).to(dtype)
