"""SigLIP against transformers and open_clip: real sizes, re-initialised weights, folders they write, their tokens."""

import json
from functools import partial

import pytest
import torch
from PIL import Image
from small_clip import pixels, redraw
from small_vocabularies import gemma_like, t5_like
from test_clip_tokenizer import strings
from torch.testing import assert_close

from playground import clip
from playground.clip.foreign import TIMM_SIGLIP, TIMM_SIXTEEN_HEADS, TIMM_TANH, siglip_open_clip_fields
from playground.clip.layouts import LAYOUTS, from_state
from playground.clip.siglip_tokenizer import canonical, read_siglip_tokenizer

UNIT = {"rtol": 0, "atol": 1e-5}  # of unit vectors in float32
VOCABULARY = 500


def tokens(n=3, length=64, vocabulary=VOCABULARY):
    return torch.randint(0, vocabulary, (n, length), generator=torch.Generator().manual_seed(2))


def assert_alike(ours, images, texts, side):
    """Two towers alike, on vectors that differ from each other."""
    for answer, expected in (
        (ours.encode_image(pixels(side=side)), images(pixels(side=side))),
        (ours.encode_text(tokens()), texts(tokens())),
    ):
        assert_close(answer, expected, **UNIT)
        assert float((expected[0] - expected[1]).abs().max()) > 1e-3, "such a test would not see its input"


def assert_the_activation_is_seen(state, layout, ours, **heads):
    """The towers with their activations exchanged are no longer alike."""
    swap = {"gelu": "gelu_tanh", "gelu_tanh": "gelu"}
    config = ours.config
    activations = {"activation": swap[config.activation], "text_activation": swap[config.text_activation]}
    wrong = from_state(state, layout, **activations, **heads)
    x, ids = pixels(side=config.image_size), tokens()
    assert float((wrong.encode_image(x) - ours.encode_image(x)).abs().max()) > 2e-5
    assert float((wrong.encode_text(ids) - ours.encode_text(ids)).abs().max()) > 2e-5


def transformers_model(std, **towers):
    from transformers import SiglipConfig, SiglipModel

    peer = SiglipModel(SiglipConfig(**towers)).eval().requires_grad_(False)
    redraw(peer, std=std)
    return peer


def embeddings(peer, side):
    answer = peer(pixel_values=pixels(side=side), input_ids=tokens())
    return (lambda _: answer.image_embeds), (lambda _: answer.text_embeds), answer.logits_per_image


@torch.inference_mode()
def test_transformers():
    """SiglipConfig's defaults are ViT-B/16-224's; the vocabulary is cut."""
    peer = transformers_model(0.04, text_config={"vocab_size": VOCABULARY})
    state, layout = peer.state_dict(), LAYOUTS["siglip_transformers"]
    ours = from_state(state, layout, activation="gelu_tanh", text_activation="gelu_tanh")
    assert (ours.config.image_size, ours.config.patch_size, ours.config.vision.layers) == (224, 16, 12)
    images, texts, logits = embeddings(peer, 224)
    assert_alike(ours, images, texts, 224)
    assert_close(ours(pixels(side=224), tokens()), logits, rtol=0, atol=1e-4)
    assert_the_activation_is_seen(state, layout, ours)


@pytest.fixture
def transformers_folder(tmp_path):
    """A small SiglipModel, its picture processor, and the peer itself beside; heads of 32 and 16."""
    from transformers import SiglipImageProcessor

    tower = {"num_hidden_layers": 2, "num_attention_heads": 4}
    peer = transformers_model(
        0.15,
        text_config=tower
        | {"hidden_size": 64, "intermediate_size": 200, "vocab_size": VOCABULARY, "projection_size": 128},
        vision_config=tower | {"hidden_size": 128, "intermediate_size": 300, "image_size": 32, "patch_size": 8},
    )
    peer.save_pretrained(tmp_path)
    SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    return tmp_path, peer


@torch.inference_mode()
def test_transformers_folder(transformers_folder):
    folder, peer = transformers_folder
    ours = clip.load(folder)
    images, texts, logits = embeddings(peer, 32)
    assert_alike(ours, images, texts, 32)
    assert_close(ours(pixels(), tokens()), logits, rtol=0, atol=1e-4)
    assert (ours.config.vision.heads, ours.config.text.heads, ours.config.activation) == (4, 4, "gelu_tanh")
    assert (ours.config.mean, ours.config.std) == ((0.5,) * 3, (0.5,) * 3)
    assert (ours.config.resize, ours.config.interpolation) == ("squash", "bicubic")
    assert ours.tokenizer is None
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "siglip2"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"holds a 'siglip2'; a CLIP has the kind .* \('clip', 'siglip'\)"):
        clip.load(folder)


def open_clip_model(config, std):
    import open_clip

    peer = open_clip.CustomTextCLIP(**{name: value for name, value in config.items() if name != "custom_text"})
    redraw(peer, std=std)
    return peer.eval().requires_grad_(False)


@torch.inference_mode()
def test_open_clip():
    """ViT-B-16-SigLIP2 of open_clip's registry, its vocabulary of 256,000 cut."""
    import open_clip

    config = open_clip.get_model_config("ViT-B-16-SigLIP2")
    config["text_cfg"]["vocab_size"] = VOCABULARY
    peer = open_clip_model(config, 0.04)
    activation, fields = siglip_open_clip_fields({"model_cfg": config})
    assert (activation, fields["text_activation"]) == ("gelu", "gelu_tanh")
    state, layout = peer.state_dict(), LAYOUTS["siglip_open_clip"]
    ours = from_state(state, layout, activation=activation, **fields)
    unit = {"normalize": True}
    assert_alike(ours, partial(peer.encode_image, **unit), partial(peer.encode_text, **unit), 224)
    heads = {"vision_heads": fields["vision_heads"], "text_heads": fields["text_heads"]}
    assert_the_activation_is_seen(state, layout, ours, **heads)


@pytest.fixture(scope="module")
def small_timm_tower():
    """A small picture tower in timm's registry, under a name as SigLIP's have."""
    import timm
    from timm.models.vision_transformer import _create_vision_transformer

    def vit_tiny_patch8_siglip_32(pretrained=False, **changes):  # noqa: ARG001
        sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 128, "depth": 2, "num_heads": 2, "class_token": False}
        return _create_vision_transformer(
            "vit_base_patch16_siglip_224", pretrained=False, **(sizes | {"global_pool": "map"} | changes)
        )

    vit_tiny_patch8_siglip_32.__module__ = "timm.models.vision_transformer"
    timm.models.register_model(vit_tiny_patch8_siglip_32)
    return "vit_tiny_patch8_siglip_32"


@pytest.mark.parametrize("tanh", [False, True])
@torch.inference_mode()
def test_open_clip_folder(tmp_path, small_timm_tower, tanh):
    """What `open_clip.push_to_hf_hub` writes: its configuration, its weights, and a tokenizer of transformers'."""
    import open_clip
    from open_clip.push_to_hf_hub import save_for_hf
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from transformers import PreTrainedTokenizerFast

    words = PreTrainedTokenizerFast(tokenizer_object=gemma_like(), eos_token="<eos>", pad_token="<pad>")
    config = open_clip.get_model_config("ViT-B-16-SigLIP2" if tanh else "ViT-B-16-SigLIP")
    config["embed_dim"] = 128
    config["vision_cfg"] |= {"image_size": 32, "timm_model_name": small_timm_tower}
    config["text_cfg"] |= {"vocab_size": len(words), "width": 64, "heads": 4, "layers": 2}
    peer = open_clip_model(config, 0.15)
    pictures = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    open_clip.model.set_model_preprocess_cfg(peer, pictures)
    save_for_hf(peer, words, config, tmp_path, safe_serialization=True)
    ours = clip.load(tmp_path)
    assert (ours.config.activation, ours.config.text_activation) == ("gelu", "gelu_tanh" if tanh else "gelu")
    assert (ours.config.resize, ours.config.mean, ours.config.text.heads) == ("squash", (0.5,) * 3, 4)
    texts = ["A photo of a red_cube!", "the sea, at night", ""]
    ids = open_clip.tokenizer.HFTokenizer(str(tmp_path), context_length=64, clean="canonicalize")(texts)
    assert_close(torch.from_numpy(clip.embed_texts(ours, texts)), peer.encode_text(ids, normalize=True), **UNIT)
    noise = torch.randint(0, 256, (40, 50, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    picture = Image.fromarray(noise.numpy())
    seen = image_transform_v2(PreprocessCfg(size=32, **pictures), is_train=False)(picture)[None]
    expected = peer.encode_image(seen, normalize=True)
    assert_close(torch.from_numpy(clip.embed_images(ours, [picture])), expected, **UNIT)


def test_what_timms_names_say():
    """Heads and activation of every picture tower in open_clip's registry, made without memory."""
    import open_clip
    import timm

    seen = set()
    for name in open_clip.list_models():
        said = (open_clip.get_model_config(name) or {}).get("vision_cfg", {}).get("timm_model_name") or ""
        if "siglip" not in said or said in seen:
            continue
        seen.add(said)
        assert TIMM_SIGLIP.fullmatch(said), said
        tower = timm.create_model(said, num_classes=0, device="meta")
        width, block = tower.embed_dim, tower.blocks[0]
        assert block.attn.num_heads == tower.attn_pool.num_heads
        assert block.attn.num_heads == (16 if TIMM_SIXTEEN_HEADS.match(said) else width // 64), said
        assert type(block.mlp.act) is type(tower.attn_pool.mlp.act)
        assert ("Tanh" in type(block.mlp.act).__name__) == (TIMM_TANH.match(said) is not None), said
        assert {block.norm1.eps, tower.norm.eps, tower.attn_pool.norm.eps} == {1e-6}, said
    assert len(seen) > 12


def test_canonical_texts():
    from open_clip.tokenizer import canonicalize_text

    texts = strings(5_000)
    assert [canonical(text) for text in texts] == [canonicalize_text(text) for text in texts]
    assert sum(canonical(text) != text for text in texts) > 4_000


@pytest.mark.parametrize(("make", "end", "padding"), [(t5_like, "</s>", "</s>"), (gemma_like, "<eos>", "<pad>")])
@pytest.mark.parametrize("length", [16, 64])
def test_transformers_tokens(tmp_path, make, end, padding, length):
    """Its fast tokenizer with the same file, on texts that open_clip made canonical."""
    from open_clip.tokenizer import canonicalize_text
    from transformers import PreTrainedTokenizerFast

    make().save(str(tmp_path / "tokenizer.json"))
    peer = PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"), eos_token=end, pad_token=padding, unk_token="<unk>"
    )
    texts = strings(1_500)
    made = [canonicalize_text(text) for text in texts]
    expected = peer(made, padding="max_length", truncation=True, max_length=length, return_tensors="pt").input_ids
    ours = read_siglip_tokenizer(tmp_path / "tokenizer.json")(texts, length)
    assert ours.dtype == expected.dtype
    wrong = [text for text, one, other in zip(texts, ours, expected, strict=True) if not torch.equal(one, other)]
    assert not wrong, wrong[:5]
    assert len({tuple(row) for row in ours.tolist()}) > 1_000
    assert bool((ours[:, -1] == peer.eos_token_id).any())
