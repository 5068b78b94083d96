"""Random scenes for property tests: any mixture of known, empty and unknown layers."""

from __future__ import annotations

from hypothesis import strategies as st

from paqa_builder.labels import audioset
from paqa_builder.records import (
    AudioInfo,
    Clip,
    EventMeasure,
    Measures,
    Origin,
    Scene,
    Tag,
    Truth,
    Turn,
    Utterance,
    VoiceMeasure,
    Word,
)

TRUTH = Origin("truth", "made", "1")
DIARIZE = Origin("diarize", "made", "1")
TAG = Origin("tag", "made", "1")
TRANSCRIBE = Origin("transcribe", "made", "1")
MEASURE = Origin("measure", "made", "1")

# Related, confusable, vague, speech-like and unknown labels among plain ones.
LABELS = (
    "Dog", "Bark", "Animal", "Cat", "Rain", "Water", "Church bell", "Bell", "Speech", "Laughter",
    "Siren", "Car", "Piano", "Music", "Chainsaw", "Typing", "Clicking", "Train", "Sneeze", "kazoo_solo",
)  # fmt: skip
VOCABULARY = (
    "the", "keys", "are", "on", "a", "table", "near", "my", "old", "window", "and", "she", "never",
    "told", "him", "about", "winter", "trains", "because", "nobody", "asked", "which", "garden", "had",
    "more", "green", "apples", "than", "yesterday",
)  # fmt: skip

scores = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def spans(draw: st.DrawFn, duration: float) -> tuple[float, float]:
    start = draw(st.integers(0, round(duration * 10) - 3)) / 10
    length = draw(st.integers(2, 60)) / 10
    return start, min(duration, start + length)


@st.composite
def turns(draw: st.DrawFn, duration: float, origin: Origin) -> tuple[Turn, ...]:
    found = draw(
        st.lists(st.tuples(spans(duration), st.sampled_from(["S1", "S2", "S3"]), scores), max_size=6)
    )
    return tuple(
        sorted((Turn(*span, who, score, origin) for span, who, score in found), key=lambda t: t.start)
    )


@st.composite
def tags(draw: st.DrawFn, duration: float, origin: Origin) -> tuple[Tag, ...]:
    found = draw(
        st.lists(st.tuples(spans(duration), st.sampled_from(LABELS), scores, st.booleans()), max_size=6)
    )
    return tuple(
        Tag(*(span if local else (0.0, duration)), label, score, "mix", local, origin)
        for span, label, score, local in found
    )


@st.composite
def utterances(draw: st.DrawFn, duration: float, origin: Origin) -> tuple[Utterance, ...]:
    found = draw(
        st.lists(
            st.tuples(
                spans(duration),
                st.sampled_from(["S1", "S2", "S3", None]),
                st.lists(st.tuples(st.sampled_from(VOCABULARY), scores), min_size=1, max_size=14),
                st.booleans(),
            ),
            max_size=5,
        )
    )
    made = []
    for (start, end), who, texts, timed in found:
        step = (end - start) / len(texts)
        words = tuple(
            Word(start + n * step, start + (n + 1) * step, text, sure) for n, (text, sure) in enumerate(texts)
        )
        text = " ".join(text for text, _ in texts)
        language = draw(st.sampled_from(["en", "de", None]))
        meaning = " ".join(draw(st.lists(st.sampled_from(VOCABULARY), min_size=3, max_size=9)))
        made.append(
            Utterance(
                start, end, who, text, words if timed else (), language, 0.9, origin,
                meaning if origin.is_truth else None, "en" if origin.is_truth else None,
            )
        )  # fmt: skip
    return tuple(sorted(made, key=lambda u: u.start))


@st.composite
def measures(draw: st.DrawFn, duration: float, found: tuple[Tag, ...]) -> Measures:
    real = st.integers(-60, 0).map(float)
    voices = tuple(
        VoiceMeasure(
            who,
            draw(st.integers(1, 50)) / 10,
            draw(st.one_of(st.none(), st.integers(70, 300).map(float))),
            None,
            draw(st.one_of(st.none(), st.integers(10, 60).map(lambda n: n / 10))),
            tuple(draw(st.lists(st.integers(3, 20).map(lambda n: n / 10), max_size=3))),
            draw(real),
        )
        for who in draw(st.sets(st.sampled_from(["S1", "S2", "S3"])))
    )
    events = tuple(
        EventMeasure(tag.start, tag.end, tag.label, draw(real), draw(st.one_of(st.none(), real)))
        for tag in found
        if tag.localized and draw(st.booleans())
    )
    numbers = [draw(st.one_of(st.none(), real)) for _ in range(2)]
    return Measures(numbers[0], numbers[1], None, 0.1, tuple(sorted(voices, key=str)), events, MEASURE)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Any scene; every layer may be unknown, empty or full, from a corpus, a model, or both."""
    duration = draw(st.integers(10, 200)) / 10
    maybe = st.one_of
    truth = Truth(
        draw(maybe(st.none(), turns(duration, TRUTH))),
        draw(maybe(st.none(), tags(duration, TRUTH))),
        draw(maybe(st.none(), utterances(duration, TRUTH))),
        draw(st.booleans()),
    )
    number = draw(st.integers(0, 10**6))
    found = draw(maybe(st.none(), tags(duration, TAG)))
    known = next((layer for layer in (truth.tags, found) if layer is not None), ())
    return Scene(
        Clip(f"clip{number}", "made", draw(st.sampled_from(["train", "test"])), "x.wav", truth=truth),
        AudioInfo(duration, 16_000, 1, "0" * 64),
        turns=draw(maybe(st.none(), turns(duration, DIARIZE))),
        tags=found,
        utterances=draw(maybe(st.none(), utterances(duration, TRANSCRIBE))),
        measures=draw(maybe(st.none(), measures(duration, known))),
    )


assert all(label in audioset.labels() or label == "kazoo_solo" for label in LABELS)
