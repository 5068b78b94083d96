"""Batches of windows through openai-whisper, on a small model with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.production import needs

from paqa_builder.audio import Audio
from paqa_builder.perception.backends.base import AudioInput
from paqa_builder.perception.backends.transcribe import _windows
from paqa_builder.perception.backends.transcribe.openai_whisper import OpenaiWhisper
from paqa_builder.runtime import device
from paqa_builder.runtime.threads import torch_cpu

pytestmark = needs("torch", "whisper")
LIMIT = 8
"""Tokens of a window; random weights never end a text."""


@pytest.fixture(scope="module")
def network() -> Any:
    from whisper.model import ModelDimensions, Whisper

    torch = torch_cpu()
    torch.manual_seed(0)
    model = Whisper(ModelDimensions(80, 1500, 32, 2, 2, 51865, 448, 32, 2, 2)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def wrapped(network: Any, beam_size: int = 2, half: bool = False) -> Any:
    from paqa_builder.perception.backends.transcribe._torch_whisper import TorchWhisper

    return TorchWhisper(network, beam_size, half)


def spectrograms(count: int, frames: int) -> Any:
    import torch

    return torch.randn(count, 80, frames, generator=torch.Generator().manual_seed(1))


def test_a_window_of_30_s_is_encoded_as_the_package_does(network: Any) -> None:
    import torch

    features = spectrograms(1, 3000)
    with torch.inference_mode():
        assert torch.equal(wrapped(network).encode(features), network.encoder(features))


def test_languages_are_detected_as_the_package_does(network: Any) -> None:
    encoded = wrapped(network).encode(spectrograms(2, 3000))
    for window, (language, probability) in zip(encoded, wrapped(network).languages(encoded), strict=True):
        _, probabilities = network.detect_language(window)
        assert language == max(probabilities, key=probabilities.__getitem__)
        assert probability == pytest.approx(probabilities[language], rel=1e-3)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_windows_of_a_batch_are_decoded_in_their_languages(network: Any, beam_size: int) -> None:
    import whisper

    whole = wrapped(network, beam_size)
    encoded = whole.encode(spectrograms(2, 3000))
    results = whole.decode(encoded, ["en", "de"], LIMIT)
    for window, result, language in zip(encoded, results, ("en", "de"), strict=True):
        beam = beam_size if beam_size > 1 else None
        options = whisper.DecodingOptions(language=language, beam_size=beam, sample_len=LIMIT, fp16=False)
        single = whisper.decode(network, window, options)
        assert result.tokens == single.tokens
        assert result.language == language
        assert result.avg_logprob == pytest.approx(single.avg_logprob, rel=1e-3)
        assert result.no_speech_prob == pytest.approx(single.no_speech_prob, rel=1e-3)


def test_half_precision_converts_weights_but_no_normalisation(network: Any) -> None:
    import copy

    import torch

    half = wrapped(copy.deepcopy(network), half=True)
    assert half.model.decoder.token_embedding.weight.dtype == torch.float16
    assert half.model.encoder.ln_post.weight.dtype == torch.float32
    encoded = half.encode(spectrograms(1, 600))
    assert encoded.dtype == torch.float16
    reference = wrapped(network).encode(spectrograms(1, 600))
    assert torch.allclose(encoded.float(), reference, atol=0.1)
    (result,) = half.decode(encoded, ["en"], LIMIT)
    parts = [{"seek": 0, "start": 0.0, "end": 3.0, "tokens": result.tokens, "words": []}]
    window = _windows.Window(np.zeros((80, 600), np.float32), 0, 300, LIMIT)
    half.align(parts, "en", encoded[0], window, 0.0)
    assert all(0 <= word["start"] <= word["end"] <= 3.1 for word in parts[0]["words"])


def test_a_clip_does_not_depend_on_its_batch(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    import whisper

    monkeypatch.setattr(_windows, "_TOKENS_PER_SECOND", 0)
    monkeypatch.setattr(_windows, "_FEWEST_TOKENS", LIMIT)
    monkeypatch.setattr(_windows, "_MAX_TOKENS", LIMIT)
    backend = OpenaiWhisper(OpenaiWhisper.Options(device="cpu", max_no_speech=1, max_compression=100))
    backend._torch, backend._device, backend._log_mel = torch, "cpu", whisper.log_mel_spectrogram
    backend._whisper = wrapped(network)
    backend._batches = device.Batches("openai_whisper", 30.0, 90.0, "cuda:0")
    assert backend._batches.size == 3
    draw = np.random.default_rng(0)
    clips = [
        Audio((0.1 * draw.normal(size=round(seconds * 16_000))).astype(np.float32), 16_000)
        for seconds in (2.0, 0.004, 7.5, 31.0, 1.0)
    ]
    inputs = [AudioInput(audio, audio) for audio in (*clips, Audio(np.zeros(16_000, np.float32), 16_000))]
    together = backend.run(inputs)
    assert together == [backend.run([item])[0] for item in inputs]
    assert together[0].words
    assert not together[-1].words
    assert max(word.end for word in together[3].words) > 29.0
