"""How far one comes without hearing anything: a linear model of the text alone.

Every choice is an observation, described by its words, by its question's words together with its own,
by its place and by the choices beside it; logistic regression learns from the training rows which
choice is right (in the spirit of Agrawal et al. 2018). Audio that leaves a model at this score or below
taught it nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from recipes.data.rows import Row
from recipes.scoring.matching import words


def answers(train: Sequence[Row], test: Sequence[Row], seed: int = 0) -> list[str]:
    """The choice that a linear model of the text prefers, for each test row."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    seen = [(row, place) for row in train for place in range(len(row.choices))]
    right = [row.choices[place] == row.answer for row, place in seen]
    model = make_pipeline(DictVectorizer(), LogisticRegression(max_iter=300, C=0.3, random_state=seed))
    model.fit([_features(row, place) for row, place in seen], right)
    asked = [(row, place) for row in test for place in range(len(row.choices))]
    scores = iter(model.decision_function([_features(row, place) for row, place in asked]))
    found = []
    for row in test:
        own = [next(scores) for _ in row.choices]
        found.append(row.choices[own.index(max(own))])
    return found


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
