"""python -m recipes.stage2 --config laptop --plugin examples/new_reward.py --set rewards.concise=0.2"""

import paqa_builder as paqa


@paqa.reward
def concise(completions, rows, tokens=None):
    """1 for at most 120 words, then falling with the number of words."""
    lengths = [len(completion.split()) for completion in completions]
    return [min(1.0, 120 / max(length, 1)) for length in lengths]
