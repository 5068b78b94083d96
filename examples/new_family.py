"""python -m recipes.stage1 --plugin examples/new_family.py --set model.family=my_qwen2_audio"""

from recipes.families import tiny
from recipes.families.base import Family

AUDIO = "<|audio_bos|><|AUDIO|><|audio_eos|>"
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
CHAT = tiny.QWEN_TEMPLATE.replace("AUDIO", f"'Audio 1: {AUDIO}\\n'")


class MyQwen2Audio(Family):
    name = "my_qwen2_audio"
    model_class = "Qwen2AudioForConditionalGeneration"
    processor_class = "Qwen2AudioProcessor"

    def tiny(self, seed=0, lines=()):
        """A small random model of the family's architecture, for tests."""
        from transformers import Qwen2AudioConfig, Qwen2AudioProcessor

        words = tiny.tokenizer(CONTROL, lines, end="<|im_end|>", pad="<|endoftext|>")
        encoder = {
            "model_type": "qwen2_audio_encoder",
            "num_mel_bins": tiny.MELS,
            "d_model": tiny.WIDTH,
            "encoder_layers": tiny.LAYERS,
            "encoder_attention_heads": tiny.HEADS,
            "encoder_ffn_dim": 2 * tiny.WIDTH,
            "max_source_positions": tiny.FRAMES // 2,
        }
        config = Qwen2AudioConfig(
            audio_config=encoder,
            text_config={"model_type": "qwen2", **tiny.text_config(words)},
            audio_token_index=words.convert_tokens_to_ids("<|AUDIO|>"),
        )
        processor = Qwen2AudioProcessor(tiny.extractor(), words, chat_template=CHAT)
        return tiny.finish(self.model_type(), config, words, seed), processor
