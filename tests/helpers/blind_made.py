"""Questions whose text gives away as much as a test wants."""

from __future__ import annotations

from paqa_builder.gate.item import BlindItem
from paqa_builder.seeded import below, shuffled, unit

SOUNDS = (
    "Dog", "Cat", "Rain", "Siren", "Church bell", "Train", "Helicopter", "Applause", "Laughter", "Piano",
    "Guitar", "Drum", "Bird", "Wind", "Clock", "Chainsaw",
)  # fmt: skip


def fair(n: int, template: str = "fair") -> BlindItem:
    """Nothing shows: four sounds, one of which is right."""
    choices = tuple(shuffled(SOUNDS, template, n)[:4])
    return BlindItem(
        f"{template}-{n}",
        "Which sound is heard first?",
        choices,
        below(4, n, template),
        f"c{n // 4}",
        template,
    )


def one_sided(n: int, share: float = 0.8, template: str = "yes") -> BlindItem:
    """“Yes” is right too often."""
    answer = int(unit(template, n) > share)
    return BlindItem(f"{template}-{n}", "Do voices overlap?", ("Yes", "No"), answer, f"c{n // 4}", template)


def leaking(n: int, template: str = "leak") -> BlindItem:
    """The question has a word of the answer."""
    choices = tuple(shuffled(SOUNDS, template, n)[:4])
    answer = below(4, n, template)
    text = f"Somebody mentions the {choices[answer]}; what is heard?"
    return BlindItem(f"{template}-{n}", text, choices, answer, f"c{n // 4}", template)
