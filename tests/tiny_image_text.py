"""Tiny image-text-to-text models of random weights, saved as the hub has them: LLaVA, Idefics3 (SmolVLM) and Qwen2-VL.

Their families differ in what the pixels are: one square a picture, tiles of it, or patches in a row.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
CHAT = (
    "{% for m in messages %}{{ m['role'] | upper }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}IMAGE{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
LEARNT = "Question: Which colour is the cube?\nOptions:\nA. red\nPlease select the correct answer from the options. \n"


def words(*special):
    """A tokenizer of bytes and a few pairs of them, `<image>` and others beside."""
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    names = ["<pad>", "<s>", "</s>", "<image>", *special]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + len(names) + 24, special_tokens=names, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator([LEARNT] * 2, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=names[3:],
    )  # fmt: skip


def save(network, processor, folder: Path):
    """Write both, the weights large enough to say something else each time."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def llava(folder: Path, *, chat=True):
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokens = words()
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**VISION, image_size=28, patch_size=14, projection_dim=16),
        text_config=LlamaConfig(**TEXT, vocab_size=len(tokens)), vision_feature_layer=-1, image_seq_length=4,
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}), tokens, patch_size=14,
        vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=CHAT.replace("IMAGE", "<image>\n") if chat else None,
    )  # fmt: skip
    return save(LlavaForConditionalGeneration(config), processor, folder)


def idefics3(folder: Path):
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3ImageProcessor, Idefics3Processor

    tokens = words(
        "<fake_token_around_image>", "<global-img>", "<end_of_utterance>",
        *(f"<row_{i}_col_{j}>" for i in (1, 2, 3) for j in (1, 2, 3)),
    )  # fmt: skip
    config = Idefics3Config(
        vision_config=VISION | {"image_size": 32, "patch_size": 8}, scale_factor=2, pad_token_id=0,
        text_config=TEXT | {"model_type": "llama", "vocab_size": len(tokens)},
        image_token_id=tokens.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    sizes = Idefics3ImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    processor = Idefics3Processor(sizes, tokens, image_seq_len=4, chat_template=CHAT.replace("IMAGE", "<image>"))
    return save(Idefics3ForConditionalGeneration(config), processor, folder)


def qwen2_vl(folder: Path):
    from transformers import (
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    tokens = words("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    names = ("image_pad", "video_pad", "vision_start", "vision_end")
    start, end, image, video = (tokens.convert_tokens_to_ids(f"<|{names[i]}|>") for i in (2, 3, 0, 1))
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10_000.0}
    config = Qwen2VLConfig(
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2},
        text_config=TEXT | {"vocab_size": len(tokens), "rope_parameters": rope}, image_token_id=image,
        video_token_id=video, vision_start_token_id=start, vision_end_token_id=end,
    )  # fmt: skip
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=28 * 28 * 16), tokens, Qwen2VLVideoProcessor(),
        chat_template=CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
    )  # fmt: skip
    return save(Qwen2VLForConditionalGeneration(config), processor, folder)


FAMILIES = {"llava": llava, "idefics3": idefics3, "qwen2_vl": qwen2_vl}
