"""Names of open_clip's registry: the repository behind them, from a stand-in hub, and what the registry says of it."""

import json
import os
import subprocess
import sys

import open_clip.pretrained
import pytest
from safetensors.torch import save_file
from small_clip import small_clip
from stand_in_hub import stand_in_hub

from playground import clip
from playground.clip.registry import registered


def test_what_the_registry_says():
    entry = registered("ViT-B-32", "laion2b_s34b_b79k")
    assert (entry.repository, entry.quick_gelu) == ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", False)
    assert (entry.pictures["resize"], entry.pictures["interpolation"]) == ("shortest", "bicubic")
    assert registered("ViT-B-32", "openai").quick_gelu
    assert registered("ViT-B-32-quickgelu", "openai") == registered("ViT-B-32", "openai")
    siglip = registered("ViT-B-16-SigLIP2", "webli")
    assert (siglip.repository, siglip.pictures["resize"], siglip.pictures["mean"]) == (
        "timm/ViT-B-16-SigLIP2",
        "squash",
        (0.5,) * 3,
    )
    assert registered("ViTamin-S", "datacomp1b").repository == "jienengchen/ViTamin-S", "without the file's name"


def test_what_it_does_not_know(monkeypatch):
    with pytest.raises(ValueError, match=r"no ViT-B-32 pretrained as 'laion3b'; it has openai, .*laion2b_s34b_b79k"):
        clip.load("ViT-B-32", pretrained="laion3b")
    with pytest.raises(ValueError, match=r"no pretrained model 'ViT-X'; it has .*ViT-B-16-SigLIP2, "):
        clip.load("ViT-X", pretrained="webli")
    with pytest.raises(ValueError, match=r"no pretrained model 'ViT-X'; it has .*ViT-B-32, "):
        clip.load("ViT-X", pretrained="none")
    address = "https://example.org/w.pt"
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "ViT-X", {"web": {"url": address, "hf_hub": ""}})
    with pytest.raises(ValueError, match=rf"no repository of the hub: fetch {address} where you trust it.*activation="):
        clip.load("ViT-X", pretrained="web")


PROGRAM = """
import sys, torch
from playground import clip
for name, tag, activation in [line.split(":") for line in sys.argv[1:]]:
    try:
        model = clip.load(name, pretrained=tag, activation=activation or None)
    except Exception as error:
        print(type(error).__name__, error)
        continue
    total = model.encode_image(torch.ones(1, 3, 32, 32)).double().abs().sum().item()
    config = model.config
    print(f"{total:.4f}", config.activation, config.mean[0], config.std[0], config.resize, config.interpolation)
"""


def test_names_from_a_hub(tmp_path):
    """The registry's activation where the repository says none, and its pictures whatever the repository says."""
    model = small_clip()
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 3}
    config = {
        "model_cfg": {"embed_dim": 24, "vision_cfg": {"width": 128, "patch_size": 8}, "text_cfg": text},
        "preprocess_cfg": {"mean": [0.1] * 3, "std": [0.2] * 3, "resize_mode": "squash", "interpolation": "bilinear"},
    }
    repositories = {}
    for name, said in (
        ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", None),
        ("timm/vit_base_patch32_clip_224.openai", None),
        ("timm/vit_base_patch32_clip_224.laion2b_e16", True),
    ):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        model_config = config["model_cfg"] | ({} if said is None else {"quick_gelu": said})
        (folder / "open_clip_config.json").write_text(json.dumps(config | {"model_cfg": model_config}))
        save_file(
            {key.removeprefix("text."): v for key, v in model.state_dict().items()},
            folder / "open_clip_model.safetensors",
        )
        repositories[name] = folder
    asked = ["laion2b_s34b_b79k:", "openai:", "openai:gelu", "laion2b_e16:"]
    with stand_in_hub(repositories, tmp_path / "home") as (environ, _):
        command = [sys.executable, "-c", PROGRAM, *(f"ViT-B-32:{one}" for one in asked)]
        done = subprocess.run(
            command, env=os.environ | environ, capture_output=True, text=True, timeout=300, check=True
        )
    lines = done.stdout.splitlines()
    pictures = "0.48145466 0.26862954 shortest bicubic"
    assert lines[0].endswith(f" gelu {pictures}")
    assert lines[1].endswith(f" quick_gelu {pictures}")
    assert lines[0].split()[0] != lines[1].split()[0]
    for line in lines[2:]:
        assert line.startswith("ValueError open_clip's registry says of ViT-B-32"), line
