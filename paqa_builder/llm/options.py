"""Settings of the language model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from paqa_builder.config import Config, validate_options


class LlmOptions(BaseModel):
    """Settings of the language model: section ``llm`` of the configuration. Off without a URL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        default="", description="Base URL of an OpenAI-compatible endpoint, such as http://localhost:8000/v1."
    )
    model: str = Field(default="", description="Name of the model; by default the endpoint's only one.")
    key_variable: str = Field(
        default="OPENAI_API_KEY", description="Environment variable with the API key, if one is needed."
    )
    rephrase: bool = Field(default=True, description="Reword questions and traces.")
    propose: int = Field(
        default=0,
        ge=0,
        le=20,
        description="Largest number of further questions that the model chooses per clip.",
    )
    blind: bool = Field(
        default=False, description="Answer questions without audio, as a second solver of the blind gate."
    )
    blind_votes: int = Field(
        default=3, ge=1, le=8, description="Blind answers per question, with rotated choices."
    )
    temperature: float = Field(
        default=0.7, ge=0, le=2, description="Sampling temperature of new wordings; blind answers use 0."
    )
    reply_tokens: int = Field(default=1500, ge=16, description="Largest number of tokens of one reply.")
    concurrency: int = Field(default=4, ge=1, le=256, description="Number of simultaneous requests.")
    per_minute: float | None = Field(default=None, gt=0, description="Largest number of requests per minute.")
    max_requests: int | None = Field(
        default=None, ge=0, description="Largest number of requests for one data set, cached ones included."
    )
    max_tokens: int | None = Field(
        default=None, ge=0, description="Largest number of tokens, read and written, for one data set."
    )
    timeout: float = Field(default=120.0, gt=0, description="Seconds to wait for one reply.")
    retries: int = Field(default=4, ge=0, description="Retries after a timeout, a 429 or a server error.")

    @property
    def on(self) -> bool:
        """True if a URL is set and a use of the model is enabled."""
        return bool(self.url) and (self.rephrase or self.propose > 0 or self.blind)


def options_of(config: Config) -> LlmOptions:
    """The validated ``llm`` section of a configuration."""
    return validate_options(LlmOptions, config.llm, "llm")
