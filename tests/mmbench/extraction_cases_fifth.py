"""A fifth set, harder on purpose, in three goes of 133, 143 and 113 answers; between them the rules were mended.

With the rules as they were before any of it: 198 of 213 right, 3 wrong, and 5 letters for the 174 that mean none. Each
go when it was scored first: 99 of 104 right and 1 letter for 29 that mean none; 6 letters for 143, of which 2 were
taken out since, for they may mean a choice; 101 of 109 right, 3 wrong, no letter for 4.
"""

Batch = list[tuple[tuple[str, ...], list[tuple[str, str]], list[str]]]

# Options; letters with the answers that mean them; answers that mean none.
FIFTH: Batch = [
    (("living room", "kitchen", "bedroom", "bathroom"), [
        ("B", "This photo shows a stove, a sink and some cabinets. It is most likely a kitchen."),
        ("A", "Given the sofa and TV, the living room."), ("C", "It's the bedroom, not the living room."),
        ("D", "This appears to be a bathroom with a white tub."),
        ("C", "The correct option is: **C. bedroom**\n\nReasoning: there's a bed and a nightstand.\n- A. "
            "living room: no sofa\n- B. kitchen: no stove\n- D. bathroom: no tub"),
        ("B", "Let's analyze each option:\nA. living room - There is no couch.\nB. kitchen - There is a stove "
            "and a fridge, so this fits.\nC. bedroom - No bed.\nD. bathroom - No toilet.\n\nTherefore, the "
            "answer is B."),
        ("B", "Let's look at the options.\n\n(A) living room: incorrect.\n(B) kitchen: correct.\n(C) bedroom: "
            "incorrect.\n(D) bathroom: incorrect."),
    ], [
        "garage", "a room", "The house has a kitchen and a bathroom.", "dining room", "bath", "bed",
    ]),
    (("sunny", "rainy", "snowy", "cloudy"), [
        ("A", "The weather in the picture is sunny, with a blue sky and few clouds."),
        ("C", "Since there's snow on the ground, the weather is snowy, so the answer is C."),
        ("D", "It looks cloudy, perhaps about to rain."), ("B", "rainy day"),
    ], [
        "The weather is foggy.",
    ]),
    (("playing basketball", "playing football", "playing tennis", "swimming"), [
        ("A", "The boys are playing basketball on an outdoor court."), ("D", "They're swimming."),
        ("C", "He is playing tennis; note the racket."), ("B", "playing football (soccer)"),
    ], [
        "They are playing a game.",
    ]),
    (("The man is walking", "The man is running", "The man is sitting", "The man is lying down"), [
        ("A", "The man is walking down the street with his dog."),
        ("C", "The man is sitting on a bench, whereas the woman is walking."), ("B", "B: The man is running"),
        ("D", "the man is lying down."),
    ], [
        "The man is dancing.",
    ]),
    (("New York", "Los Angeles", "San Francisco", "New Orleans"), [
        ("A", "The Statue of Liberty is in New York, so the answer is A."),
        ("C", "The Golden Gate Bridge - San Francisco"), ("D", "new orleans"), ("B", "Los Angeles, California"),
    ], [
        "Chicago",
    ]),
    (("bar chart", "line chart", "pie chart", "scatter plot"), [
        ("C", "This is a pie chart showing market shares."), ("A", "Bar chart."), ("D", "A scatter plot"),
        ("B", "It's a line chart, also known as a line graph"),
    ], [
        "It is a histogram.", "This is a chart.",
    ]),
    (("circle", "square", "triangle"), [
        ("A", "The shape is a circle."), ("B", "a square"), ("C", "The figure has three sides, so it is a triangle."),
    ], [
    ]),
    (("x + 2", "x - 2", "2x", "x / 2"), [
        ("A", "x + 2"), ("B", "The answer is x - 2."), ("C", "2x"), ("D", "So the expression equals x / 2."),
        ("B", "\\boxed{B}"),
    ], [
    ]),
    (("0°", "45°", "90°", "180°"), [
        ("C", "The angle is 90°."), ("B", "45 degrees"), ("D", "180°"),
    ], [
    ]),
    (("$5", "$10", "$15", "$50"), [
        ("A", "$5"), ("D", "It costs $50."), ("B", "The price tag says $10.00"),
    ], [
    ]),
    (("1/2", "1/3", "1/4", "2/3"), [
        ("A", "1/2"), ("D", "The fraction shaded is 2/3."), ("C", "One fourth... that is C (1/4)"),
    ], [
    ]),
    ((
        "The ball is heavier than the feather", "The feather is heavier than the ball", "They weigh the same",
    ), [
        ("A", "The ball is heavier than the feather."), ("C", "They weigh the same"), ("A", "The ball is heavier."),
    ], [
    ]),
    (("teddy bear", "rabbit", "cat", "dog"), [
        ("B", "I am confident the answer is (B) because of the long ears; the others (A, C, D) do not have "
            "these."),
        ("D", "D is correct. C would be wrong, since cats don't have such snouts."), ("C", "Correct answer: C"),
        ("C", "Correct Answer: [C] cat"), ("A", "answer is option A"), ("B", "B) rabbit is the correct answer."),
        ("D", "The animal shown is a dog. So, the correct answer is option D) dog."), ("C", "Choice C."),
        ("B", "The answer choice that best matches the image is B."), ("D", "My final answer is D"),
        ("A", "Final answer: (A)"), ("A", "I choose A: the object is a stuffed toy."),
        ("C", "Out of the options given, I'd have to say cat."), ("D", "Dogs"), ("B", "bunny rabbit"),
        ("B", "USER: what is it? ASSISTANT: B"), ("C", "<|assistant|>C<|end|>"), ("C", "<s> C </s>"),
        ("B", "Answer:\n\nB"), ("D", "The picture doesn't show a cat; it shows a dog"), ("D", "Not a cat but a dog."),
        ("B", "rabbit rabbit rabbit rabbit"), ("C", "C C C C C C"),
        ("B", "It could be argued that it's a cat, but the correct answer is B."),
        ("B", "**Final Answer:** (B) rabbit"), ("D", "## Answer: D"),
        ("C", "The answer is probably C, though I can't be entirely sure."), ("C", "If I had to guess, cat."),
        ("A", "I'm not 100% certain, but A."), ("B", "The best answer is option B - rabbit"),
        ("D", "So the final answer is: **D**"), ("B", "<answer>\nB\n</answer>"),
        ("C", "{\"choice\": \"C\", \"confidence\": 0.9}"), ("D", "Thought: it barks.\nAction: answer\nAnswer: D"),
        ("B", "A: B"), ("B", "Q: what? A: rabbit"), ("D", "The option that is correct: D."), ("C", "c"),
        ("D", "d. dog"), ("A", "A."), ("B", "It must be the second option, B"), ("C", "Option 3 (C)"),
        ("D", "I'd pick D over C."), ("D", "D rather than C"), ("C", "C, not D."),
        ("B", "Between B and C, I choose B."), ("B", "B (not C)"),
        ("A", "It resembles a teddy bear more than a rabbit."),
        ("D", "The animal has a collar, a wagging tail, and is barking: clearly a dog!"),
        ("B", "The animal in the image is a small white rabbit with pink eyes eating a carrot next to a wooden "
            "fence."),
    ], [
        "It's an animal.", "This image doesn't contain a cat.", "The image shows both a cat and a dog.",
        "I'm not sure whether this is a cat or a dog.", "Which one do you mean?",
        "A cat is a small carnivorous mammal, while a dog is a domesticated descendant of the wolf.", "E",
        "The answer is E.", "A, B", "caterpillar", "hot dog", "The picture is too dark to see the animal.",
        "I would need the image to answer.", "As a language model I cannot see a cat or dog.", "No rabbit here.",
        "There is no cat.", "Neither.", "Neither a cat nor a dog.", "It's not a cat.", "It's definitely not B.",
        "A or B or C or D?", "Options: A. teddy bear B. rabbit C. cat D. dog",
        "Please select the correct answer from the options above.",
        "Question: What animal is this?\nOptions:\nA. teddy bear\nB. rabbit\nC. cat\nD. dog\n", "cats and dogs",
        "A dog chases a cat.", "The cat is chasing the rabbit.", "Is it a cat?", "What is a cat?",
        "Could be a dog, could be a rabbit", "I'd say either B or C", "B and C are both possible.", "Vitamin C",
        "Hepatitis B", "Grade A", "A beautiful sunset over the sea.", "The answer is elephant", "The answer is none",
        "catalog", "dogma", "The answer is: ", "Answer:", "I", "...", "???", "😀", "<image>", "null", "None", "N/A",
        "Error: CUDA out of memory", "Unable to process image", "A horse is a horse, of course.",
        "I am sorry, I cannot assist with that request.", "Sorry, I can't help with identifying the breed.",
        "I have no idea", "<think>It's a cat, so C.", "<think>B</think>", "It depends.", "All of the above", "Both",
        "None of these options is correct.", "The correct answer is not listed.", "I can't choose between C and D.",
        "hmm",
    ]),
    (("red", "blue", "green", "yellow"), [
        ("B", "the sky is clear and blue"), ("C", "Green, I believe."), ("D", "It is a bright yellow color."),
        ("A", "It's not blue, green or yellow, so it must be red."), ("B", "Blue is the answer."),
    ], [
        "greenish", "The correct answer is purple.", "colorful", "It is pink", "The red, blue and green stripes",
        "orange", "There's a red car and a blue car.", "The color can't be determined", "reddish-brown", "bluebird",
        "I see green grass and a yellow sun", "not red",
    ]),
    (("Yes", "No"), [
        ("A", "Yes, they are."), ("B", "No, it is not."), ("B", "There is no dog in the image, so the answer is no."),
        ("A", "The answer to the question is yes"), ("A", "Yep, definitely yes."), ("B", "Nope."), ("A", "Yeah"),
        ("B", "No, I don't think so."), ("A", "Absolutely, yes!"), ("B", "The answer is \"No\"."),
        ("A", "I think yes"), ("B", "I would say no."), ("A", "Yes; no doubt about it."),
    ], [
        "I can't tell if there is a dog.", "There are no people in the image", "I do not know",
        "There is no way to know", "No idea.", "Not sure", "Hard to say yes or no", "Yes and no", "Yes or no?",
        "Possibly", "It is noted that", "nothing", "yesterday",
    ]),
    (("2", "3", "4", "5"), [
        ("B", "There are three cats."), ("C", "4 apples"), ("A", "Two"),
        ("D", "I see 5 of them in total: 2 on the left and 3 on the right."), ("C", "2 + 2 = 4"),
        ("D", "The number of people in the picture is five."), ("B", "3."), ("C", "Total = 4"), ("A", "2 (two)"),
        ("C", "I think there're 4, maybe 5, but my answer is 4."), ("B", "(B) 3 people"),
    ], [
        "six", "2, 3", "0", "1", "22", "2-3", "2.5", "10", "6 people", "none", "between 2 and 4", "1, 2, 3, 4, 5",
        "a few", "25", "2 or 3", "2024",
    ]),
    (("红色", "蓝色", "绿色", "黄色"), [
        ("A", "这辆车是红色的。"), ("B", "答案选择B：蓝色"), ("C", "图片中的树叶呈绿色，因此选C。"),
        ("D", "是黄色，不是红色"),
    ], [
        "紫色", "图中既有红色也有蓝色", "橙色", "红色和蓝色", "红绿灯", "不确定", "五颜六色", "红", "没有红色",
    ]),
    (("猫", "狗", "兔子", "鸟"), [
        ("A", "图片中有一只猫。"), ("B", "这张图片展示了一只可爱的狗。"), ("C", "答案：兔子。"), ("D", "我选D"),
        ("B", "B。因为它有长长的嘴巴，而猫没有。"), ("A", "A. 猫（正确）"),
        ("C", "首先，A选项猫不符合；其次，B选项狗也不符合；所以正确答案是C。"),
    ], [
        "熊猫", "作为一个AI语言模型，我无法看到图片。", "对不起，我不能回答这个问题。", "大熊猫", "狮子", "猫和狗",
        "没有猫", "不是猫", "哪一个？", "图片看不清", "热狗", "我无法确定是猫还是狗", "所有选项都不对", "动物",
        "A和C", "A、B、C、D", "请上传图片",
    ]),
    (("是", "否"), [
        ("A", "是。"), ("B", "不是"), ("A", "答案：是的"), ("B", "否，图中没有人"),
    ], [
        "是否", "不知道", "可能", "无法判断是否", "也许是",
    ]),
    (("左边", "右边", "上面", "下面"), [
        ("A", "杯子在盘子的左边。"), ("B", "位于右边，选B"), ("C", "猫在桌子上面"),
    ], [
        "在盒子里面",
    ]),
    (("The person on the left is taller", "The person on the right is taller", "They are equally tall"), [
        ("A", "The person on the left is taller."), ("B", "Comparing the two, the right person is taller, thus B."),
        ("C", "They're about the same height, i.e. equally tall."), ("C", "they are equally tall"),
    ], [
    ]),
    (("to keep food cold", "to wash clothes", "to cook meals", "to cut the grass"), [
        ("A", "A refrigerator is used to keep food cold."),
        ("D", "This is a lawn mower, whose function is to cut the grass."),
        ("C", "It is used for cooking, so option C is right."), ("B", "to wash clothes."),
        ("B", "The object in the picture is a washing machine. Its main function is to wash clothes, so the "
            "answer is B. to wash clothes."),
    ], [
    ]),
    (("Mutualism", "Predation", "Parasitism", "Competition"), [
        ("A", "The relationship shown is mutualism: both species benefit."),
        ("B", "Predation (the lion eats the zebra)."), ("C", "This isn't mutualism. It's parasitism."),
        ("D", "They compete for food, hence the correct answer is D. Competition."),
        ("B", "The relationship is one of predation rather than competition."),
    ], [
    ]),
    (("Brad Pitt", "Tom Cruise", "Tom Hanks", "Leonardo DiCaprio"), [
        ("B", "It's Tom Cruise in Top Gun."), ("D", "DiCaprio"),
        ("C", "This looks like Tom Hanks from Forrest Gump."), ("A", "The actor is Brad Pitt."),
    ], [
        "Tom", "This is Matt Damon.",
    ]),
    (("spring", "summer", "autumn", "winter"), [
        ("D", "The trees are bare and there's snow; it is winter."), ("C", "Autumn, given the orange leaves"),
        ("B", "It seems to be summer as people are at the beach."),
    ], [
        "fall",
    ]),
    (("solid", "liquid", "gas"), [
        ("A", "Ice is the solid state of water, so A."), ("C", "gas"), ("B", "It's in the liquid phase."),
    ], [
    ]),
    (("保存食物", "洗衣服", "做饭", "割草"), [
        ("A", "这是一台冰箱，它的功能是保存食物。"), ("D", "割草"), ("B", "洗衣机用来洗衣服，因此正确答案是B。"),
        ("C", "选项C，做饭。"),
    ], [
    ]),
    (("父子", "母女", "夫妻", "朋友"), [
        ("B", "照片中的两人看起来像母女。"), ("D", "他们是朋友，不是夫妻"), ("A", "A. 父子关系"), ("C", "可能是夫妻"),
    ], [
        "兄弟",
    ]),
    (("正确", "错误"), [
        ("A", "正确"), ("B", "这个说法是错误的。"), ("A", "答案：A"), ("B", "答案是错误"),
    ], [
    ]),
    (("图A更大", "图B更大", "一样大"), [
        ("B", "图B更大"), ("C", "两者一样大"), ("A", "A. 图A更大"), ("A", "答案是图A更大。"),
    ], [
    ]),
    (("A", "B", "C", "D"), [
        ("C", "C"), ("B", "The answer is B."), ("D", "The text in the box is D"),
    ], [
    ]),
    (("Group A", "Group B", "Group C"), [
        ("B", "Group B"), ("A", "A. Group A"), ("C", "The largest is Group C."),
    ], [
    ]),
    (("more than 10", "less than 10", "exactly 10"), [
        ("A", "There are more than 10 people."), ("C", "exactly 10"), ("B", "I count seven, which is less than 10."),
    ], [
    ]),
    ((
        "The man is angry because he lost", "The man is happy because he won", "The man is sad because he is alone",
    ), [
        ("B", "The man is happy because he won the race."), ("C", "He's sad because he is alone. C"), ("A", "A"),
    ], [
    ]),
    (("black", "white", "black and white", "grey"), [
        ("C", "The photo is black and white."), ("A", "The dog is black."), ("B", "white"), ("D", "D. grey"),
        ("C", "black and white"),
    ], [
    ]),
    (("for i in range(3): print(i)", "print(3)", "while True: pass", "return 3"), [
        ("B", "print(3)"), ("A", "A. for i in range(3): print(i)"),
    ], [
    ]),
    (("correct", "incorrect"), [
        ("A", "The statement is correct."), ("B", "That's incorrect."), ("B", "B"),
    ], [
    ]),
    (("True", "False"), [
        ("B", "This is not true."), ("A", "It's true that the cat is black."),
    ], [
        "Not determined", "Half true, half false", "truth", "It may be true or false",
    ]),
    (("left", "right", "above", "below"), [
        ("B", "on the right-hand side"), ("A", "The answer is left"),
        ("C", "The bird is above the tree, so C is right."), ("B", "The right answer is right."),
        ("A", "A is the right answer."),
    ], [
        "in the middle", "left and right", "I have the right to remain silent", "It's alright", "leftover",
    ]),
    (("a man", "a woman", "a boy", "a girl"), [
    ], [
        "a cat", "a person", "people", "a man and a woman", "an elderly couple", "children", "human",
    ]),
    (("happy", "sad", "angry", "neutral"), [
    ], [
        "excited", "unhappy", "mixed feelings: happy and sad", "It is hard to read her face",
    ]),
]  # fmt: skip


def cases() -> list[tuple[str, str | None, tuple[str, ...]]]:
    """Answers, the letter that each means or None, and the options in order from A."""
    return [
        case
        for options, meant, none in FIFTH
        for case in [*((text, letter, options) for letter, text in meant), *((text, None, options) for text in none)]
    ]
