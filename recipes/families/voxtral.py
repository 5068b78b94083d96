"""Voxtral (Liu et al. 2025): Whisper large-v3 encoder and Ministral."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from recipes.families import tiny
from recipes.families.base import Family

_PLACEHOLDER = 24
_FRAMES_A_TOKEN = 8
# transformers' processor fixes the placeholder's id; the others fill the ids before it.
SPECIAL = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", *(f"<SPECIAL_{n}>" for n in range(5, 11)), "<pad>",
    *(f"<SPECIAL_{n}>" for n in range(12, 24)), "[AUDIO]", "[BEGIN_AUDIO]",
)  # fmt: skip
TEMPLATE = (
    "{{ '<s>' }}{%- for m in messages -%}"
    "{%- if m['role'] == 'user' -%}{{ '[INST]' }}{%- endif -%}"
    "{%- if m['content'] is string -%}{{ m['content'] }}{%- else -%}{%- for c in m['content'] -%}"
    "{%- if c['type'] == 'audio' -%}{{ '[BEGIN_AUDIO][AUDIO]' }}"
    "{%- elif 'text' in c -%}{{ c['text'] }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '[/INST]' if m['role'] == 'user' else '</s>' }}"
    "{%- endfor -%}"
)


@cache
def _processor_type() -> Any:
    from transformers import BatchFeature, VoxtralProcessor
    from transformers.processing_utils import ProcessorMixin

    class VoxtralTextProcessor(VoxtralProcessor):
        """A processor with the interface of the other families.

        transformers' own takes audio only with whole chats, through mistral-common, whose tokenizer
        cannot be extended by a token such as PAUSE.
        """

        def __init__(self, feature_extractor: Any, tokenizer: Any, chat_template: Any = None):
            super().__init__(feature_extractor, tokenizer)
            self.chat_template = chat_template or TEMPLATE

        def apply_chat_template(self, *args: Any, **options: Any) -> Any:
            return ProcessorMixin.apply_chat_template(self, *args, **options)

        def __call__(self, text: Any = None, audio: Any = None, **options: Any) -> Any:
            text = [text] if isinstance(text, str) else list(text)
            features = {}
            if audio is not None:
                rate = options.get("sampling_rate", self.feature_extractor.sampling_rate)
                extracted = self.feature_extractor(
                    list(audio), sampling_rate=rate, padding="max_length", return_tensors="pt"
                )
                features = {"input_features": extracted["input_features"]}
                number = self.feature_extractor.nb_max_frames // _FRAMES_A_TOKEN
                text = [line.replace(self.audio_token, self.audio_token * number) for line in text]
            text_options = {"add_special_tokens": False, **options.get("text_kwargs", {})}
            for name in ("padding", "padding_side", "add_special_tokens"):
                if name in options:
                    text_options[name] = options[name]
            return BatchFeature(
                {**self.tokenizer(text, **text_options), **features},
                tensor_type=options.get("return_tensors"),
            )

    return VoxtralTextProcessor


class Voxtral(Family):
    """``mistralai/Voxtral-Mini-3B-2507`` and ``-Small-24B``. Clips are padded to a whole window."""

    name: ClassVar[str] = "voxtral"
    model_class: ClassVar[str] = "VoxtralForConditionalGeneration"
    processor_class: ClassVar[str] = "VoxtralProcessor"
    audio_keys: ClassVar[tuple[str, ...]] = ("input_features",)

    def processor_type(self) -> Any:
        return _processor_type()

    def load_processor(self, path: str) -> Any:
        from transformers import AutoFeatureExtractor, PreTrainedTokenizerFast

        # The published folder has Mistral's tekken.json only, which the fast tokenizer converts.
        words = PreTrainedTokenizerFast.from_pretrained(path)
        for role, token in (("bos_token", "<s>"), ("eos_token", "</s>"), ("pad_token", "<pad>")):
            if getattr(words, role) is None:  # tekken.json does not assign these roles
                setattr(words, role, token)
        return self.processor_type()(AutoFeatureExtractor.from_pretrained(path), words)

    def tiny(self, seed: int = 0, lines: Sequence[str] = ()) -> tuple[Any, Any]:
        from transformers import VoxtralConfig, VoxtralForConditionalGeneration

        words = tiny.tokenizer(SPECIAL, lines, end="</s>", pad="<pad>", bos_token="<s>")
        processor = self.processor_type()(tiny.extractor(return_attention_mask=False), words)
        settings = VoxtralConfig(
            audio_config={
                "model_type": "voxtral_encoder",
                "num_mel_bins": tiny.MELS,
                "hidden_size": tiny.WIDTH,
                "num_hidden_layers": tiny.LAYERS,
                "num_attention_heads": tiny.HEADS,
                "intermediate_size": 4 * tiny.WIDTH,  # the projector takes four frames at once
                "max_source_positions": tiny.FRAMES // 2,
            },
            text_config={
                "model_type": "llama",
                **tiny.text_config(words, head_dim=tiny.WIDTH // tiny.HEADS, bos_token_id=1),
            },
            audio_token_id=_PLACEHOLDER,
        )
        return tiny.finish(VoxtralForConditionalGeneration, settings, words, seed), processor
