"""Answers as models write them, each with the letter it means or None: four batches by hand, and one by template.

Each batch was written before the rules had been run on any of it, and scored once before it was looked at (2026-11-28):
of the first, rules were made with every second case in sight, and the others gave 273 right of 280, 1 wrong, a letter
for 3 of 90 that mean none; the second, when the rules had been mended, 297 of 312, 1 wrong, 3 of 160; the third 384 of
395, 1 wrong, none of 193; the fourth, the hardest, 221 of 237, none wrong, 13 of 170. What failed was then mended.
"""

import re
from collections.abc import Iterator

from extraction_cases_second import FOURTH, SECOND
from extraction_cases_third import THIRD, Batch, Options

Case = tuple[str, Options, str | None]

Q1 = ("teddy bear", "rabbit", "cat", "dog")
Q2 = ("泰迪熊", "兔子", "猫", "狗")
Q3 = ("red", "blue", "dark blue", "green")
Q4 = (
    "A man is riding a horse.",
    "A man is walking beside a horse.",
    "Two children are playing football.",
    "The street is empty.",
)
Q5 = ("cat", "black cat", "black cat and dog", "dog")
Q6 = ("1", "2", "12", "21")
Q7 = (3, 4)
Q8 = ("Yes", "No")
Q9 = ("True", "False")
Q10 = ("是", "否")
Q11 = ("Paris", "London", "Berlin", "None of the above")
Q12 = ("vitamin A", "vitamin B", "vitamin C", "vitamin D")
Q13 = ("left", "right", "top", "bottom")
Q14 = ("-5", "5", "0", "50")
Q15 = ("3.5 m", "35 m", "3 m", "5 m")
Q16 = ("solid", "liquid", "gas")
Q17 = ("apple", "banana", "cherry", "grape", "orange")
Q18 = ("sunny", "rainy", "snowy", "It cannot be determined from the picture")

# Of each question: its options, a letter, and answers that mean it; None for answers that mean no option.
FIRST: Batch = [
    (Q1, "A", [
        "A", "A.", "(A)", "**A**", "A. teddy bear", "A teddy bear", "a teddy bear", "(a) teddy bear", "a)", "a",
        "I think A is the best choice here.", "A is correct.", "The answer is A", "Answer: A", "It's A.",
        "The answer is A because it has fur and buttons.", "teddy-bear", "This is a Teddy Bear.", "answer is a.",
        "The correct option is (A).", "Option A", "Option A is right, since only a toy has seams.", "A!",
        "A, as the stitching shows.", "The toy in the picture is a teddy bear.", "My answer: A - teddy bear",
        "It is the teddy bear, not the dog.", "a. teddy bear", "Teddy bear.", "I'd go with A", "A: teddy bear",
        "The best description is A.", "So A it is.", "The picture shows a brown teddy bear on a chair.",
    ]),
    (Q1, "B", [
        "B", "b.", "b)", "[B]", "{B}", "<B>", "“B”", "‘B’", "「B」", "【B】", "Ｂ", "Ⓑ", "B。", "（Ｂ）", "《B》",
        "*B*", "***B***", "__B__", "$\\boxed{B}$", "\\boxed{\\text{B}}", "$$\\boxed{B}$$",
        "The answer is \\boxed{B}.", "B because the long ears are clearly visible in the upper part of the picture",
        "B since its ears are long", "B - rabbit", "B) rabbit", "B: rabbit", "(B) rabbit", "B rabbit", "rabbit (B)",
        "The answer is B.", "the answer is: b", "The answer: B", "ANSWER: B", "answer B", "Answer = B", "Ans: B",
        "The correct answer is **B**.", "The correct answer is: **(B) rabbit**", "**Answer:** B", "**Answer: B**",
        "Final answer: B", "Final Answer: **B. rabbit**", "#### B", "### Answer\nB", "Answer\n\nB", "=> B", "-> B",
        "I would choose B.", "I choose option B", "I pick B", "I'll go with B.", "My choice is B", "My guess is B.",
        "I'd say B", "I believe it's B", "I believe the answer is B", "It must be B", "Definitely B.", "Probably B",
        "Clearly B.", "It is B!", "B is the correct answer.", "B is right.", "B is the best match.", "B fits best.",
        "Option B is the most likely.", "Choice (B) is correct", "B seems to be correct", "B it is.", "option b",
        "Out of the four options, B is the best.", "Among the options, the correct one is B.", "Let me pick B.",
        "rabbit", "Rabbit", "RABBIT", "rabbit.", "\"rabbit\"", "'rabbit'", "`rabbit`", "A rabbit", "a rabbit",
        "The rabbit", "the rabbit.", "It is a rabbit.", "It's a rabbit", "This is a rabbit sitting in the grass.",
        "**rabbit**", "The correct answer is a rabbit", "The answer is rabbit.", "The answer is the rabbit",
        "Answer: rabbit", "The answer is definitely the rabbit", "The animal in the picture is a rabbit.",
        "I see a small rabbit.", "The image shows a white rabbit in a garden, which has long ears and a short tail.",
        "rabbits", "Looking at the picture, I can see long ears and a fluffy tail. So it is a rabbit.",
        "It looks like a rabbit", "Not A, but B.", "It is not a cat, but a rabbit.", "It's a rabbit, not a cat.",
        "B, not C.", "B and not C", "A is wrong, C is wrong, D is wrong, so B.",
        "The answer is not A. The answer is B.", "B rather than C", "The answer is not C, it is B.",
        "It isn't a dog or a cat. It's a rabbit.", "I would choose B over C.",
        "The best answer is C... wait, the answer is B", "C. Wait, no, B.", "Answer: D. Actually, the answer is B.",
        "I first thought it was C, but the answer is B.", "C... no, B!", "The answer is A. Hold on, it is B.",
        "It could be C or D, but I would go with B.", "Between B and C, I choose B.", "A or B? I choose B.",
        "<think>It may be C, or D.</think>B", "<think>\nThe answer is C? No.\n</think>\n\nThe answer is B.",
        "The ears... maybe C. Hmm.</think>\n\n**B**", "<think>C</think><answer>B</answer>", "<answer>B</answer>",
        "<answer> (B) </answer>", "<think>I see.</think> rabbit", "<thinking>D fits</thinking>\nB. rabbit",
        "{\"answer\": \"B\"}", "{'answer': 'B'}", "{\"choice\": \"B\", \"reason\": \"C has no long ears\"}",
        "```json\n{\"answer\": \"B\"}\n```", "{\"reason\": \"not C\", \"answer\": \"B. rabbit\"}",
        "{\"answer\": \"rabbit\"}", "A. teddy bear\nB. rabbit\nC. cat\nD. dog\n\nAnswer: B",
        "The options are A, B, C and D. The answer is B.",
        "Let's look at each option. A shows a toy, C shows a cat and D shows a dog. The answer is B.",
        "A: no. The fur is real.\nC: no.\nD: no.\n\nTherefore, the answer is B.", "Step 1: look. Step 2: decide.\nB",
        "Reasoning: the animal has long ears.\nConclusion: B",
        "The long ears are those of a rabbit, so the answer is B.",
        "B\n\nThe animal has long ears. A cat has short ones.", "B.\nExplanation: C and D have short ears.",
        "B. The animal has long ears, unlike the cat in C.", "Sure! The answer is B.", "Sure, here is my answer: B",
        "I'm not completely sure, but the answer is B.", "I can't see it well, but my best guess is B.", "B?", "B ✓",
        "☑ B", "答案是B", "答案：B", "答案为B。", "选B", "我选B", "应该选B", "正确答案是B", "正确选项为 B", "B选项",
        "选项B", "B项正确", "B是正确的", "选择B。", "答案是（B）", "答案：【B】", "故选B", "因此，答案是B。",
        "所以选 B", "B，因为耳朵很长", "B、兔子", "本题选B", "不是A，而是B", "不选C，选B", "正确的选项是B",
        "我认为是B", "我觉得选B", "综上所述，答案为B", "答案B", "B<|im_end|>", "B</s>",
        "<|begin_of_box|>B<|end_of_box|>", "Assistant: B", "B\n", "  B  ", "B .", "'B.'", "\"B.\"", "(B).",
        "Correct answer: B", "Correct choice: B", "Correct: B", "The right answer would be B.",
        "The answer should be B.", "The answer would be option B, the rabbit.", "The most appropriate option is B.",
        "The option that fits is B.", "Based on the picture, the correct answer is option B.",
        "I am confident that the answer is B.", "Thus, B.", "Hence the answer is (b).", "Selected option: b",
        "Choose b", "b because of the ears", "I think b is correct", "The answer to the question is B.",
        "The answer to this question is a rabbit.", "The letter is B.", "Label: B", "The answer is letter B.",
        "The correct answer is option (B), rabbit.", "The correct answer is rabbit (B).",
    ]),
    (Q1, "C", [
        "A cat", "A cat sits on the mat", "A cat.", "option c", "(c)", "C.", "c", "The answer is C",
        "The answer is cat", "A cat is in the picture.", "It's a cat!", "The answer is clearly the cat",
        "Answer: a cat", "C (cat)", "cat - C", "It can't be a dog, so it must be a cat.", "cats",
        "The animal is not a dog. It is a cat.", "I think C is right.", "C because D is wrong",
        "There is no dog here, just a cat.", "My answer is the cat", "C; the whiskers give it away",
    ]),
    (Q1, "D", [
        "D", "D D", "The answer is D. dog", "The answer isn't B, the answer is D", "Not B, but D", "Not B but D",
        "The best answer is B... wait, the answer is D", "d", "D. A dog", "D. It is a dog, not a cat.", "A dog",
        "a dog, I think", "The answer is dog because it barks", "That would be the dog.", "Dog!",
        "It's definitely D", "B is not correct, D is.", "答案不是B，而是D", "答案不是B，是D",
        "I rule out A, B and C. D is correct.", "I eliminated A and B. C is wrong. The answer must be D.",
        "The answer is neither A nor B. It is D.",
    ]),
    (Q2, "A", ["泰迪熊", "这是一个泰迪熊", "A. 泰迪熊", "答案是泰迪熊", "图中是泰迪熊。"]),
    (Q2, "B", [
        "兔子", "这是一只兔子。", "图中的动物是兔子", "答案是兔子", "B. 兔子", "选兔子", "兔子，因为耳朵很长",
        "不是猫，是兔子", "答案：兔子", "B：兔子", "图片中有一只白色的兔子，坐在草地上。", "正确答案是B，兔子",
        "<think>可能是猫</think>兔子",
    ]),
    (Q2, "C", [
        "猫", "是猫", "一只猫", "答案是猫。", "图中是一只猫", "这是猫，不是狗。", "C", "选C。", "我认为答案是C",
    ]),
    (Q2, "D", ["狗", "一只狗。", "不是猫，而是狗", "答案是B……等等，不对，答案是D", "答案是D，因为它在叫", "D 狗"]),
    (Q3, "B", ["blue", "The answer is blue", "It is blue.", "The correct answer is blue.", "Blue, of course"]),
    (Q3, "C", ["dark blue", "The car is dark blue.", "The answer is dark blue", "It's dark blue, not red."]),
    (Q3, "D", ["The answer is green", "green", "definitely green", "D", "It's not blue, it's green."]),
    (Q3, "A", ["The answer is red", "A. red", "red", "The colour is red."]),
    (Q4, "A", [
        "A man is riding a horse.", "A man is riding a horse", "The man is riding a horse.",
        "The answer is A man is riding a horse.", "riding a horse", "A. A man is riding a horse.",
        "The picture shows that a man is riding a horse.", "A",
    ]),
    (Q4, "B", [
        "A man is walking beside a horse", "B. A man is walking beside a horse.", "walking beside a horse", "B",
    ]),
    (Q4, "C", [
        "Two children are playing football.", "C", "two children are playing football",
        "children playing football: C",
    ]),
    (Q4, "D", [
        "The street is empty.", "the street is empty", "D. The street is empty",
        "The answer is that the street is empty.",
    ]),
    (Q5, "A", ["cat", "a cat", "The answer is cat", "A"]),
    (Q5, "B", ["black cat", "a black cat", "It is a black cat.", "The answer is black cat."]),
    (Q5, "C", ["black cat and dog", "a black cat and a dog", "The answer is: black cat and dog"]),
    (Q5, "D", ["dog", "The answer is dog.", "a dog"]),
    (Q6, "A", ["1", "The answer is 1.", "There is 1 person.", "A"]),
    (Q6, "B", ["2", "There are 2 people", "The answer is 2", "two", "There are two."]),
    (Q6, "C", [
        "12", "There are 12 people.", "The answer is 12.", "**12**", "twelve", "\\boxed{12}", "一共有12个人",
        "C. 12",
    ]),
    (Q6, "D", ["21", "The answer is 21", "D. 21", "21 people", "It's 21, not 12."]),
    (Q7, "A", ["3", "3.", "The answer is 3", "three", "A. 3"]),
    (Q7, "B", ["4", "There are 4.", "B", "four", "答案是4"]),
    (Q8, "A", [
        "Yes", "yes", "Yes.", "Yes, it is.", "Yes, there is a dog.", "The answer is yes.", "YES!", "Answer: Yes",
        "A. Yes", "A", "Yes, because the sky is blue.", "The correct answer is A: Yes", "**Yes**",
        "Yes, there is no cat in the picture.",
    ]),
    (Q8, "B", [
        "No", "no", "No.", "No, it isn't.", "No, there is not.", "The answer is no.", "Answer: No", "B. No", "B",
        "No!", "**No**", "No, the man does not wear a hat.", "The answer is No, since nobody is there.",
    ]),
    (Q9, "A", ["True", "true.", "The answer is true", "The statement is true."]),
    (Q9, "B", ["False", "It is false.", "B. False", "false"]),
    (Q10, "A", ["是", "是的", "答案：是", "A", "是的，有一只猫。"]),
    (Q10, "B", ["否", "否。", "答案是否", "B", "答案：否"]),
    (Q11, "A", ["Paris", "It is Paris.", "A. Paris", "The city is Paris, not London."]),
    (Q11, "B", ["London", "London, because of Big Ben", "The answer is London."]),
    (Q11, "D", [
        "None of the above", "none of the above.", "The answer is none of the above", "D. None of the above", "D",
        "None of the above is right.",
    ]),
    (Q12, "A", ["vitamin A", "Vitamin A is found in carrots.", "The answer is vitamin A.", "A. vitamin A"]),
    (Q12, "B", ["vitamin B", "It is vitamin B", "B"]),
    (Q12, "C", ["Vitamin C", "The answer is vitamin C", "C", "vitamin C, not vitamin D"]),
    (Q12, "D", ["vitamin D", "Vitamin D.", "The answer is D", "It's vitamin D!"]),
    (Q13, "A", ["left", "on the left", "The dog is on the left.", "The right answer is left", "A"]),
    (Q13, "B", [
        "right", "The cat is to the right of the dog.", "The answer is right.", "B. right", "on the right side",
    ]),
    (Q13, "C", ["top", "At the top", "The answer is top", "C"]),
    (Q13, "D", ["bottom", "It is at the bottom.", "D", "the bottom"]),
    (Q14, "A", ["-5", "The answer is -5", "A", "x = -5"]),
    (Q14, "B", ["5", "x = 5", "The answer is 5."]),
    (Q14, "C", ["0", "x = 0"]),
    (Q14, "D", ["50", "50%"]),
    (Q15, "A", ["3.5 m", "The height is 3.5 m.", "A. 3.5 m"]),
    (Q15, "B", ["35 m", "35 m tall"]),
    (Q15, "C", ["3 m", "about 3 m"]),
    (Q15, "D", ["5 m", "D"]),
    (Q16, "A", ["solid", "A solid.", "It is a solid", "Ice is a solid", "A"]),
    (Q16, "B", ["liquid", "Water is a liquid.", "a liquid, since it flows", "The answer is B"]),
    (Q16, "C", ["gas", "It's a gas.", "C", "The substance is not solid; it is a gas."]),
    (Q17, "A", ["apple", "An apple", "an apple.", "The answer is an apple", "A"]),
    (Q17, "B", ["banana", "bananas", "B"]),
    (Q17, "D", ["a grape", "grapes", "D. grape"]),
    (Q17, "E", [
        "E", "The answer is E", "orange", "An orange.", "(E)", "e", "E. orange", "The answer is the orange", "选E",
    ]),
    (Q18, "A", ["sunny", "It is sunny.", "The weather is sunny"]),
    (Q18, "C", ["snowy", "C. snowy"]),
    (Q18, "D", ["It cannot be determined from the picture", "It cannot be determined from the picture.", "D"]),
    (Q1, None, [
        "", " ", "nan", "None", "...", "?", "-", "Z", "I choose Z", "The answer is Z.", "B or C", "B/C", "A B C D",
        "A, B, C, D", "A, B", "B and C", "either B or C", "It is either B or C.", "The answer is B or C.",
        "Maybe B, maybe C", "Both A and B", "A, C and D", "The answer is both B and C.", "cat or dog",
        "a cat or a dog", "a cat and a dog", "It may be a cat, or a dog.", "The answer is blue", "blue",
        "scattered toys", "The answer is elephant.", "an elephant", "A bird flies by.", "A horse",
        "The answer is a horse", "The answer is not B", "It is not B.", "not B", "It isn't a rabbit.", "Not a cat",
        "B is wrong.", "B is incorrect.", "Option B is not correct", "I don't think it's B", "Neither B nor C.",
        "不是B", "答案不是B", "B不对", "排除B", "Cannot determine the answer from B", "Cannot determine the answer",
        "I cannot determine the answer.", "I don't know", "I do not know.", "I'm not sure.", "Not sure",
        "I have no idea", "Sorry, I can't help with images of people yet.", "I can't process this file.",
        "I'm sorry, but without the image provided I cannot answer.", "I am unable to see the image.",
        "As an AI language model, I cannot view images.", "Failed to obtain answer via API.", "None of the above",
        "None of the options", "None of these are correct.", "All of the above",
        "There is not enough information to answer.", "N/A", "Unknown", "无法确定", "我不知道", "无法判断。",
        "抱歉，我无法回答这个问题。", "以上都不对", "B或C", "B和C", "A、B、C、D", "不确定", "没有正确答案",
        "<think>I think the answer is B", "<think>B or C?</think>", "<think>The answer is B.</think>", "Hello!",
        "The image shows a street.", "What is in the picture?", "A. teddy bear\nB. rabbit\nC. cat\nD. dog",
        "A. teddy bear B. rabbit C. cat D. dog", "The options are A, B, C and D.", "Is it B or D?",
        "Vitamin C is healthy.", "catalog", "dogma", "concatenate", "It is 25°C outside.",
        "I would need to see the image first.", "Let me think about it.", "The answer is", "Answer:",
        "I refuse to answer.", "It could be any of them.", "The answer is unclear.", "Please provide the image.",
        "\\boxed{}", "{\"answer\": null}", "{\"answer\": \"\"}", "The answer is B. Wait, that is wrong.",
        "The answer could be B. It could also be C.", "A lot of things are in the picture.",
        "The cat is chasing the dog.", "I cannot say whether the answer is B.",
        "If the answer is B, then C is wrong.", "See figure B-2.", "The U.S.A. is big.", "C++ is a language.",
        "He got a B+ in maths.", "Plan B failed.", "I am a language model.", "e.g. this", "bcd", "ABCD", "BC",
    ]),
    (Q2, None, [
        "熊猫", "热狗", "猫和狗", "猫或者狗", "不是猫", "无法判断图中是猫还是狗", "大象", "这不是兔子", "看不清",
        "既不是猫也不是狗",
    ]),
    (Q8, None, [
        "I do not know", "yesterday", "nope-ish", "I cannot tell.", "nothing", "There is no way to know.", "No idea",
        "Yes and no", "Yes or no?", "notable", "yes/no",
    ]),
    (Q6, None, ["3", "112", "1 or 2", "2012", "The answer is 7.", "1212", "between 1 and 12", "1.5", "It is 12.5"]),
    (Q3, None, ["yellow", "red and green", "blueberry", "greenish", "coloured", "not red"]),
    (Q11, None, ["Madrid", "Paris or London", "parish", "I cannot tell", "I don't know which city it is."]),
    (Q13, None, ["in the middle", "leftover", "copyright", "left or right", "stop"]),
    (Q18, None, ["cloudy", "I don't know", "sunny or rainy", "It is not sunny."]),
    (Q12, None, ["vitamin E", "vitamins", "iron", "not vitamin C"]),
    (Q4, None, ["A man", "A woman is running.", "The horse is brown.", "football"]),
]  # fmt: skip

# X is a label and TEXT its option's text.
TEMPLATES = (
    "X", "X.", "(X)", "X) TEXT", "X. TEXT", "**X. TEXT**", "The answer is X.", "The answer is X: TEXT",
    "The correct answer is X, because TEXT fits.", "I would say X", "Answer: X\nReason: it fits.", "option X",
    "Thus the answer is X", "TEXT", "The answer is TEXT.", "The correct answer is TEXT", "Final answer: TEXT",
    "答案是X。", "正确答案：X", "选X", "\\boxed{X}", "<think>hmm</think>X", "{\"answer\": \"X\"}",
    "X. TEXT is correct", "After a careful look at the picture, I conclude that the correct option is X.",
    "The answer is \"TEXT\".", "X because it fits the picture",
)  # fmt: skip
TEMPLATED: tuple[Options, ...] = (Q1, Q3, Q6, Q8, Q11, Q12, Q13, Q16, Q5, Q17)


def cases() -> Iterator[Case]:
    """Answer, options, and the letter meant."""
    for options, letter, answers in [*FIRST, *SECOND, *THIRD, *FOURTH]:
        yield from ((answer, options, letter) for answer in answers)


def templated() -> Iterator[Case]:
    for options in TEMPLATED:
        for letter, option in zip("ABCDE", options, strict=False):
            for template in TEMPLATES:
                yield _filled(template, letter, str(option)), options, letter


def _filled(template: str, letter: str, text: str) -> str:
    return re.sub(r"TEXT|(?<![A-Z])X", lambda one: letter if one.group() == "X" else text, template)
