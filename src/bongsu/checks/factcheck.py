"""The claims of a reply looked up among those that fact checkers have rated (Google's Fact Check Tools API).

A search finds what is near; only a reviewed claim that says the same counts, which ``grounding``'s weights measure in
both directions, so that "it does not cause it" is not refuted by a rating of "it causes it". A claim that nobody has
reviewed, or whose rating is in no scale, is not judged: silence is no sign that it is wrong.

The contract: https://developers.google.com/fact-check/tools/api/reference/rest/v1alpha1/claims/search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import fmean
from typing import Any, ClassVar
from urllib.parse import urlsplit

from bongsu.checks.factcheck_ratings import RATINGS, plain, share, unknown
from bongsu.checks.grounding import claims, weights
from bongsu.checks.grounding_map import ground
from bongsu.ports import Finding
from bongsu.support import JudgeError, Place, Support

GOOGLE = "https://factchecktools.googleapis.com"
LONGEST = 300
"""Characters of a claim that are asked about: it travels in an address."""
PAGE = 10
_HERE = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Factcheck:
    """Finds (kind ``disputed``) the claims of a reply that fact checkers rated below ``threshold``, 0 false to 1 true.

    The service behind ``url`` speaks Google's ``claims:search``; ``key`` is sent as a header, never in an address. The
    first ``most`` claims are asked about, with what is personal hidden, one request each: give the guard a ``sample``.
    ``alike`` is how surely a reviewed claim must say the same. ``ratings`` add to, or change, what a publisher's words
    mean; ``language`` (``ko``) asks for reviews in that language only; ``region`` is where the service is, for borders.
    """

    name: ClassVar[str] = "factcheck"
    version: ClassVar[str] = "1"

    key: str = ""
    url: str = field(default=GOOGLE, metadata={"form": "url"})
    threshold: float = 0.5
    alike: float = 0.8
    most: int = 5
    language: str = ""
    region: str = ""
    ratings: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("threshold", "alike"):
            if not 0 < (came := getattr(self, name)) < 1:
                raise ValueError(f"{name}: expected a number between 0 and 1, came {came}")
        if not 1 <= self.most <= 20:
            raise ValueError(f"most: expected 1 to 20 claims, came {self.most}")
        for rating, came in self.ratings.items():
            if not 0 <= came <= 1 or not plain(rating):
                raise ValueError(f"ratings: expected words and a number from 0 (false) to 1 (true), came {rating!r}: "
                                 f"{came}")
        at = urlsplit(self.url)
        if self.url.rstrip("/") == GOOGLE and not self.key:
            raise ValueError("key: expected a secret reference such as secret://env/FACTCHECK_KEY, came none; Google "
                             "asks for a key")
        if self.key and at.scheme != "https" and at.hostname not in _HERE:
            raise ValueError("url: expected https, came http; the key goes with every question")

    def look(self, text: str) -> Sequence[Finding]:  # noqa: ARG002 (the port's shape)
        """Nothing: claims are looked up once the reply is whole."""
        return ()

    def hold(self, text: str) -> int:  # noqa: ARG002 (as above)
        return 0

    def asks(self, text: str) -> Sequence[Place]:
        """The claims that are looked up.

        >>> Factcheck("secret://env/K", most=1).asks("The Earth is flat. The Moon is cheese.")
        [(0, 18)]
        """
        return list(islice(claims(text), self.most))

    def query(self, claim: str) -> Mapping[str, str]:
        """What the service is asked of a claim, in which what is personal is hidden.

        >>> Factcheck("secret://env/K", language="ko").query("지구는 평평하다.")
        {'query': '지구는 평평하다.', 'pageSize': '10', 'languageCode': 'ko'}
        """
        asked = {"query": claim[:LONGEST], "pageSize": str(PAGE)}
        return asked | ({"languageCode": self.language} if self.language else {})

    def rated(self, text: str, answers: Sequence[tuple[Place, Any]]) -> Support:
        """What the service's answers mean of a text: the score is that of its worst claim, None where nothing of it was
        rated. Raises ``JudgeError``, which quotes nothing.

        >>> answer = {"claims": [{"text": "The earth is flat", "claimReview": [{"textualRating": "False"}]}]}
        >>> Factcheck("secret://env/K").rated("The Earth is flat.", [((0, 18), answer)])
        Support(score=0.0, findings=(Finding(kind='disputed', start=0, end=18, score=1.0, instead=''),), unread=())
        """
        table = {**RATINGS, **{plain(rating): value for rating, value in self.ratings.items()}}
        scores: list[tuple[Place, float]] = []
        unread: dict[str, None] = {}
        for (begin, end), answer in answers:
            given = [rating for reviewed, rating in reviews(answer) if self.same(text[begin:end], reviewed)]
            unread |= dict.fromkeys(word for rating in given if (word := unknown(rating, table)))
            if found := [s for rating in given if (s := share(rating, table)) is not None]:
                scores.append(((begin, end), fmean(found)))
        bad = tuple(Finding("disputed", *place, 1 - s) for place, s in scores if s < self.threshold)
        return Support(min((s for _, s in scores), default=None), bad, tuple(unread)[:PAGE])

    def same(self, claim: str, reviewed: str) -> bool:
        """Whether either says what the other does.

        >>> check = Factcheck("secret://env/K")
        >>> check.same("The Earth is flat.", "The earth is flat"), check.same("The Earth is not flat.", "Earth is flat")
        (True, False)
        """
        return all(weights().support(weights().distance(one, ground([other]))) >= self.alike
                   for one, other in ((claim, reviewed), (reviewed, claim)))


def reviews(answer: Any) -> Iterator[tuple[str, str]]:
    """Each reviewed claim of an answer with one rating of it. A field that is missing is none; one of another type is
    another contract. Raises ``JudgeError``."""
    for claim in _list(answer, "claims"):
        for review in _list(claim, "claimReview"):
            text, rating = claim.get("text", ""), _object(review).get("textualRating", "")
            if not isinstance(text, str) or not isinstance(rating, str):
                raise JudgeError("it answered in another form than claims:search", "malformed")
            if text and rating:
                yield text, rating


def _list(found: Any, name: str) -> list[Any]:
    inside = _object(found).get(name, [])
    if not isinstance(inside, list):
        raise JudgeError("it answered in another form than claims:search", "malformed")
    return inside


def _object(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise JudgeError("it answered in another form than claims:search", "malformed")
    return found
