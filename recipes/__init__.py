"""Training recipes: stage I on perception traces, stage II with GRPO and PAUSE.

Importing this package imports torchaudio through :func:`paqa_builder.runtime.compat.torchaudio`, because
transformers imports it if it is installed, which fails beside a CPU build of torch.
"""

from importlib.util import find_spec

if find_spec("torchaudio") is not None:
    from paqa_builder.runtime import compat

    compat.torchaudio()
