"""Words that say little, words that deny, and Korean endings: what the grounding check knows of two languages."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


STOP = frozenset(_words(
    "a an the and or but if then so as at by for from in into of off on onto out over to up with within without "
    "about after again all also am any are aren't be been being before between both can could did do does doing "
    "down during each few further had has have having he her here hers him his how i i'd i'll i'm i've is it it's "
    "its itself just let like me more most my myself nor now one only other our ours own same she should some such "
    "than that that's their theirs them these they they're this those through too under until very was we were "
    "what when where which while who whom why will would you you'd you'll you're your yours yes yeah yep ok okay "
    "oh well hi hello hey wow really actually sure right think know guess believe there there's called known um uh "
    # Korean: pronouns, linking adverbs, bound nouns, forms of be, do and have
    "그 이 저 것 수 등 및 또 또는 그리고 그러나 하지만 그래서 그런데 나 너 우리 당신 그녀 그들 저희 내 네 제 "
    "당신의 있다 없다 이다 아니다 하다 되다 있는 하는 되는 한 할 된 된다 한다 있습니다 합니다 입니다 됩니다 "
    "했습니다 있었다 했다 되었다 였다 이었다 매우 아주 정말 더 가장 모든 어떤 이런 그런 저런 위해 대해 대한 때문에 "
    "통해 어 아 음 예 글쎄 그냥 좀 잘 다 거 때 중 더욱 바로"))

NEGATIONS = frozenset(_words(
    "no not never none nobody nothing neither nor without cannot can't don't doesn't didn't isn't aren't wasn't "
    "weren't won't wouldn't couldn't shouldn't hasn't haven't hadn't unable fail failed fails lack lacks lacked "
    "refuse refused deny denied hardly rarely seldom n't 안 못 아니 아닌 아니다 아니라 없다 없는 없이 없었다 "
    "없습니다 않다 않는 않은 않았다 않습니다 못하다 못한 못했다 절대 결코 전혀"))
NEGATED_KO = ("지 않", "지 못", "지 마", "지않", "지못", "수 없", "수없", "아니", "없", "못하")
"""Pieces of a Korean sentence that deny it, wherever they stand."""

_PAIRS = (
    "more less", "most least", "first last", "before after", "increase decrease", "increased decreased",
    "rise fall", "rose fell", "high low", "higher lower", "large small", "larger smaller", "big little", "old new",
    "older newer", "young old", "early late", "earlier later", "always never", "all none", "many few",
    "north south", "east west", "northern southern", "eastern western", "win lose", "won lost", "open closed",
    "begin end", "began ended", "start stop", "alive dead", "born died", "male female", "man woman", "men women",
    "husband wife", "father mother", "son daughter", "brother sister", "true false", "positive negative",
    "same different", "inside outside", "above below", "left right", "public private", "legal illegal",
    "possible impossible", "good bad", "best worst", "better worse", "buy sell", "hot cold", "증가 감소",
    "상승 하락", "최초 마지막", "처음 마지막", "이전 이후", "전에 후에", "많은 적은", "높은 낮은", "남자 여자",
    "남성 여성", "아버지 어머니", "동쪽 서쪽", "남쪽 북쪽", "항상 절대", "모두 아무도", "큰 작은", "시작 종료",
    "성공 실패", "찬성 반대", "합법 불법", "가능 불가능")
OPPOSITES = dict(pair for text in _PAIRS for one, other in (text.split(),) for pair in ((one, other), (other, one)))

_COUNTED = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty")
NUMBERS = {word: str(n) for n, word in enumerate(_COUNTED)} | {
    "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100", "thousand": "1000", "million": "1000000",
    "billion": "1000000000", "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5"}

PERSONS = frozenset(_words(
    "i i'm i've i'd i'll me my mine myself you you're you've your yours we us our 나 나는 내 내가 저는 제가 나의 "
    "너 너는 당신 당신은 우리 우리는"))
"""Words by which a speaker talks of himself or to the other: no document supports them."""

PARTICLES = tuple(sorted(_words(
    "은 는 이 가 을 를 의 에 에서 에게 께 께서 한테 로 으로 와 과 랑 이랑 도 만 까지 부터 마다 조차 마저 밖에 보다 "
    "처럼 같이 라고 이라고 라는 이라는 이며 며 이나 나 든지 이든지 에는 에도 에서는 에서도 으로는 로는 으로서 로서 "
    "으로써 로써 과의 와의 에게는 에게서 이란 란 인 이고 고 들 들은 들이 들을 들의 들과 "
    "들에게"), key=len, reverse=True))
ENDINGS = tuple(sorted(_words(
    "다 였다 이었다 했다 한다 하다 된다 되었다 됐다 하는 했던 하던 하고 하며 하여 해서 했고 했으며 하지 하지만 "
    "하면 하기 함 한 할 합니다 했습니다 됩니다 되었습니다 됐습니다 입니다 이었습니다 였습니다 습니다 ㅂ니다 었다 "
    "았다 었습니다 았습니다 었던 았던 되는 되어 되고 되며 되기 된 될 됨 적인 적으로 적 스러운 스럽게 하게 히 어요 "
    "아요 해요 예요 이에요 네요 는데 은데 지만 면서 려고 러"), key=len, reverse=True))

NOT_CLAIMS = "|".join((
    r"\bi (?:do not|don['’]t) (?:know|have)|\bi (?:can['’]t|cannot|could not|couldn['’]t|am not able to)\b",
    r"\bi(?: am|['’]m) (?:not sure|sorry|afraid|unable)\b|\b(?:no|not enough|insufficient) information\b",
    r"\b(?:is|was|are|were) not (?:mentioned|stated|specified|provided|given|included|available)\b",
    r"\b(?:does|do|did)(?: not|n['’]t) (?:mention|state|specify|provide|say|contain|include|give)\b",
    r"^\W*(?:please )?(?:let me know|feel free|i(?:['’]d| would) be (?:happy|glad) to|i hope (?:this|that|it)) ",
    r"^\W*(?:is there anything else|you(?:['’]re| are) welcome|thank you|thanks\b(?! to)|good (?:question|day))",
    r"^\W*(?:hi|hello|hey|sure|ok|okay|of course)\b\W*$",
    r"알 수 없|모르겠|찾을 수 없|찾지 못|확인할 수 없|나와 있지 않|언급되지 않|언급되어 있지 않|포함되어 있지 않",
    r"정보가 (?:없|부족)|답변(?:드리기|하기) 어렵|^\W*(?:죄송|안녕하세요|감사합니다|도움이 되|궁금한|추가로 궁금)"))
"""What a reply says without claiming anything: that it does not know, and courtesies at the head of a sentence."""
