"""Removal of secrets and paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.text.privacy import keep_secret, portable, published, redact


@pytest.mark.parametrize(
    "text",
    [
        "got Authorization: Bearer hunter2-abc",
        "header 'authorization': 'Basic aHVudGVyMg==hunter2'",
        "http://me:hunter2@host:8000/v1 cannot be reached",
        "http://hunter2@host/v1",
        "http://me:hun@ter2/hunter2@host/v1",
        'the server says {"api_key": "hunter2"}',
        "https://host/v1?api_key=hunter2&model=x",
        "https://host/v1?X-Amz-Signature=hunter2",
        "Incorrect API key provided: sk-hunter2abcdef",
        "token: hf_hunter2abcdef",
        "password=hunter2",
    ],
)
def test_secrets_are_removed(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert "hunter2" not in str(NotReadyError(text, fix=text))


@pytest.mark.parametrize(
    "text",
    [
        "paqa fetch whisper-large-v3", "pip install 'paqa-builder[llm]'", "export OPENAI_API_KEY=…",
        "http://localhost:8000/v1 has no model", "max_tokens 1500", "hf auth login",
    ],
)  # fmt: skip
def test_other_texts_are_unchanged(text: str) -> None:
    assert redact(text) == text


def test_values_of_variables_and_kept_secrets_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVER_KEY", "correct horse")
    keep_secret("battery staple")
    assert redact("correct horse, battery staple") == "…, …"
    assert ConfigError("correct horse").message == "…"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/alice/audio/a.wav: truncated", "a.wav: truncated"),
        ("cannot open '/srv/x/a b.wav'", "cannot open 'a b.wav'"),
        ("/home/alice: not writable", "~: not writable"),
        (r"C:\Users\alice\a.wav is empty", "a.wav is empty"),
        ("file:///home/alice/a.wav", "a.wav"),
        ("~/models/x.bin", "x.bin"),
        ("the ratio is 3/4, and/or </RESPONSE>", "the ratio is 3/4, and/or </RESPONSE>"),
        ("see https://host/docs/x", "see https://host/docs/x"),
    ],
)
def test_paths_are_reduced_to_names(text: str, expected: str) -> None:
    assert portable(text) == expected


def test_named_folders_may_have_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "of alice"
    assert portable(f"{folder}/x/a.wav and {folder}", folder) == "x/a.wav and …"


def test_published_data_has_neither(tmp_path: Path) -> None:
    data = {"model": "/home/alice/m/x.bin", "token": "t0psecret", "key": "ab12", "n": [1, "http://a:b@c/"]}
    assert published(data) == {"model": "x.bin", "token": "…", "key": "ab12", "n": [1, "http://…@c/"]}


def test_the_working_directory_of_the_shell_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/data/corpora")
    monkeypatch.setenv("OLDPWD", "/data/shards")
    monkeypatch.setenv("DB_PWD", "hunter22")
    assert redact("/data/corpora, /data/shards, hunter22") == "/data/corpora, /data/shards, …"
