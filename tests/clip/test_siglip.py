"""SigLIP by itself: what it keeps whatever the weights are, its folders, and what is refused."""

import json

import pytest
import torch
from safetensors.torch import save_file
from small_clip import pixels, small_siglip
from small_vocabularies import gemma_like, t5_like
from torch.testing import assert_close

from playground import clip
from playground.clip.foreign import siglip_open_clip_fields, siglip_transformers_fields
from playground.clip.layouts import LAYOUTS, from_state
from playground.clip.siglip import SiglipText
from playground.clip.siglip_tokenizer import SiglipTokenizer
from playground.clip.tokenizer import default_tokenizer

LAYOUT_NAMES = ("siglip_open_clip", "siglip_transformers")


def ids(n=3, length=16, seed=2):
    return torch.randint(0, 300, (n, length), generator=torch.Generator().manual_seed(seed))


def foreign(model, name):
    """The model's weights in a layout of its peers."""
    layout, state = LAYOUTS[name], {}
    for own, value in model.state_dict().items():
        keys = layout.keys(own)
        width = value.shape[0] // 3 if value.ndim else 0
        sizes = {1: None, 2: (width, 2 * width), 3: width}[len(keys)]
        parts = (value,) if sizes is None else value.split(sizes)
        state |= {key: part.clone() for key, part in zip(keys, parts, strict=True)}
    for scalar in ("logit_scale", "logit_bias"):
        state[scalar] = state[scalar].reshape(1)
    if name == "siglip_open_clip":
        state["visual.trunk.pos_embed"] = state["visual.trunk.pos_embed"][None]
    return state


def test_the_pool_is_attention_of_one_probe():
    """Against torch's attention, and against the formula for a probe that looks at all tokens alike."""
    pool = small_siglip().visual.pool
    x = torch.randn(3, 5, 128, generator=torch.Generator().manual_seed(0))
    peer = torch.nn.MultiheadAttention(128, 2, batch_first=True)
    peer.load_state_dict({key: value for key, value in pool.state_dict().items() if key in peer.state_dict()})
    seen = peer(pool.probe.expand(3, 1, 128), x, x)[0][:, 0]
    assert_close(pool(x), seen + pool.mlp(pool.ln_2(seen)), rtol=0, atol=1e-5)
    assert_close(pool(x[:, [3, 1, 4, 0, 2]]), pool(x), rtol=0, atol=1e-5)
    pool.in_proj_weight[128:256] = 0  # no key differs from another: the mean of the values
    values = (x @ pool.in_proj_weight[256:].T + pool.in_proj_bias[256:]).mean(1)
    seen = pool.out_proj(values)
    assert_close(pool(x), seen + pool.mlp(pool.ln_2(seen)), rtol=0, atol=1e-5)


def test_states_are_before_the_last_norm():
    tower = small_siglip().visual
    states = tower.states(pixels())
    assert states.shape == (2, 16, 128)
    assert_close(tower(pixels()), tower.pool(tower.ln_post(states)))
    assert {m.eps for m in tower.modules() if isinstance(m, torch.nn.LayerNorm)} == {1e-6}
    with pytest.raises(ValueError, match=r"pixels must have the shape \(n, 3, 32, 32\)"):
        tower(pixels(side=40))


def test_logits_are_scaled_and_shifted():
    model = small_siglip()
    images, texts = model.encode_image(pixels()), model.encode_text(ids())
    assert_close(model(pixels(), ids()), 10 * images @ texts.T - 10, rtol=1e-5, atol=1e-5)


def test_every_position_of_a_text_counts():
    """The padding too, so a text may be neither cut nor padded further; the last position is read."""
    tower, tokens = small_siglip().text, ids(1)
    before = tower(tokens)
    for i in range(16):
        other = tokens.clone()
        other[0, i] = (other[0, i] + 1) % 300
        assert float((tower(other) - before).abs().max()) > 1e-3
    x = tower.transformer(tower.token_embedding(tokens) + tower.positional_embedding)
    assert_close(before, tower.text_projection(tower.ln_final(x))[:, -1])
    assert {m.eps for m in tower.modules() if isinstance(m, torch.nn.LayerNorm)} == {1e-6}
    for wrong in (tokens[:, :15], torch.cat([tokens, tokens], 1), tokens[0], tokens.float()):
        with pytest.raises(ValueError, match=r"tokens must be ids \(n, 16\).*nothing masks the padding"):
            tower(wrong)
    with pytest.raises(ValueError, match=r"ids must lie in 0\.\.299, not 300"):
        tower(torch.full((1, 16), 300))
    assert tower(tokens[:0]).shape == (0, 128)


def test_every_parameter_learns():
    model = small_siglip().requires_grad_(True)
    labels = torch.tensor([[1.0, -1, -1], [-1, 1, -1]])
    torch.nn.functional.softplus(-labels * model(pixels(), ids())).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_two_activations():
    both = {"activation": "gelu_tanh", "text_activation": None}
    model, other = small_siglip(), small_siglip(**both)
    assert float((model.visual(pixels()) - other.visual(pixels())).abs().max()) > 1e-4
    assert model.text(ids()).equal(other.text(ids()))
    assert not model.text(ids()).equal(small_siglip(text_activation=None).text(ids()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"logit_bias": False}, "a siglip has a logit_bias"),
        ({"stem": "conv"}, "the stem of a siglip must be patch, not 'conv'"),
        ({"embed_dim": 24}, "its picture tower's width 128, not 24"),
        ({"family": "align"}, "family must be one of clip, siglip, not 'align'"),
        ({"text_activation": "relu"}, "text_activation must be one of None, quick_gelu, gelu, gelu_tanh, not 'relu'"),
    ],
)
def test_a_wrong_config_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        small_siglip(**changes)


def test_ours_to_a_folder_and_back(tmp_path):
    backend = gemma_like()
    model = small_siglip(vocab_size=backend.get_vocab_size())
    model.tokenizer = SiglipTokenizer(backend)
    clip.save(model, tmp_path)
    again = clip.load(tmp_path)
    assert again.config == model.config
    assert isinstance(again.tokenizer, SiglipTokenizer)
    assert isinstance(again.text, SiglipText)
    texts = ["A red cube, left of a_ball!", "", "word " * 40]
    assert (clip.embed_texts(again, texts) == clip.embed_texts(model, texts)).all()
    assert again.encode_image(pixels()).equal(model.encode_image(pixels()))
    (tmp_path / "tokenizer.json").unlink()
    bare = clip.load(tmp_path)
    with pytest.raises(ValueError, match="this model has no tokenizer"):
        clip.embed_texts(bare, texts)
    (tmp_path / "tokenizer.json").write_text(t5_like().to_str())
    with pytest.raises(ValueError, match=r"know \d+ tokens, and the tokenizer \d+"):
        clip.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text(default_tokenizer().backend.to_str())
    with pytest.raises(ValueError, match="it is not SigLIP's"):
        clip.load(tmp_path)


@pytest.mark.parametrize("name", LAYOUT_NAMES)
def test_every_key_is_named(name):
    model = small_siglip()
    state = foreign(model, name)
    known = {"activation": "gelu", "text_activation": "gelu_tanh"}
    again = from_state(state, LAYOUTS[name], **known)
    assert again.encode_image(pixels()).equal(model.encode_image(pixels()))
    assert again.encode_text(ids()).equal(model.encode_text(ids()))
    assert again.logit_bias.shape == ()

    def refused(state, words):
        with pytest.raises(ValueError, match=words):
            from_state(state, LAYOUTS[name], **known)

    for key in state:
        refused({one: value for one, value in state.items() if one != key}, rf"\b{key}\b")
    refused(state | {"visual.extra": torch.zeros(1)}, "have visual.extra, which the layout of")
    places = LAYOUTS[name].keys("visual.positional_embedding")[0]
    refused(state | {places: torch.zeros(17, 128)}, "17 positions are no square of patches$")
    refused(state | {"logit_bias": torch.zeros(2)}, r"logit_bias gives the shape \(2,\)")


def open_clip_config():
    text = {
        "context_length": 16,
        "vocab_size": 300,
        "hf_tokenizer_name": "timm/any",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 64,
        "heads": 1,
        "layers": 3,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
        "act_kwargs": {"approximate": "tanh"},
    }
    vision = {"image_size": 32, "timm_model_name": "vit_tiny_patch8_siglip_32", "timm_pool": "map", "timm_proj": "none"}
    pictures = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    model = {"embed_dim": 128, "init_logit_bias": -10, "custom_text": True, "vision_cfg": vision, "text_cfg": text}
    return {"model_cfg": model, "preprocess_cfg": pictures}


def test_open_clips_folder(tmp_path):
    model = small_siglip()
    (tmp_path / "open_clip_config.json").write_text(json.dumps(open_clip_config()))
    save_file(foreign(model, "siglip_open_clip"), tmp_path / "open_clip_model.safetensors")
    again = clip.load(tmp_path)
    assert again.config == model.config
    assert again.tokenizer is None, "OpenAI's tokenizer is not SigLIP's"
    with pytest.raises(ValueError, match="says that its activation is 'gelu', not 'quick_gelu'"):
        clip.load(tmp_path, activation="quick_gelu")


@pytest.mark.parametrize(
    ("where", "changes", "words"),
    [
        ("text_cfg", {"pool_type": "argmax"}, "text_cfg.pool_type is 'argmax'; a SigLIP's is 'last'"),
        ("text_cfg", {"proj_bias": False}, "text_cfg.proj_bias is False; a SigLIP's is True"),
        ("text_cfg", {"no_causal_mask": None}, "text_cfg.no_causal_mask is None"),
        ("text_cfg", {"norm_kwargs": {}}, "text_cfg.norm_kwargs is {}"),
        ("text_cfg", {"act_kwargs": {"approximate": "erf"}}, "text_cfg.act_kwargs"),
        ("text_cfg", {"tokenizer_kwargs": {}}, "text_cfg.tokenizer_kwargs is {}; a SigLIP's is"),
        ("text_cfg", {"proj_type": "none"}, "text_cfg.proj_type is 'none': that is no SigLIP"),
        ("text_cfg", {"use_pad_mask": True}, "text_cfg.use_pad_mask is True"),
        ("vision_cfg", {"timm_pool": "avg"}, "vision_cfg.timm_pool is 'avg'; a SigLIP's is 'map'"),
        ("vision_cfg", {"timm_proj": "linear"}, "vision_cfg.timm_proj is 'linear'"),
        ("vision_cfg", {"timm_drop": 0.1}, r"vision_cfg.timm_drop is 0\.1: that is no SigLIP"),
    ],
)
def test_what_open_clip_says_of_another_model_is_refused(where, changes, words):
    config = open_clip_config()
    config["model_cfg"][where] |= changes
    with pytest.raises(ValueError, match=words):
        siglip_open_clip_fields(config)


def test_transformers_configurations_say_little():
    """Released ones leave out what is SiglipConfig's default."""
    activation, fields = siglip_transformers_fields({"text_config": {}, "vision_config": {}}, {})
    assert (activation, fields["text_activation"]) == ("gelu_tanh", "gelu_tanh")
    assert (fields["vision_heads"], fields["text_heads"], fields["resize"], fields["mean"]) == (
        12,
        12,
        "squash",
        (0.5,) * 3,
    )
    pictures = {"size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.1] * 3, "image_std": [0.2] * 3}
    config = {"text_config": {"num_attention_heads": 3, "hidden_act": "gelu"}}
    activation, fields = siglip_transformers_fields(config, pictures)
    assert (activation, fields["text_activation"], fields["text_heads"]) == ("gelu_tanh", "gelu", 3)
    assert (fields["interpolation"], fields["mean"], fields["std"]) == ("bilinear", (0.1,) * 3, (0.2,) * 3)
    for tower, words in (
        ({"layer_norm_eps": 1e-5}, r"vision_config.layer_norm_eps is 1e-05; SigLIP's is 1e-06"),
        ({"vision_use_head": False}, "such a tower has no embedding"),
        ({"hidden_act": "relu"}, "hidden_act must be one of quick_gelu, gelu, gelu_pytorch_tanh, not 'relu'"),
    ):
        with pytest.raises(ValueError, match=words):
            siglip_transformers_fields({"vision_config": tower}, {})
