"""torchaudio beside a CPU build of torch."""

from __future__ import annotations

import subprocess
import sys

from helpers.production import needs

CODE = """
from paqa_builder.runtime.compat import torchaudio
package = torchaudio()
import sys, torch, torchaudio as again
assert again is package and torchaudio() is package
half = package.functional.resample(torch.ones(1, 16_000), 16_000, 8_000)
assert half.shape == (1, 8_000) and abs(float(half[0, 4_000]) - 1) < 1e-3
from torchaudio.compliance import kaldi
assert kaldi.fbank(torch.ones(1, 16_000), num_mel_bins=80).shape == (98, 80)
low = package.functional.lowpass_biquad(torch.ones(1, 100), 16_000, 100.0)
assert low.shape == (1, 100)
"""


@needs("torch", "torchaudio")
def test_torchaudio_works_whether_its_extension_loads_or_not() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs("torch", "torchaudio")
def test_alignment_without_the_extension_is_an_error() -> None:
    code = (
        "import torch; real = torch.ops.load_library\n"
        "def broken(path):\n"
        "    if 'torchaudio' in str(path): raise OSError('libcudart.so: no such file')\n"
        "    return real(path)\n"
        "torch.ops.load_library = broken\n" + CODE + "try:\n"
        "    package.functional.forced_align(torch.zeros(1, 4, 3), torch.ones(1, 2, dtype=torch.int32))\n"
        "except RuntimeError as error:\n"
        "    assert 'libcudart' in str(error), error\n"
        "else:\n"
        "    raise SystemExit('no error')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_missing_torchaudio_names_the_command() -> None:
    code = (
        "import sys; sys.modules['torchaudio'] = None\n"
        "from paqa_builder.runtime.compat import torchaudio\n"
        "from paqa_builder.errors import NotReadyError\n"
        "try: torchaudio()\n"
        "except NotReadyError as error: assert 'paqa-builder[gpu]' in error.fix\n"
        "else: raise SystemExit('no error')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
