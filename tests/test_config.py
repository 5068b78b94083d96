"""Settings: precedence of the layers, and errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from paqa_builder.config import load, preset, presets
from paqa_builder.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "build.yaml"
    path.write_text("jobs: 3\nseed: 5\nlimit: 9\nstages:\n  tag: {backend: fake}\n")
    return path


def test_flag_beats_environment_beats_file_beats_preset(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAQA_JOBS", "7")
    monkeypatch.setenv("PAQA_SEED", "8")
    config = load({"jobs": 1}, file)
    assert (config.jobs, config.seed, config.limit) == (1, 8, 9)
    assert config.stages["tag"].backend == "fake"
    assert config.stages["diarize"].backend == preset("cpu")["stages"]["diarize"]["backend"]


def test_the_environment_reaches_into_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAQA_STAGES__TAG__BACKEND", "fake")
    assert load().stages["tag"].backend == "fake"


def test_a_preset_can_come_from_any_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("preset: fake\n")
    assert load({}, path).stages["separate"].backend == "fake"
    monkeypatch.setenv("PAQA_PRESET", "fake")
    assert load().stages["separate"].backend == "fake"


def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAQA_TESTDATA", "/somewhere")
    assert load().jobs is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jbos: 3", "jbos: unknown key"),
        ("jobs: many", "jobs: .*many"),
        ("jobs: 0", "jobs"),
        ("stages: {tag: {backnd: x}}", "stages.tag.backnd: unknown key"),
        ("- 1", "must be a mapping"),
        ("a: [", "not valid YAML"),
        ("preset: nope", "no preset is called 'nope'.*cpu"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load({}, path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load({}, tmp_path / "none.yaml")


@pytest.mark.parametrize("name", presets())
def test_every_preset_names_backends_that_exist(name: str) -> None:
    from paqa_builder import registry

    for stage, chosen in preset(name)["stages"].items():
        assert registry.get(stage, chosen["backend"]).stage == stage


def test_the_message_of_a_validator_is_shown_as_it_is() -> None:
    with pytest.raises(ConfigError, match="shard: there are only 2 shards"):
        load({"shard": "3/2"})


def test_the_work_folder_is_next_to_the_shards() -> None:
    assert load({"out": Path("demo/shards")}).work_folder == Path("demo/shards.work")


class TestVariables:
    @pytest.mark.parametrize(
        ("variable", "says"),
        [
            ("PAQA_JOB", "PAQA_JOB is no setting. Did you mean 'PAQA_JOBS'"),
            ("PAQA_OUTPUT", "PAQA_OUTPUT is no setting"),
            ("paqa_sead", "paqa_sead is no setting. Did you mean 'PAQA_SEED'"),
            ("PAQA_STAGE__TAG__BACKEND", "Did you mean 'PAQA_STAGES__TAG__BACKEND'"),
            ("PAQA_LLM_URL", "Did you mean PAQA_LLM__URL"),
            ("PAQA_JOBS__N", "PAQA_JOBS__N is no setting"),
            ("PAQA_CACH", "Did you mean 'PAQA_CACHE'"),
        ],
    )
    def test_an_unknown_variable_is_refused(
        self, variable: str, says: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, "1")
        with pytest.raises(ConfigError) as caught:
            load()
        assert says in caught.value.message

    @pytest.mark.parametrize("variable", ["PAQA_CACHE", "PAQA_TESTDATA", "PAQA_DATA", "PAQA_LLM__URL"])
    def test_known_variables_are_allowed(self, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(variable, "x")
        load()

    def test_a_list_that_is_not_json_is_an_error_with_advice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PAQA_PLUGINS", "plugin.py")
        with pytest.raises(ConfigError, match="must be JSON"):
            load()


class TestHome:
    KEYS = ("root", "out", "work")

    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))

    def test_every_path_of_the_flags(self, tmp_path: Path) -> None:
        config = load({name: Path(f"~/{name}") for name in self.KEYS} | {"plugins": ["~/p.py"]})
        assert [getattr(config, name) for name in self.KEYS] == [tmp_path / name for name in self.KEYS]
        assert config.plugins == [tmp_path / "p.py"]

    def test_every_path_of_a_file(self, tmp_path: Path) -> None:
        text = "".join(f"{name}: ~/{name}\n" for name in self.KEYS) + "templates: [~/t]\nplugins: [~/p.py]\n"
        (tmp_path / "c.yaml").write_text(text)
        config = load({}, Path("~/c.yaml"))
        assert [getattr(config, name) for name in self.KEYS] == [tmp_path / name for name in self.KEYS]
        assert (config.templates, config.plugins) == ([tmp_path / "t"], [tmp_path / "p.py"])

    def test_every_path_of_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in self.KEYS:
            monkeypatch.setenv(f"PAQA_{name.upper()}", f"~/{name}")
        monkeypatch.setenv("PAQA_TEMPLATES", '["~/t"]')
        config = load()
        assert [getattr(config, name) for name in self.KEYS] == [tmp_path / name for name in self.KEYS]
        assert config.templates == [tmp_path / "t"]

    def test_a_model_of_a_backend(self, tmp_path: Path) -> None:
        from paqa_builder.perception.backends.tag.panns import PannsOptions

        assert PannsOptions(model="~/m.pth").model == str(tmp_path / "m.pth")

    def test_a_folder_whose_name_begins_with_a_tilde_stays(self) -> None:
        assert load({"root": "~nosuchuser/x"}).root == Path("~nosuchuser/x")
