"""What the MMBench library really says of bad input, in Chinese: the numbers and names are in it, and no English."""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from playground import answering, mmbench
from playground.i18n import refusal
from playground.mmbench import Prediction, Predictions, Problem, Question, Verdict
from playground.mmbench.answerers import picture_of
from playground.mmbench.judge_endpoint import _reply
from playground.mmbench.leaderboard import leaderboard
from playground.tabs.mmbench import evaluate_run, evaluate_set, evaluate_settings, judging, lab, score, why

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 200).decode()  # without its end
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 99


def question(index: int, answer: str | None = "A", **more: Any) -> Question:
    return Question(index, "?", (("A", "cat"), ("B", "dog")), answer, **more)


def said(*rows: tuple[int, str]) -> Predictions:
    return Predictions(tuple(Prediction(index, text, row) for row, (index, text) in enumerate(rows, 2)))


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(name: str, content: str | bytes) -> Callable[[Path], object]:
    return lambda folder: mmbench.read_predictions(file(folder, name, content))


def asked(name: str, content: str | bytes) -> Callable[[Path], object]:
    return lambda folder: list(mmbench.read_tsv(file(folder, name, content)))


def table(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: evaluate_set.table(str(file(folder, name, content)))


def told(status: int, content: bytes = b"") -> Callable[[Path], object]:
    return lambda _: _reply(status, 0.0, content, "gpt", lambda _: False)


def model(config: str) -> Callable[[Path], object]:
    def load(folder: Path) -> None:
        file(folder, "config.json", config)
        answering.download(answering.custom(str(folder)))

    return load


def damaged_answers(folder: Path) -> None:
    file(folder, "answers.jsonl", "x\n")
    mmbench.run([], mmbench.by_letter("A"), folder, name="")


REFUSED: list[tuple[Callable[[Path], object], str]] = [
    (read("a.doc", ""), "预测文件可以是 .xlsx, .csv, .tsv, .json, .jsonl，不能是 'a.doc'。"),
    (read("a.ods", "x"), "'a.ods' 是另一种电子表格格式：请在表格软件中打开，另存为 .xlsx。"),
    (read("a.csv", b"index\0,x\n"), "a.csv 不是预测文件：它不是文本文件。"),
    (read("a.csv", "index,answer\n"), "a.csv 不是预测文件：缺少 prediction 列，只有 index, answer。"),
    (read("a.csv", "index,prediction,prediction\n"), "a.csv 有两列都叫 'prediction'：请改名其中一列。"),
    (read("a.csv", "index,prediction\n"), "a.csv 中没有一行同时带有索引和预测。"),
    (read("a.json", "["), "a.json 不是 JSON，或者被截断。"),
    (read("a.json", "3"), "a.json 既不是预测的列表，也不是以索引为键的对象。"),
    (read("a.jsonl", '{"index": 1}\n'), "a.jsonl 中没有一行带有预测。"),
    (read("a.xlsx", "no zip"), "a.xlsx 不是 Excel 工作簿，或者已损坏。"),
    (read("a.xlsx", OLD), "a.xlsx 是旧版工作簿或设有密码：请不设密码另存为 .xlsx。"),
    (lambda folder: mmbench.read_predictions(folder / "gone.csv"), "gone.csv 不存在。"),
    (lambda folder: list(mmbench.read_tsv(folder / "gone.tsv")), "gone.tsv 已不存在。"),
    (asked("q.tsv", b"index\0"), "q.tsv 不是 MMBench 的 TSV：它不是文本文件。"),
    (asked("q.tsv", "index\tA\tB\n"), "q.tsv 不是 MMBench 的 TSV：缺少 question 列，只有 index, A, B。"),
    (
        table("n.tsv", "index\tquestion\tA\tB\n\nx\tq\ta\tb\n"),
        "n.tsv 里没有可提问的题目；首个问题：第 3 行的索引 'x' 不是整数。",
    ),
    (
        table("o.tsv", "index\tquestion\tA\tB\n1\tq\ta\t\n"),
        "o.tsv 里没有可提问的题目；首个问题：第 2 行只有 1 个选项。",
    ),
    (table("p.tsv", "index\tquestion\tA\tB\n"), "p.tsv 里没有可提问的题目。"),
    (
        lambda _: evaluate_set.chosen(evaluate_set.QuestionSet((question(0, split="dev"),)), split="test"),
        "没有题目属于划分 'test'；文件中有 dev。",
    ),
    (
        lambda _: mmbench.score(said((9, "A")), [question(0)]),
        "没有一条预测可以评分；首个问题：第 2 行的索引 9 不在题目之中。",
    ),
    (
        lambda _: mmbench.score(said((8, "A")), [question(8, None)]),
        "没有一条预测可以评分；首个问题：第 2 行的索引 8 没有答案。",
    ),
    (lambda _: mmbench.score(said((8, "A"))), "没有一条预测可以评分；首个问题：第 2 行的索引 8 没有选项。"),
    (
        lambda _: mmbench.score(said((0, "A")), [question(0)], profile="magic"),
        "规则集 必须是 robust, vlmevalkit 之一，而不是 'magic'。",
    ),
    (
        lambda _: leaderboard([mmbench.score(said((0, "A")), [question(0)], profile=one) for one in mmbench.PROFILES]),
        "这些报告分别采用 robust 和 vlmevalkit 规则集：请用同一规则集评分。",
    ),
    (lambda _: list(mmbench.circular([question(3, group=1)])), "题目 3 已是 1 的轮换：请只给原题。"),
    (lambda _: mmbench.extract_choice("A", ["x"] * 27), "最多 26 个选项，而不是 27 个。"),
    (lambda folder: mmbench.Runs(folder).open("x-y"), "这里没有保存编号为 'x-y' 的评测。"),
    (
        lambda _: mmbench.endpoint_judge("https://me:secret@x.org", "m"),
        "判分模型的地址中不能含有用户名、密码、? 或 #：密钥请单独填写。",
    ),
    (
        lambda _: mmbench.endpoint_judge("https://x.org", "m", "two words"),
        "密钥必须是由普通字母、数字和符号组成、不含空格的一串字符；所给内容不予显示。",
    ),
    (
        lambda _: mmbench.endpoint_judge("http://127.0.0.1", "m", private=False)(""),
        "接口的地址指向内部网络，本应用不会访问。",
    ),
    (told(401), "接口拒绝了该密钥（401）。"),
    (told(404), "接口中没有模型 'gpt'，或者地址不对（404）。"),
    (told(302), "接口要求转到另一个地址（302），这里不会自动跳转：请直接填写那个地址。"),
    (told(503), "接口目前出错（503）。"),
    (told(200, b"<html>"), "接口的回复无效：不是 JSON 对象。"),
    (told(200, b"{}"), "接口的回复无效：choices 中没有消息。"),
    (
        damaged_answers,
        "answers.jsonl 第 1 行不是保存的回答：请删除该行，或换一个文件夹。",
    ),
    (lambda _: answering.custom(" "), "请填写模型名称：文件夹，或 Hub 上的仓库，例如 owner/name。"),
    (
        lambda _: answering.identity(answering.answerer_of("majority"), [question(0, None)]),
        "没有任何题目给出答案，因此无法确定最常见的答案。",
    ),
    (
        model('{"model_type": "bert"}'),
        "{folder} 的模型类型是 'bert'；这里需要当前 transformers 支持的图文生成文本模型，"
        "例如 idefics3、llava 或 qwen2_vl。",
    ),
    (model('{"model_type": "blip"}'), "{folder} 是既不能回答问题也不能生成描述的 BLIP，无法选择选项。"),
    (
        model('{"model_type": "llava"}'),
        "{folder} 中没有 model.safetensors；pickle 格式的权重可能执行代码，因此不会打开："
        "如果信任它，请先转换为 safetensors。",
    ),
    (lambda _: evaluate_settings.Settings(count=5), "题数 必须是 13 与 1,000 之间的整数，而不是 5。"),
    (lambda _: evaluate_settings.Settings(source="x" * 300), "仓库名有 300 个字符，超过上限 200 个。"),
    (
        lambda _: list(evaluate_run.asked_of(evaluate_settings.Settings(data="tsv"), "zh-CN")),
        "请先上传 TSV，或使用示例文件。",
    ),
    (lambda _: score.Settings(mini_count=0), "题数 必须是 1 与 5,000 之间的整数，而不是 0。"),
    (lambda _: judging.chosen("endpoint", "", "", "", ""), "请填写判分模型的地址和模型名称。"),
    (lambda _: lab.Settings(answer="x" * 30_000), "回答有 30,000 个字符，超过上限 20,000 个。"),
    (lambda _: lab.options_of("cat"), "选项须为 2 到 26 个，每行一个，而不是 1 个。"),
    (lambda _: why.Settings(known=101), "会的题 必须是 0 与 100 之间的整数，而不是 101。"),
]


def of_predictions(_: Path) -> Iterable[Problem]:
    rows = said((0, "A"), (0, "A"), (0, "B"), (1, "A"), (2, "A"), (5, "A"), (1_000_003, "B"), (4, "B"))
    own = mmbench.circular([question(0), question(1), question(3), question(4)])
    changed = Prediction(1, "A", 9, (("A", "x"), ("B", "y")))
    yield from mmbench.score(Predictions((*rows.rows[:3], changed, *rows.rows[4:])), [*own, question(2, None)]).problems


def of_predictions_as_vlmevalkit(_: Path) -> Iterable[Problem]:
    rows = said((0, "A"), (0, "B"), (1, "A"), (2, "A"), (1_000_003, "B"))
    own = mmbench.circular([question(0), question(1), question(3)])
    return mmbench.score(rows, [*own, question(2, None)], profile="vlmevalkit").problems


def of_verdicts(_: Path) -> Iterable[Problem]:
    verdicts = {0: Verdict(0, "A", "judge", mark="another"), 1: Verdict(1, "F", "judge")}
    return mmbench.score(said((0, "hm"), (1, "hm")), [question(0), question(1)], verdicts=verdicts).problems


def of_a_table(folder: Path) -> Iterable[Problem]:
    rows = b'index\tprediction\tA\tB\nx\tA\n1\tB\ta\tb\tmore\n2\t\xff\ta\tb\n3\t"never\n'
    return mmbench.read_predictions(file(folder, "a.tsv", rows)).problems


def of_questions(folder: Path) -> Iterator[Problem]:
    rows = [
        "index\tquestion\tA\tB\tanswer\timage", "1\tq\ta\t\tA\t", "2\t\ta\tb\tA\tabc", "3\tq\ta\tb\tE\t9",
        "4\tq\ta\tb\tA\t5", "5\tq\ta\tb\tA\t4", f"6\tq\ta\tb\tA\t{'A' * 99}*", f"7\tq\ta\tb\tA\t{PNG}",
        "7\tq\ta\tb\tA\t", f"8\tq\ta\tb\tA\t{[PNG, PNG]}",
    ]  # fmt: skip
    problems: list[Problem] = []
    list(mmbench.read_tsv(file(folder, "q.tsv", "\n".join(rows)), problems=problems))
    yield from problems


def of_a_run(folder: Path) -> Iterator[Problem]:
    questions = [question(3), question(4, picture=b"no picture")]
    for step in mmbench.run(questions, lambda some: [str(picture_of(one)) for one in some], folder, name="x"):
        yield from step.problems


REPORTED: list[tuple[Callable[[Path], Iterable[Problem]], list[str]]] = [
    (
        of_predictions,
        [
            "索引 0 出现两次，回答相同；以第一条为准。",
            "索引 0 出现两次，回答不同；以第一条为准。",
            "索引 1 的选项与题目文件中的不同；以题目文件为准。",
            "索引 2 没有答案，无法评分；该预测略去。",
            "没有索引为 5 的题目；该预测略去。",
            "题目 0 有 1 行，应有 2 行，缺少 1000000；按错误计。",
            "题目 1 有 1 行，应有 2 行，缺少 1000001；按错误计。",
            "题目 3 有 1 行，应有 2 行，缺少 3；按错误计。",
            "题目 4 有 1 行，应有 2 行，缺少 1000004；其中已有一行答错。",
        ],
    ),
    (
        of_predictions_as_vlmevalkit,
        [
            "索引 0 出现两次，回答不同；两条都计入。",
            "索引 2 没有答案，无法评分；该预测按错误计。",
            "题目 0 有 1 行，应有 2 行，缺少 1000000；其中已有一行答错。",
            "题目 1 有 1 行，应有 2 行，缺少 1000001；由已有的行决定。",
            "题目 3 有 1 行，应有 2 行，缺少 3；因缺少第一轮而略去。",
        ],
    ),
    (
        of_verdicts,
        [
            "对索引 0 的判定针对的是另一条回答、另一组选项或另一规则集；不予采用。",
            "对索引 1 的判定是 F，不在其选项之中；不予采用。",
        ],
    ),
    (
        of_a_table,
        [
            "此行有 2 个单元格，而表有 4 列；缺少的按空处理。",
            "'x' 不是整数；此行略去。",
            "此行有 5 个单元格，而表有 4 列；此行略去。",
            "文字不是 UTF-8；无法读取处以 � 标出。",
            "有单元格以引号开头却没有结尾；此行略去。",
        ],
    ),
    (
        of_questions,
        [
            "题目至少要有 2 个选项，这里只有 1 个；此行略去。",
            "题目为空。",
            "'abc' 既不是图片，也不是某一行的索引。",
            "'E' 不在选项 A, B 之中；按未给出答案处理。",
            "图片的 base64 已损坏或被截断。",
            "图片被截断。",
            "索引 7 出现两次；第二行略去。",
            "第 1 张图片（共 2 张）：图片被截断。",
            "没有索引为 9 的行，而此行应使用它的图片。",
            "共用图片的行互相引用，又回到索引 4。",
            "共用图片的行互相引用，又回到索引 5。",
        ],
    ),
    (of_a_run, ["题目 3 没有图片。", "题目 4 的图片无法读取。"]),
]


@pytest.mark.parametrize(("act", "chinese"), REFUSED)
def test_a_refusal_in_chinese_says_what_was_wrong(act: Callable[[Path], object], chinese: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, OSError)) as caught:
        act(tmp_path)
    assert refusal("zh-CN", caught.value) == chinese.replace("{folder}", str(tmp_path))


@pytest.mark.parametrize(("read", "chinese"), REPORTED, ids=[read.__name__ for read, _ in REPORTED])
def test_a_row_in_chinese_says_what_is_wrong_with_it(
    read: Callable[[Path], Iterable[Problem]], chinese: list[str], tmp_path: Path
) -> None:
    assert [refusal("zh-CN", ValueError(one.text)) for one in read(tmp_path)] == chinese


def test_no_english_is_left_in_them() -> None:
    texts = [text for _, text in REFUSED] + [text for _, some in REPORTED for text in some]
    assert not [text for text in texts if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", text, re.IGNORECASE)]
