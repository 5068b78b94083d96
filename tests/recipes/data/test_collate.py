"""Training batches of stage I: inputs and labels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.recipe_data import shards  # noqa: F401

from paqa_builder.errors import ConfigError
from recipes.config import Data
from recipes.data import audio, prompts, rows
from recipes.data.collate import IGNORE, ROWS, Collator
from recipes.families import FAMILIES, family


@pytest.mark.parametrize("name", list(FAMILIES))
@pytest.mark.parametrize("style", ["full", "terse"])
def test_exactly_the_answer_and_its_end_are_learned(shards: Path, name: str, style: str) -> None:  # noqa: F811
    kind = family(name)
    model, processor = kind.tiny()
    found = rows.read(Data(path=str(shards)), "train")
    collator = Collator(kind, processor, found, style=style)  # type: ignore[arg-type]
    chosen = [0, 5, 2, 7]
    batch = collator([{"index": n} for n in chosen])
    assert batch.pop(ROWS) == [found[n].id for n in chosen]
    tokenizer = processor.tokenizer
    for n, ids, labels, mask in zip(
        chosen, batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True
    ):
        learned = labels != IGNORE
        assert (ids[learned] == labels[learned]).all()
        places = learned.nonzero()[:, 0]
        assert (places.diff() == 1).all()
        said = tokenizer.decode(ids[learned])
        assert said == prompts.target(found[n], style) + tokenizer.eos_token  # type: ignore[arg-type]
        assert mask.sum() == places[-1] + 1
        assert (ids[mask == 0] == tokenizer.pad_token_id).all()
    heard = (batch["input_ids"] == kind.placeholder_id(model)).sum(1)
    clips = [audio.samples(found[n], 16_000) for n in chosen]
    texts = [kind.text(processor, prompts.prompt(found[n])) for n in chosen]
    alone = kind.process(processor, texts, clips, side="right")
    assert (heard == (alone["input_ids"] == kind.placeholder_id(model)).sum(1)).all()
    for n, ids in enumerate(batch["input_ids"]):  # generation will see this very beginning
        head = alone["input_ids"][n][alone["attention_mask"][n].bool()]
        assert (ids[: len(head)] == head).all()
    assert all(torch.equal(batch[key], alone[key]) for key in kind.audio_keys)
    assert torch.isfinite(model(**batch).loss)


def test_a_row_is_the_same_in_any_batch(shards: Path) -> None:  # noqa: F811
    kind = family("qwen2_audio")
    model, processor = kind.tiny()
    found = rows.read(Data(path=str(shards)), "train")
    collator = Collator(kind, processor, style="terse")
    one, all_of_them = collator([{"row": found[3]}]), collator([{"row": row} for row in found])
    length = one["input_ids"].shape[1]
    assert torch.equal(all_of_them["labels"][3, :length], one["labels"][0])
    for batch in (one, all_of_them):
        batch.pop(ROWS)
    with torch.no_grad():
        together, apart = model(**all_of_them).logits[3, :length], model(**one).logits[0]
    assert torch.allclose(together, apart, atol=1e-4)


def test_a_template_that_rewrites_answers_is_refused(shards: Path) -> None:  # noqa: F811
    kind = family("qwen2_audio")
    _, processor = kind.tiny()
    found = rows.read(Data(path=str(shards)), "train")
    template = processor.chat_template
    processor.chat_template = template.replace("c['text'] }}", "c['text'] | upper }}")
    with pytest.raises(ConfigError, match="chat template"):
        Collator(kind, processor, found)([{"index": 0}])
    processor.chat_template = template.replace("{{ '<|im_end|>\n' }}", "")
    with pytest.raises(ConfigError, match="does not end"):
        Collator(kind, processor, found)([{"index": 0}])
