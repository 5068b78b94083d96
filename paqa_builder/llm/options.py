"""The settings of the language model, ``llm`` in the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from paqa_builder.config import Config, validate_options


class LlmOptions(BaseModel):
    """Unknown names are refused. Without a URL nothing is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        default="", description="Base URL of an OpenAI-compatible endpoint, as http://localhost:8000/v1."
    )
    model: str = Field(default="", description="The model's name; the endpoint's only one by default.")
    key_variable: str = Field(
        default="OPENAI_API_KEY", description="Environment variable with the API key, if one is needed."
    )
    rephrase: bool = Field(default=True, description="Word questions and traces anew.")
    propose: int = Field(
        default=0, ge=0, le=20, description="Further questions a clip that the model may choose."
    )
    blind: bool = Field(default=False, description="Let the model answer without audio, for the blind gate.")
    blind_votes: int = Field(
        default=3, ge=1, le=8, description="Times that each question is answered blind, its choices rotated."
    )
    temperature: float = Field(default=0.7, ge=0, le=2, description="Of new wordings; blind answers use 0.")
    reply_tokens: int = Field(default=1500, ge=16, description="Tokens that one reply may have.")
    concurrency: int = Field(default=4, ge=1, le=256, description="Requests under way at the same time.")
    per_minute: float | None = Field(default=None, gt=0, description="Requests a minute, at most.")
    max_requests: int | None = Field(
        default=None, ge=0, description="Requests for one data set, at most; those already answered count."
    )
    max_tokens: int | None = Field(
        default=None, ge=0, description="Tokens read and written for one data set, at most; likewise."
    )
    timeout: float = Field(default=120.0, gt=0, description="Seconds to wait for one reply.")
    retries: int = Field(
        default=4, ge=0, description="Further tries after a timeout, a 429 or a server's error."
    )

    @property
    def on(self) -> bool:
        """Whether there is anything to ask, and anybody to ask."""
        return bool(self.url) and (self.rephrase or self.propose > 0 or self.blind)


def options_of(config: Config) -> LlmOptions:
    """The ``llm`` section of a configuration, checked."""
    return validate_options(LlmOptions, config.llm, "llm")
