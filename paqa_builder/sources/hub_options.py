"""Options of the source ``hub``."""

from __future__ import annotations

from pydantic import Field

from paqa_builder.sources import SourceOptions
from paqa_builder.sources.hub_columns import HubColumns


class HubOptions(SourceOptions):
    """Options of ``hub``."""

    path: str = Field("", description="Name of the data set on the Hub (owner/name), or a folder.")
    config: str | None = Field(None, description="Configuration of the data set.")
    revision: str | None = Field(None, description="Branch, tag or commit; the newest commit by default.")
    splits: dict[str, str] = Field(
        default_factory=dict,
        description="Splits to read, each with the split here, such as {train.clean: train}; all by default.",
    )
    columns: HubColumns = Field(
        HubColumns.model_validate({}),
        description="Which column holds what: {text: sentence, speaker: user}.",
    )
    language: str | None = Field(None, description="Language of the transcripts, such as en.")
    license: str = Field(
        "", description="Licence of rows without one; by default that of the data set's card."
    )
    attribution: str = Field("", description="Credit line of rows without one.")
