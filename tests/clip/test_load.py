"""CLIP read from folders, files and a hub, and what is refused there."""

import json
import os
import pickle
import subprocess
import sys

import pytest
import torch
from malicious import Malicious
from safetensors.torch import load_file, save_file
from small_clip import pixels, small_clip, tokens
from stand_in_hub import stand_in_hub

from playground import clip
from playground.clip.layouts import LAYOUTS, from_state, open_clip_layout
from playground.clip.tokenizer import default_tokenizer


@pytest.fixture
def model():
    model = small_clip()
    model.tokenizer = default_tokenizer()
    return model


@pytest.fixture
def openai(model):
    """The model's weights as OpenAI names them."""
    return {key.removeprefix("text."): value for key, value in model.state_dict().items()}


@pytest.fixture
def open_clip_folder(openai, tmp_path):
    config = {
        "model_cfg": {
            "embed_dim": 24,
            "quick_gelu": True,
            "vision_cfg": {"image_size": 32, "layers": 2, "width": 128, "patch_size": 8},
            "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 3},
        },
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "resize_mode": "squash"},
    }
    folder = tmp_path / "open_clip"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(openai, folder / "open_clip_model.safetensors")
    return folder


def rewrite(path, **changes):
    """Change a JSON file; a name with dots goes down, None deletes."""
    config = json.loads(path.read_text())
    for name, value in changes.items():
        *way, last = name.split("__")
        inner = config
        for part in way:
            inner = inner[part]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    path.write_text(json.dumps(config))


def assert_same(one, other):
    assert one.encode_image(pixels()).equal(other.encode_image(pixels()))
    assert one.encode_text(tokens()).equal(other.encode_text(tokens()))
    assert one.tokenizer("a cat").equal(other.tokenizer("a cat"))


@pytest.mark.parametrize(
    "changes", [{}, {"activation": "gelu", "resize": "squash", "mean": (0.5, 0.5, 0.5), "logit_bias": True}]
)
def test_ours_to_a_folder_and_back(tmp_path, changes):
    model = small_clip(**changes)
    model.tokenizer = default_tokenizer()
    clip.save(model, tmp_path / "a")
    again = clip.load(tmp_path / "a")
    assert again.config == model.config
    assert_same(again, model)
    assert not any(p.requires_grad for p in again.parameters())
    assert not again.training
    clip.save(again.bfloat16(), tmp_path / "b")
    assert next(clip.load(tmp_path / "b").parameters()).dtype == torch.float32
    (tmp_path / "a" / "tokenizer.json").unlink()
    assert clip.load(tmp_path / "a").tokenizer is None


def test_open_clips_folder(model, open_clip_folder):
    again = clip.load(open_clip_folder)
    assert_same(again, model)
    assert again.config.activation == "quick_gelu"
    assert (again.config.mean, again.config.std, again.config.resize) == ((0.5,) * 3, (0.25,) * 3, "squash")
    config = open_clip_folder / "open_clip_config.json"
    rewrite(config, model_cfg__vision_cfg__head_width=32)
    assert clip.load(open_clip_folder).config.vision.heads == 4
    rewrite(config, model_cfg__quick_gelu=None)
    assert clip.load(open_clip_folder).config.activation == "gelu", "what the flag's absence says in this layout"
    assert clip.load(open_clip_folder, activation="quick_gelu").config.activation == "quick_gelu"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_cfg__vision_cfg__pool_type": "avg"}, "vision_cfg.pool_type is 'avg'"),
        ({"model_cfg__vision_cfg__no_ln_pre": True}, "vision_cfg.no_ln_pre is True"),
        ({"model_cfg__vision_cfg__timm_model_name": "vit"}, "vision_cfg.timm_model_name is 'vit'"),
        ({"model_cfg__text_cfg__no_causal_mask": True}, "text_cfg.no_causal_mask is True"),
        ({"model_cfg__text_cfg__hf_tokenizer_name": "t5"}, "text_cfg.hf_tokenizer_name is 't5'"),
        ({"model_cfg__text_cfg__tokenizer_kwargs": {"clean": "canonicalize"}}, "text_cfg.tokenizer_kwargs"),
        ({"model_cfg__multimodal_cfg": {"width": 1}}, "model_cfg.multimodal_cfg"),
        ({"model_cfg__text_cfg": None}, "no object text_cfg"),
        ({"preprocess_cfg__resize_mode": "longest"}, "resize must be one of shortest, squash, not 'longest'"),
        ({"model_cfg__vision_cfg__head_width": 40}, "3 heads do not divide the width 128"),
    ],
)
def test_what_is_no_plain_clip_is_refused(open_clip_folder, changes, words):
    rewrite(open_clip_folder / "open_clip_config.json", **changes)
    with pytest.raises(ValueError, match=words):
        clip.load(open_clip_folder)


def test_openais_file(model, openai, tmp_path):
    scalars = {name: torch.tensor(32) for name in ("input_resolution", "context_length", "vocab_size")}
    path = tmp_path / "ViT.pt"
    torch.save(openai | scalars, path)
    assert_same(clip.load(path, activation="quick_gelu"), model)
    torch.save({key: value.half() for key, value in openai.items()}, path)
    half = clip.load(path, activation="quick_gelu")
    assert next(half.parameters()).dtype == torch.float32
    torch.testing.assert_close(half.encode_image(pixels()), model.encode_image(pixels()), rtol=0, atol=0.02)
    torch.save(model.state_dict(), path)  # open_clip's names with `text.`
    assert_same(clip.load(path, activation="quick_gelu"), model)
    with pytest.raises(ValueError, match=r"does not say its activation.*activation='quick_gelu' \(OpenAI"):
        clip.load(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:`torch.jit.trace:DeprecationWarning")
def test_a_file_runs_no_code(openai, tmp_path):
    """A pickle that would make a folder, a TorchScript archive, and files that are cut or are no such thing."""
    path, trap = tmp_path / "weights.pt", tmp_path / "trap"
    refused = pytest.raises(ValueError, match="is no file of tensors alone")
    for write in (
        lambda: torch.save({"visual.proj": Malicious(trap)}, path),
        lambda: path.write_bytes(pickle.dumps({"visual.proj": Malicious(trap)})),
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(b"a text"),
        lambda: (torch.save(openai, path), path.write_bytes(path.read_bytes()[:5000])),
    ):
        write()
        with refused:
            clip.load(path, activation="gelu")
    assert not trap.exists()
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(path))
    with pytest.raises(ValueError, match=r"TorchScript archive: opening it runs the code.*give archive=True"):
        clip.load(path, activation="gelu")
    torch.save([1], path)
    with pytest.raises(ValueError, match="holds a list, not a state dict"):
        clip.load(path, activation="gelu")


class Openai(torch.nn.Module):
    """A module whose state dict has OpenAI's names and whose method a script can hold."""

    def __init__(self, state):
        super().__init__()
        for name, value in state.items():
            *way, last = name.split(".")
            place = self
            for part in way:
                if part not in dict(place.named_children()):
                    place.add_module(part, torch.nn.Module())
                place = getattr(place, part)
            place.register_buffer(last, value.half() if value.is_floating_point() else value)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.text_projection


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_an_archive_behind_a_flag(model, openai, tmp_path):
    scalars = {name: torch.tensor(32) for name in ("input_resolution", "context_length", "vocab_size")}
    path = tmp_path / "ViT.pt"
    torch.jit.script(Openai(openai | scalars)).save(str(path))
    with pytest.raises(ValueError, match="give archive=True"):
        clip.load(path, activation="quick_gelu")
    with pytest.raises(ValueError, match="does not say its activation"):
        clip.load(path, archive=True)
    again = clip.load(path, activation="quick_gelu", archive=True)
    assert next(again.parameters()).dtype == torch.float32
    torch.save({key: value.half() for key, value in openai.items()}, tmp_path / "plain.pt")
    assert_same(again, clip.load(tmp_path / "plain.pt", activation="quick_gelu", archive=True))
    torch.testing.assert_close(again.encode_image(pixels()), model.encode_image(pixels()), rtol=0, atol=0.02)
    content = path.read_bytes()
    at = content.index(b"constants.pkl") + 40
    path.write_bytes(content[:at] + b"\xff" * 400 + content[at + 400 :])
    with pytest.raises(ValueError, match="is no whole TorchScript archive"):
        clip.load(path, activation="quick_gelu", archive=True)


def test_every_key_is_named(openai):
    def refused(state, words, layout="openai"):
        with pytest.raises(ValueError, match=words):
            from_state(state, LAYOUTS[layout], activation="gelu")

    for key in openai:
        refused({name: value for name, value in openai.items() if name != key}, rf"\b{key}\b")
    refused(openai | {"visual.extra": torch.zeros(1)}, "have visual.extra, which the layout of OpenAI")
    refused(openai | {f"k{i}": torch.zeros(1) for i in range(5)}, "have k0, k1, k2 and 2 more")
    refused(openai | {"input_resolution": torch.tensor(1)}, "have input_resolution", "open_clip")
    refused(openai | {"visual.ln_pre.bias": torch.zeros(3)}, r"visual.ln_pre.bias gives the shape \(3,\)")
    refused(openai | {"ln_final.bias": torch.zeros(64, dtype=torch.int8)}, "ln_final.bias must be a tensor of floating")
    refused(openai | {"visual.positional_embedding": torch.zeros(16, 128)}, "16 positions are no square")
    refused(openai | {"visual.conv1.weight": torch.zeros(128, 1, 8, 8)}, "visual.conv1.weight has the shape")
    refused(openai | {"visual.proj": torch.zeros(8)}, "visual.proj must be a matrix")
    refused(openai | {"visual.layer1.0.conv1.weight": torch.zeros(1)}, "the picture tower is a ResNet")
    refused(openai | {"visual.conv1.weight": torch.zeros(100, 3, 8, 8)}, "the width 100 is no multiple of 64")
    assert open_clip_layout({"text.ln_final.bias": torch.zeros(1)}) is LAYOUTS["open_clip_text"]


def test_what_our_folders_refuse(model, tmp_path):
    clip.save(model, tmp_path)
    with pytest.raises(ValueError, match="says that its activation is 'quick_gelu', not 'gelu'"):
        clip.load(tmp_path, activation="gelu")
    rewrite(tmp_path / "config.json", activation=None)
    with pytest.raises(ValueError, match=r"is no configuration of playground\.clip.*activation"):
        clip.load(tmp_path)
    rewrite(tmp_path / "config.json", activation="quick_gelu", vocab_size=100)
    with pytest.raises(ValueError, match=r"text\.token_embedding\.weight gives the shape"):
        clip.load(tmp_path)
    rewrite(tmp_path / "config.json", kind="playground.flows")
    with pytest.raises(ValueError, match=r"holds a 'playground\.flows'; a CLIP has the kind 'playground\.clip'"):
        clip.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="neither a folder nor a repository"):
        clip.load("no/such/thing")


def test_weights_that_are_missing_cut_or_of_another_vocabulary(open_clip_folder, tmp_path):
    weights = open_clip_folder / "open_clip_model.safetensors"
    state = load_file(weights)
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"open_clip_model\.safetensors is no safetensors file, or not all of one"):
        clip.load(open_clip_folder)
    save_file(state | {"token_embedding.weight": torch.zeros(100, 64)}, weights)
    with pytest.raises(ValueError, match="know 100 tokens, and the tokenizer 49408"):
        clip.load(open_clip_folder)
    weights.rename(weights.with_name("open_clip_pytorch_model.bin"))
    with pytest.raises(FileNotFoundError, match=r"holds no CLIP: .* pickled weights are not opened"):
        clip.load(open_clip_folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no CLIP"):
        clip.load(tmp_path / "empty")


PROGRAM = """
import sys, torch
from playground import clip
for source in sys.argv[1:]:
    try:
        model = clip.load(source)
    except Exception as error:
        print(type(error).__name__, error)
        continue
    print(model.encode_image(torch.ones(1, 3, 32, 32)).double().abs().sum().item(), model.tokenizer.vocab_size)
"""


def test_from_a_hub(model, open_clip_folder, tmp_path):
    """Only words and safetensors are asked for, once; of a repository with both layouts one is fetched."""
    clip.save(model, tmp_path / "ours")
    (open_clip_folder / "open_clip_pytorch_model.bin").write_bytes(b"pickled")
    (open_clip_folder / "model.safetensors").write_bytes(b"for transformers")
    (open_clip_folder / "config.json").write_text('{"model_type": "clip"}')
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text('{"model_type": "clip"}')
    (pickled / "pytorch_model.bin").write_bytes(b"pickled")
    repositories = {"tiny/ours": tmp_path / "ours", "tiny/open": open_clip_folder, "tiny/pickled": pickled}
    sources = ["tiny/ours", "hf-hub:tiny/open", "hf-hub:tiny/open", "tiny/pickled", "tiny/none"]
    with stand_in_hub(repositories, tmp_path / "home") as (environ, asked):
        command = [sys.executable, "-c", PROGRAM, *sources]
        done = subprocess.run(
            command, env=os.environ | environ, capture_output=True, text=True, timeout=300, check=True
        )
    expected = f"{model.encode_image(torch.ones(1, 3, 32, 32)).double().abs().sum().item():.4f}"
    lines = done.stdout.splitlines()
    assert [f"{float(line.split()[0]):.4f}" for line in lines[:3]] == [expected] * 3
    assert lines[3].startswith("FileNotFoundError tiny/pickled holds no CLIP")
    assert lines[4].startswith("FileNotFoundError tiny/none is neither a folder nor a repository")
    fetched = [path.split("?")[0] for path in asked if "/resolve/" in path]
    assert any(path.endswith("/open_clip_model.safetensors") for path in fetched)
    assert not [path for path in fetched if path.endswith(".bin")]
    assert not [path for path in fetched if path.startswith("/tiny/open/") and path.endswith("/model.safetensors")]
