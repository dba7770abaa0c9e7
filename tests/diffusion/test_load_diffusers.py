"""Denoisers read from folders and from a hub, and what is refused there."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_unet import picture, small_unet
from stand_in_hub import stand_in_hub

from playground import diffusion

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """A DDPMPipeline as the hub has it."""
    scheduler = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    diffusers.DDPMPipeline(small_unet(), scheduler).save_pretrained(tmp_path / "pipeline")
    return tmp_path / "pipeline"


def test_a_pipeline_folder(folder):
    denoiser = diffusion.load_diffusers(folder)
    assert denoiser.shape == (3, 8, 8)
    assert not any(p.requires_grad for p in denoiser.model.parameters())
    expected = diffusion.from_diffusers(small_unet(), diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"))
    torch.testing.assert_close(denoiser(picture(), 2.0), expected(picture(), 2.0), rtol=0, atol=0)
    assert next(diffusion.load_diffusers(folder, dtype=torch.bfloat16).model.parameters()).dtype == torch.bfloat16


def test_a_checkpoint_under_every_schedule(folder):
    """In every schedule's own time a fine solution ends alike, and every solver samples."""
    denoiser = diffusion.load_diffusers(folder)
    paths = [diffusion.schedule(name) for name in diffusion.SCHEDULES]
    fine = torch.logspace(math.log10(14), math.log10(0.05), 61, dtype=torch.float64)
    ends = [diffusion.sample(denoiser, picture(), schedule=s, solver="rk4", sigmas=fine).unified()[-1] for s in paths]
    apart = [float((end - ends[0]).abs().max()) for end in ends[1:]]
    assert max(apart) < 0.05, "steps of VE's t = sigma^2 are long, and the tables bend at their knots"
    assert len({round(gap, 12) for gap in apart}) > 5, "each solved in its own time"
    grid = diffusion.schedule("cosine").sigmas(6)[1:]
    ends = {}
    for name in diffusion.SOLVERS:
        if name != "rk45":  # hundreds of calls
            ends[name] = diffusion.sample(denoiser, picture(), schedule=paths[1], solver=name, sigmas=grid).x[-1]
            assert ends[name].isfinite().all()
    alike = {}
    for name, end in ends.items():
        alike.setdefault(round(float(end.std()), 6), []).append(name)
    assert sorted(names for names in alike.values() if len(names) > 1) == [["ddim", "dpm_1"]]


def test_other_layouts(folder, tmp_path):
    """The network beside its scheduler in one folder, as google/ddpm-cifar10-32; and without a scheduler."""
    flat = tmp_path / "flat"
    shutil.copytree(folder / "unet", flat)
    with pytest.raises(ValueError, match=r"holds no scheduler: scheduler_config.json is missing"):
        diffusion.load_diffusers(flat)
    scheduler = diffusers.DDIMScheduler(beta_schedule="squaredcos_cap_v2")
    expected = diffusion.load_diffusers(folder)(picture(), 2.0)
    torch.testing.assert_close(diffusion.load_diffusers(flat, scheduler=scheduler)(picture(), 2.0), expected)
    shutil.copy(folder / "scheduler" / "scheduler_config.json", flat)
    torch.testing.assert_close(diffusion.load_diffusers(flat)(picture(), 2.0), expected)


def test_pickled_weights_are_refused(folder):
    """Nothing is unpickled: loading this file would leave a mark."""
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    mark = folder / "mark"
    weights.unlink()
    torch.save(Mark(mark), weights.with_suffix(".bin"))
    with pytest.raises(ValueError, match=r"holds no diffusion_pytorch_model.safetensors; pickled weights"):
        diffusion.load_diffusers(folder)
    shutil.copy(weights.with_suffix(".bin"), weights)
    with pytest.raises(ValueError, match="truncated or no safetensors file"):
        diffusion.load_diffusers(folder)
    assert not mark.exists()
    torch.load(weights.with_suffix(".bin"), weights_only=False)
    assert mark.exists(), "the file does no harm"


class Mark:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_truncated_weights_are_refused(folder):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    for part in (whole[: len(whole) // 2], whole[:-1], whole[:6], b""):
        weights.write_bytes(part)
        with pytest.raises(ValueError, match=f"{weights} is truncated"):
            diffusion.load_diffusers(folder)


def test_weights_of_another_network_are_refused(folder):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    save_file(dict(list(tensors.items())[:-3]), weights, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"the weights in .* are not its config's"):
        diffusion.load_diffusers(folder)
    small_unet(block_out_channels=(12, 16)).save_pretrained(folder / "unet")
    config = json.loads((folder / "unet" / "config.json").read_text())
    (folder / "unet" / "config.json").write_text(json.dumps(config | {"block_out_channels": [8, 16]}))
    with pytest.raises(ValueError, match=r"UNet2DModel in its config.json"):
        diffusion.load_diffusers(folder)


def test_folders_without_a_denoiser_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no model: config.json is missing"):
        diffusion.load_diffusers(tmp_path / "empty")
    decoder = diffusers.AutoencoderTiny(encoder_block_out_channels=[8] * 4, decoder_block_out_channels=[8] * 4)
    decoder.save_pretrained(tmp_path / "decoder")
    with pytest.raises(ValueError, match="holds a AutoencoderTiny; an unconditional denoiser is a UNet2DModel"):
        diffusion.load_diffusers(tmp_path / "decoder")
    config = folder / "scheduler" / "scheduler_config.json"
    for text, words in (
        ('{"_class_name": "UNet2DModel"}', "no scheduler called 'UNet2DModel'"),
        ('{"_class_name": "DDPMScheduler", "beta_schedule": "steep"}', "makes no scheduler of what .* says: steep"),
        ("{", "is no JSON"),
        ("[]", "must hold a JSON object, not list"),
    ):
        config.write_text(text)
        with pytest.raises(ValueError, match=words):
            diffusion.load_diffusers(folder)
    with pytest.raises(FileNotFoundError, match="neither a folder nor a repository"):
        diffusion.load_diffusers("no/such/thing")


PROGRAM = """
import sys, torch
from playground import diffusion
for source in sys.argv[1:]:
    try:
        denoiser = diffusion.load_diffusers(source)
    except Exception as error:
        print(type(error).__name__, error)
        continue
    x = torch.arange(192.0).reshape(1, 3, 8, 8) / 192
    print(denoiser(x, 2.0).double().sum().item())
"""


def test_from_a_hub(folder, tmp_path):
    """Through a stand-in on this machine: only configurations and safetensors are asked for, and only once."""
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickled")
    (folder / "README.md").write_text("card")
    command = [sys.executable, "-c", PROGRAM, "tiny/ddpm", "tiny/ddpm", "tiny/none"]
    with stand_in_hub({"tiny/ddpm": folder}, tmp_path / "home") as (hub, asked):
        environ = {**os.environ, **hub}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    x = torch.arange(192.0).reshape(1, 3, 8, 8) / 192
    assert float(first) == pytest.approx(diffusion.load_diffusers(folder)(x, 2.0).double().sum().item(), rel=1e-6)
    assert second == first
    assert third.startswith("FileNotFoundError tiny/none is neither a folder nor a repository")
    fetched = [path.rsplit("/", 1)[1] for path in asked if "/resolve/" in path]
    assert "diffusion_pytorch_model.safetensors" in fetched
    assert not [name for name in fetched if name.endswith((".bin", ".md"))]
