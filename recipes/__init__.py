"""Training recipes that consume the shards: stage I on perception traces, stage II with GRPO and PAUSE.

Of the package they use the grammar (``paqa_builder.questions.traces.grammar``), the shard reader
(``paqa_builder.dataset.read``), its errors, and :func:`paqa_builder.runtime.compat.torchaudio`, for this
reason:
transformers imports torchaudio wherever it is installed, and beside a CPU build of torch that fails.
The rewards read the names that ENV gives to sounds (:mod:`recipes.rewards.records` says why).
"""

from importlib.util import find_spec

if find_spec("torchaudio") is not None:
    from paqa_builder.runtime import compat

    compat.torchaudio()
