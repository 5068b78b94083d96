"""Keywords of utterances, and the similarity of words."""

from __future__ import annotations

from functools import lru_cache

from paqa_builder.questions.wording import tokens

# English words that a phrase should not end on.
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
# English words that are too common to be asked for.
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
# Transcribers write numbers in different ways ("seven", "7").
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
    """The informative words of a text, each once, without short words, numbers and common words."""
    return tuple(
        dict.fromkeys(
            word
            for word in tokens(text)
            if len(word) >= MIN_LETTERS and word.isalpha() and word not in _SILENT
        )
    )


@lru_cache(maxsize=1 << 15)
def alike(one: str, other: str) -> bool:
    """True if two words may be forms of one word, or one may be transcribed as the other.

    They are alike if they share the first four letters, if one contains the other, or if their edit
    distance is at most 1.
    """
    short, long = sorted((one.lower(), other.lower()), key=len)
    if short == long or (len(short) >= MIN_LETTERS and (short[:4] == long[:4] or short in long)):
        return True
    if len(long) - len(short) > 1:
        return False
    prefix = next((n for n, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    return short[prefix + (len(short) == len(long)) :] == long[prefix + 1 :]
