"""Text-only baseline: logistic regression over features of the question and its choices.

Every choice is one observation. Its features are its text, the words of its question paired with it, its
position and the other choices (in the spirit of Agrawal et al. 2018). An audio language model that uses the
audio scores above this baseline.
"""

from __future__ import annotations

from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.scoring.matching import words


def answers(train: Sequence[Row], test: Sequence[Row], seed: int = 0) -> list[str]:
    """The predicted choice of each test row.

    Args:
        train: Rows to fit the baseline on.
        seed: Seed of the solver.
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    right = [choice == row.answer for row in train for choice in row.choices]
    model = make_pipeline(DictVectorizer(), LogisticRegression(max_iter=300, C=0.3, random_state=seed))
    model.fit(_observations(train), right)
    scores = iter(model.decision_function(_observations(test)))
    predicted = []
    for row in test:
        own = [next(scores) for _ in row.choices]
        predicted.append(row.choices[own.index(max(own))])
    return predicted


def _observations(rows: Sequence[Row]) -> list[dict[str, float]]:
    return [_features(row, place) for row in rows for place in range(len(row.choices))]


def _features(row: Row, place: int) -> dict[str, float]:
    choice = row.choices[place]
    features = {f"choice {choice}": 1.0, f"place {place} of {len(row.choices)}": 1.0}
    features[f"skill {row.skill} {choice}"] = 1.0
    features |= {f"beside {choice} {other}": 1.0 for other in row.choices if other != choice}
    own = words(choice)
    for word in words(row.question):
        features[f"question {word} choice {choice}"] = 1.0
        if word in own:
            features[f"shared {word}"] = 1.0
            features["shared"] = features.get("shared", 0.0) + 1.0
    return features
