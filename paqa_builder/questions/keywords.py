"""Single words: which ones are worth asking for, and which could be taken for each other."""

from __future__ import annotations

from functools import lru_cache

from paqa_builder.questions.wording import tokens

# Words that a phrase does not end on. English only: elsewhere there are none.
HANGING = frozenset(
    {
        "a", "an", "the", "of", "to", "in", "on", "at", "by", "for", "from", "with", "into", "over",
        "under", "and", "or", "but", "nor", "so", "that", "which", "who", "whom", "whose", "if", "when",
        "while", "as", "than", "because", "is", "are", "was", "were", "be", "been", "being", "am",
        "has", "have", "had", "do", "does", "did", "will", "would", "shall", "should", "can", "could",
        "may", "might", "must", "not", "no", "i", "we", "you", "he", "she", "they", "it", "its", "his",
        "her", "their", "my", "our", "your", "this", "these", "those", "there", "very",
    }
)  # fmt: skip
# Words that say too little to be asked for. English only, too.
_PLAIN = frozenset(
    {
        "about", "after", "again", "also", "always", "another", "around", "away", "back", "because",
        "been", "before", "being", "both", "came", "come", "down", "each", "else", "even", "ever",
        "every", "going", "gonna", "good", "here", "into", "just", "know", "like", "little", "look",
        "made", "make", "many", "mean", "more", "most", "much", "only", "other", "over", "really",
        "right", "said", "same", "says", "some", "such", "take", "than", "them", "then", "they",
        "thing", "things", "think", "through", "upon", "very", "want", "well", "went", "were", "what",
        "where", "with", "without", "yeah", "your",
    }
)  # fmt: skip
# One transcriber writes "seven" and another "7".
_NUMBERS = frozenset(
    {
        "four", "five", "seven", "eight", "nine", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
        "sixteen", "seventeen", "eighteen", "nineteen", "zero", "three", "twenty", "thirty", "forty",
        "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "billion",
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    }
)  # fmt: skip
_SILENT = HANGING | _PLAIN | _NUMBERS
MIN_LETTERS = 4


def keywords(text: str) -> tuple[str, ...]:
    """The words of a text that say something, each once: no short ones, no numbers, none of the commonest."""
    return tuple(
        dict.fromkeys(
            word
            for word in tokens(text)
            if len(word) >= MIN_LETTERS and word.isalpha() and word not in _SILENT
        )
    )


@lru_cache(maxsize=1 << 15)
def alike(one: str, other: str) -> bool:
    """True if two words are forms of one, or could be mistaken for each other by a transcriber.

    Forms of one word begin alike; one letter more, less or other is soon misheard.
    """
    one, other = sorted((one.lower(), other.lower()), key=len)
    if one == other or (len(one) >= MIN_LETTERS and (one[:4] == other[:4] or one in other)):
        return True
    if len(other) - len(one) > 1:
        return False
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    return one[same + (len(one) == len(other)) :] == other[same + 1 :]
