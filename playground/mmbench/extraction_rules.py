"""What `extraction_robust` asks of an answer: its rules, and the patterns they look for in the answer's shadow.

Every pattern is linear in the answer: what may repeat is bounded, or possessive and told apart by its first sign.
"""

import re

from playground.mmbench.extraction_mentions import ANY, LABEL, MANY, POLAR, TEXT, WEAK, marked

__all__ = [
    "ASKED", "ASKS", "BACK", "CLAIM", "CLAIM_AFTER", "DENIED", "DENIED_AFTER", "FINAL", "HEAD", "HEAD_TEXT", "HEDGED",
    "HINT", "JOINED", "JUST_Z", "LISTED", "MAYBE", "NEAR_END", "NEXT", "REFUSAL", "RULES", "SAME", "SO", "THOUGHT",
    "TOGETHER", "TOKENS", "WHOLE", "WITHDRAWN",
]  # fmt: skip

RULES = {  # in the order in which they are asked; a thought before the answer is no answer and is cut off first
    "empty": "There is no answer.",
    "unfinished": "The answer ends within a thought.",
    "withdrawn": "The answer calls wrong what it said, and names nothing after that.",
    "final": "A box, an answer tag or a field named answer is where a model was told to put its choice.",
    "claim": "A sentence says of an option that it is the answer; of two such sentences a later conclusion counts.",
    "refusal": "The answer says that it cannot or will not choose, and claims nothing.",
    "head": "An answer that begins with a label or a whole option text states it and then explains.",
    "tail": "An answer that ends with a label or an option text alone concludes with it.",
    "label": "One label is named and not denied.",
    "text": "One option's text stands in the answer, word for word and not denied, the longest where texts overlap.",
    "part": "The whole answer is most of one option's words, a surname, or such words in the plural or as a number.",
    "several": "Several options are named without preference: none is taken.",
    "nothing": "No option is named, or only to deny it.",
}


def _of(*words: str) -> str:
    """A choice of these words, phrases with a + for the blank."""
    return "|".join(one.replace("+", " ") for text in words for one in text.split())


def _pattern(*parts: str) -> re.Pattern[str]:
    return re.compile("".join(parts), re.IGNORECASE)


# An answer before its mentions are marked.
THOUGHT = _pattern(
    r"<(/?)(?:think|thinking|thought|reasoning|analysis|reflection)>|◁(/?)think▷|<\|channel\|>(analysis|final)"
)
TOKENS = _pattern(r"<\|(?!begin_of_box)[a-z_]{1,30}\|>|</?s>|<(?:eos|bos|pad|end_of_turn)>")
NEXT = _pattern(r"\n[\s#*]{0,8}+(?:question|user|human|问题|用户)[\s*]{0,4}+:")
HINT = _pattern(r"\s*+(?:hint|提示)")
JUST_Z = _pattern(r"\W*+(?:(?:the answer is|answer|i (?:choose|pick))\W++)?Z\W*+")

LABELS, TEXTS = marked(LABEL, WEAK), marked(TEXT, POLAR)
CHOSEN = f"[{ANY[1:-1]}{MANY}]"
SMALL = _of(
    "the a an one to be is was it's its it that's that this of in for my your would should must probably most likely",
    "definitely clearly certainly simply just actually indeed therefore thus really very option options choice choices",
    "answer letter label number correct right best final here question image picture based on given with as animal",
    "object only obviously surely both either among these following",
    "选项? 应该? 就 为 是 最 正确 的 答案 字母 一个 一只 这个 该 可能 显然 故 所以 应当 会 我 觉得 认为 选择",
)
GAP = r"[\s:=>*_\"'`(\[{$\\~-]"
FILL = rf"(?:{GAP}|\b(?:text|mathrm|mathbf|textbf|rm|begin_of_box)\b|<[a-z]{{1,8}}>|(?<![a-z])(?:{SMALL})(?![a-z]))"
FEW = rf"(?:{GAP}++|{FILL}){{0,14}}+"  # what may stand between "answer" and the option
HELP = _of(
    "is are was were 's can could may should would does do did has must cannot can't isn't aren't wasn't doesn't",
    "don't didn't couldn't shouldn't won't wouldn't hasn't seems looks appears sounds",
)
NOT = _of("isn't aren't wasn't doesn't don't didn't can't cannot couldn't won't wouldn't shouldn't hasn't")

# Mentions that are one: a label beside a text, options in one breath.
SAME = _pattern(
    rf"({ANY})((?:[\s.,:;()\[\]\-=*_\"'`]|\b(?:the|a|an|is|which|shows?|represents?|namely|选项|项|是)\b){{0,9}}+)({ANY})"
)
JOINED = _pattern(r"[/&|]|\b(?:or|and|nor|vs|versus|to|through)\b|或|和|与|及|还是")
OTHER = (
    r"(?:(?:or|and|maybe|perhaps|possibly|even|also|option|choice|the|a|an|either|both|选项)\b\s*+|或者?|可能是?){0,3}+"
)
ITS = _of("is isn't doesn't fits matches looks seems must would best alone remains stays works was has")
TOGETHER = _pattern(
    rf"({CHOSEN})((?:\s*+(?:(?:,\s*+)?(?:[/&|]|\b(?:or|and|nor|vs\.?|versus|to|through)\b|或者?|和|与|及|还是|以及)\s*+{OTHER}{CHOSEN}|",
    # A comma or a blank joins, unless the next one has a predicate of its own: "of A, B and C, B is right".
    rf"[,;]?\s*+{OTHER}{CHOSEN}(?!\s*+(?:{ITS})\b)))+)",
)

# Denials: before an option, with small words between; after it, as its predicate.
DENIED = _pattern(
    r"(?:\b(?:not|never|neither|nor|no|without|excluding|except|besides|than|unlike|whether|if|(?:can)?not be|",
    r"rul(?:e|es|ed|ing) out|eliminat(?:e|es|ed|ing)|exclud(?:e|es|ed)|reject(?:s|ed|ing)?|instead of|other than|",
    r"as opposed to|discard(?:ed)?|dismiss(?:ed)?|against|incorrect(?:ly)?|wrong|hardly|barely|",
    r"(?<!no )(?<!without )doubt(?:s|ed|ful)?|disagree with|(?:anything|everything|all) but|",
    r"less (?:likely|plausible))|n't|",
    r"不是|不选|不应该?选?|不可能|不会|并非|并不|而非|排除|除了|没有|没看到|别选|不)(?![a-z])",
    rf"(?:[ \t*\"'(:]++|(?<![a-z])(?:{SMALL}|",
    _of(
        "think thinks believe say sure certain convinced chosen? choose pick select go any there are see seem seems",
        "look looks like quite necessarily or confirm agree have has show shows contain i we he than selecting",
        "choosing 所谓 说",
    ),
    rf")(?![a-z])){{0,12}}+({CHOSEN})",
)
DENIED_AFTER = _pattern(
    rf"({CHOSEN})[\s)\"'*.]*+(?:(?:option|answer|choice|选项|项|这个)\s*+)?(?:\([^()]{{0,40}}\)\s*+)?(?:",
    rf"(?:(?:{HELP})\s++){{1,2}}+",
    rf"(?:(?:{_of('be also clearly definitely obviously therefore likely all both just completely simply the a an')}|",
    r"factually|probably|actually)\s++){0,3}",
    r"(?:(?:not|never|wrong|incorrect|false|out|no)\b|inaccurate|invalid|ruled out|eliminated|excluded|unlikely|",
    r"impossible|irrelevant|implausible|absent|missing)|",
    r"[:=\-]\s*+(?:no\b|wrong|incorrect|false\b|not (?:correct|right|true))|\((?:wrong|incorrect|false)|",
    rf"(?:{NOT})\b|[✗✘❌×]|(?:是|显然|明显|都|也|肯定|则|就)?",
    rf"(?:{_of('不对 不正确 不符 不是 不成立 不可能 不在 错误 错 有误 可以?排除 被排除 并不 没有')}))",
)

# A question, when it is not all that is said, is no answer.
ASKED = _pattern(rf"({CHOSEN})[\s)\"'*]*+\?(\s*+(?:no|nope|not)\b)?")
ASKS = _pattern(r"\W*+(?:", _of("is are was do does did can what which who where why how"), r")\b[^.!?\n]*+\?\W*+")

# What says of an option that it is the answer.
FINAL = _pattern(
    r"(?:\\boxed|<answer>|<\|begin_of_box\|>|####|[\"'](?:",
    _of("answer choice option final_answer final+answer label prediction letter correct_answer 选项 答案"),
    rf")[\"']\s{{0,3}}:){FEW}({CHOSEN})",
)
SAID = _of(
    "is are was 's would+be should+be must+be has+to+be will+be being be remains to+be seems+to+be appears+to+be as"
)
CLAIM = _pattern(
    r"(?:(?:\b(?:",
    _of("answer choice option selection guess bet vote conclusion response solution prediction pick verdict candidate"),
    r"|match|description)(?:\s++(?:here|(?:to|for) (?:this|the) question|(?:among|from|of) the options))?",
    rf"(?:'s\b|[\s*_\"')]*+(?::|=|->|=>|\b(?:{SAID})\b)))|\banswer\b|\b(?:",
    _of("choose chose chosen choosing select selected selecting pick picked picking go(?:ing)?+with went+with prefer"),
    r"|go(?:ing)? for|opt(?:ing)? for|settle (?:on|for)|lean(?:ing)? (?:to|towards?)|vote for|favou?r|",
    r"stick(?:ing)? with|conclude(?: that)?|points? to|must be|i(?:'d| would) say|boils down to|leaves(?: us with)?|",
    r"left with|answered)\b|答案应?该?[是为选:]?|选择?|应选|应该是|应为|我认为是?|",
    r"[+\-*/×÷][^=\n]{1,12}=|",
    r"正确(?:的)?(?:选项|答案)?[是为:]|故|判断[是为]|",
    rf"(?:\b(?:statement|claim|assertion) is|(?:说法|陈述|描述|句话)是?)(?=\s*+{marked(POLAR)})|",
    rf"\bit(?:'s| is)(?=\s++{marked(POLAR)}\s++that\b))",
    rf"{FEW}({CHOSEN})",
)
CLAIM_AFTER = _pattern(
    rf"({CHOSEN})[\s)\"'*.]*+(?:(?:option|answer|choice|选项|项)\s*+)?(?:",
    r"(?:(?:is|was|would be|must be|should be|has to be|will be|seems|looks|appears|=|->)\s++)(?:(?:",
    _of("the a an to be my more by far also so most clearly definitely only indeed obviously probably one certainly"),
    r"|therefore|thus|that|single|actually|really|final)\s++){0,6}+(?:",
    _of("correct right best answer choice option true likely it accurate fitting match plausible suitable appropriate"),
    r"|better|guess|pick)\b|(?:it is|it must be)\b|[✓✔✅]|\((?:correct|right|true)\)|",
    r"(?:of (?:them|these) )?(?:in total|altogether)\b|",
    rf"[:\-]\s*+(?:correct|right|true|yes)\b|(?<!{marked(WEAK)} )(?:best (?:describes|matches|fits|represents)|",
    r"fits|matches|wins|makes (?:the )?(?:most|more)? ?sense)\b|(?:是|为)?最?(?:正确|对(?![应比面着])|合适|符合))",
)
MAYBE = _pattern(
    r"(?:could|might|may|can)(?: also)? be|possibl[ey]|at first|initially|first (?:glance|thought)|some (?:say|people)"
)
SO = _pattern(
    r"\b(?:",
    _of("so therefore thus hence final finally overall in+conclusion ultimately in+the+end but however instead"),
    r")\b|综上|因此|所以|最终|最后|但|故",
)

# What takes back.
BACK = _pattern(
    r"(?:^|[.,;:!?\n(\-])\s{0,4}+(?:but\s++|oh\s++|hmm,?\s++|no,?\s++)?(?:wait|hold on|scratch that|correction|i mean|",
    r"on (?:second thoughts?|reflection|closer (?:look|inspection))|let me (?:reconsider|re-?think|correct|re-?check)|",
    r"oops|actually|rather|sorry|i (?:made|was) (?:a mistake|an error|wrong|mistaken)|no(?=,)|no wait|my mistake|",
    r"upon (?:reflection|closer)|looking again)\b|",
    r"\b(?:thought|initially|at first|going to say|first glance|looked like|seemed)\b[^.\n]{0,80}?\bbut\b|",
    r"[,.]不[,.]|等等|等一下|不对|更正|重新(?:考虑|看|想)|我(?:说|看|搞|弄)?错了|仔细看",
)
WITHDRAWN = _pattern(r"\b(?:wrong|incorrect|mistake|not (?:right|correct|it))\b|\bno[.!\s]*+$|错|不对")

REFUSAL = _pattern(
    r"\b(?:can(?:no|')t|can not|cannot|couldn't|could not|(?:(?:am|'m|was|is|it's|are) )?(?:not able|unable) to|",
    r"impossible to|hard to|difficult to|refuse to|won't|will not)\s++(?:\w++\s++){0,2}",
    r"(?:be (?:determined|answered|identified|sure)|",
    _of(
        "determine answer tell see view identify help assist process provide say decide choose access make",
        "recogni[sz]e give comply conclude select pick discern infer know figure open load find discuss analy[sz]e",
        "confirm understand read do",
    ),
    r")\b|\b(?:do(?:n't| not) (?:know|have|see)|not sure|unsure|uncertain|as an ai|insufficient|",
    r"not sufficient|not enough|no way to|no one can|",
    rf"no (?:{_of('idea answer clue image picture option correct valid suitable choice')})|",
    rf"not (?:{_of('available provided visible applicable listed possible clear')})|none of|neither of|any of|",
    r"all of (?:them|the above|these)|without the (?:image|picture)|failed to|give up|unanswerable|n/a|unknown|",
    r"undetermined|unclear|decline to|skip this|error)\b|",
    _of(
        "无法 不能 不知道 不确定 抱歉 对不起 没有(?:正确|合适|给出|提供|图|看到图|符合) 都不 以上都 以上皆 均不 不清楚"
    ),
    "|",
    _of("看不 难以 不足 不明确 拒绝 不好说 说不准 未提供"),
)

HEDGED = _pattern(
    r"\b(?:but|maybe|perhaps|probably|possibly|though)\b,?",
    r"(?: i(?:'d| would)? (?:think|guess|say|believe|choose|pick)\b)?",
    rf"{FEW}{ANY}",
)

# Where in the answer an option stands.
_BEFORE = r"[\s*_\"'`#>(\[\-]*+"
HEAD = _pattern(
    rf"{_BEFORE}(?:(?:(?:option|choice|answer|the|a|an|it's|it is|it|is|its|选项?|是|这是|图中是|一只)\b|选|是)\s*+)",
    r"{0,4}+",
    rf"({LABELS})[^\S\n]*+[)\]\"'*`]*+[^\S\n]*+(?:$|[.,:;!?)\n\-]|\b(?:",
    _of("because since as for due given is seems looks fits it i the which shows"),
    r")\b|因为|由于|项|选项)",
)
HEAD_TEXT = _pattern(
    rf"{_BEFORE}(?:(?:well|hmm|oh|ok|okay|sure)\b)?[\s,.!]*+(?:but\s++)?(?:(?:the|a|an)\s++)?",
    rf"({TEXTS})\s*+[)\]\"'*`]*+(?:$|[.,:;!?\n\-]|",
    r"\b(?:",
    _of("it there they this he she that because since the of+course sir i we definitely indeed absolutely"),
    r")\b|因为|的|图|它|这)",
)
LISTED = re.compile(rf".{{0,3}}[\n,;.]\s{{0,4}}+{LABELS}\s*+(?:[.):]|$|\n)", re.DOTALL)
NEAR_END = _pattern(
    rf"(?:[\n.:;!?,=>]|\b(?:so|thus|therefore|hence|conclusion|is|be|like|say)\b|因此|所以|故|综上|是){FEW}$"
)
WHOLE = _pattern(rf"(?:[^\w\ue000-\uf000]|(?<![a-z])(?:{SMALL}|i|i'd|think|guess|say|believe)(?![a-z]))*+{ANY}\W*+")
