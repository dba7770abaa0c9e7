"""A judge of transformers' on this machine against a loop of forward passes and transformers' own `generate`."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from playground.manager import ModelManager, ModelSpec
from playground.mmbench import Question
from playground.mmbench.judge import judge_prompt, judge_rows
from playground.mmbench.judge_local import TextModel, load_judge, local_judge

TEMPLATE = (
    "{% for one in messages %}<|{{ one['role'] }}|>{{ one['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}{% if enable_thinking is false %}!{% endif %}"
)
PROMPT = judge_prompt("Which animal is it?", {"A": "cat", "B": "dog"}, "the one that barks, 狗")


def write_model(folder, *, template=TEMPLATE, positions=2048):
    """A Llama of 2 layers with random weights, and a tokenizer of bytes, in the hub's layout."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE({one: i for i, one in enumerate(alphabet)}, []))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|end|>", model_max_length=positions)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|assistant|>"]})
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=positions, initializer_range=0.3, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config.update(do_sample=True, temperature=0.7, repetition_penalty=2.0)  # as many a repository says
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("llama"))


def greedy(folder, ids, most):
    """The likeliest next token, again and again, each by a forward pass over all of them: no cache, no `generate`."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    made = list(ids)
    with torch.no_grad():
        for _ in range(most):
            made.append(int(model(torch.tensor([made])).logits[0, -1].argmax()))
            if made[-1] == model.config.eos_token_id:
                break
    return made[len(ids) :]


def test_a_reply_is_the_likeliest_words_after_the_chat_template(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(f"<|user|>{PROMPT}<|end|><|assistant|>!", add_special_tokens=False)["input_ids"]
    expected = greedy(folder, ids, 24)
    model = load_judge(folder)
    assert model.prompt(PROMPT) == ids
    reply = local_judge(model, tokens=24)(PROMPT)
    assert reply == tokenizer.decode(expected, skip_special_tokens=True) != ""
    peer = AutoModelForCausalLM.from_pretrained(folder).eval()
    made = peer.generate(
        torch.tensor([ids]),
        do_sample=False,
        repetition_penalty=1.0,
        max_new_tokens=24,
        pad_token_id=tokenizer.eos_token_id,
    )
    assert reply == tokenizer.decode(made[0, len(ids) :], skip_special_tokens=True)
    assert local_judge(model, tokens=24)(PROMPT) == reply


def test_it_stops_where_the_model_ends(folder):
    model = load_judge(folder)
    first = greedy(folder, model.prompt(PROMPT), 3)
    model.model.generation_config.eos_token_id = [first[2], 0]  # as if the third were an end
    assert model.reply(PROMPT) == model.tokenizer.decode(
        first[: 2 + (first[2] not in first[:2])], skip_special_tokens=True
    )


def test_a_model_without_a_template_is_given_the_prompt_as_it_is(tmp_path):
    folder = write_model(tmp_path, template=None)
    model = load_judge(folder)
    ids = AutoTokenizer.from_pretrained(folder)(PROMPT)["input_ids"]
    assert model.prompt(PROMPT) == ids
    assert model.reply(PROMPT, 8) == model.tokenizer.decode(greedy(folder, ids, 8), skip_special_tokens=True)


def test_a_prompt_that_is_too_long_is_told_and_the_row_stays_unparsed(folder):
    model = load_judge(folder)
    with pytest.raises(ValueError, match=r"^the prompt has [\d,]+ tokens, and the judge reads 1,984 at most$"):
        model.reply("x" * 3000)
    one = Question(1, "Which?", (("A", "cat"), ("B", "dog")), "B")
    *_, last = judge_rows({1: "long ears " * 400}, [one], local_judge(model), name="llama")
    assert (last.newest.by, last.newest.tries) == ("unparsed", 3)
    assert "at most" in last.newest.error


def test_it_is_a_frozen_module_that_the_manager_leases(folder):
    manager = ModelManager("cpu", budget=10**9)
    with manager.lease(ModelSpec(f"judge/{folder}", lambda: load_judge(folder))) as model:
        assert isinstance(model, TextModel)
        assert not model.training
        assert not any(one.requires_grad for one in model.parameters())
        assert {one.device.type for one in model.parameters()} == {"cpu"}
        assert local_judge(model, tokens=2)(PROMPT)
    (status,) = manager.snapshot()
    assert status.bytes >= sum(one.numel() * one.element_size() for one in model.parameters())


def test_nothing_pickled_is_read_and_no_code_is_run(tmp_path, folder):
    pickled = write_model(tmp_path / "pickled")
    torch.save(AutoModelForCausalLM.from_pretrained(folder).state_dict(), pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="is no language model that can be read"):
        load_judge(pickled)
    own = write_model(tmp_path / "own")
    mark = tmp_path / "ran"
    (own / "modeling_own.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n")
    names = {
        "AutoConfig": "modeling_own.C",
        "AutoModelForCausalLM": "modeling_own.M",
        "AutoTokenizer": "modeling_own.T",
    }
    config = json.loads((own / "config.json").read_text()) | {"model_type": "own", "auto_map": names}
    (own / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="is no language model that can be read"):
        load_judge(own)
    assert not mark.exists()
    with pytest.raises(FileNotFoundError, match="is neither a folder nor a repository"):
        load_judge(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty is no language model that can be read"):
        load_judge(tmp_path / "empty")
