"""Two trained tokenizers as small as can be: one like the C4 vocabulary of SigLIP, one like Gemma's of SigLIP 2."""

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "a photo of a red cube left of a large blue ball",
    "two small green cylinders behind the yellow cone",
    "what is this supercalifragilistic picture of the sea at night",
    "Straße naïve café 一只红色的猫 русский 42 1999",
] * 20


def t5_like() -> tokenizers.Tokenizer:
    """Unigram with <pad> as 0, </s> as 1 and <unk> as 2, an end behind each text."""
    backend = tokenizers.Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    backend.train_from_iterator(CORPUS, trainer)
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return backend


def gemma_like() -> tokenizers.Tokenizer:
    """BPE over spaces and bytes, with <pad> as 0, <eos> as 1, <bos> as 2, <unk> as 3, an end behind each text."""
    backend = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    backend.train_from_iterator(CORPUS, trainer)
    backend.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return backend
