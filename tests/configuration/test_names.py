"""What searches are called: two tables are two tasks, another `_target_` is another model."""

from pathlib import Path

import pytest

from pipeline.configuration.composition import compose_config
from pipeline.configuration.config import ConfigError
from pipeline.configuration.names import named, stem

TABLE = ["dataset=csv", "dataset.target=y"]


@pytest.mark.parametrize(
    ("overrides", "name", "registered"),
    [
        ([*TABLE, "dataset.path=a/houses.csv"], "houses-mlp-random", "houses-mlp"),
        ([*TABLE, "dataset.path=houses.csv.gz"], "houses-mlp-random", "houses-mlp"),
        (
            ["dataset=images", "dataset.path='~/v1.2/'", "model=cnn"],
            "v1.2-cnn-random",
            "v1.2-cnn",
        ),
        (["model._target_=mine.Net"], "digits-mine.Net-random", "digits-mine.Net"),
        (["strategy._target_=mine.Halves"], "digits-mlp-mine.Halves", "digits-mlp"),
        (["dataset._target_=mine.load"], "points-mlp-random", "points-mlp"),
        (["dataset._target_=mine.load", "name=N"], "N", "points-mlp"),
        (
            ["dataset._target_=mine.load", "tracking.registered_model=null"],
            "points-mlp-random",
            None,
        ),
    ],
)
def test_names_are_those_of_the_data_and_the_model(
    overrides, name, registered, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "v1.2").mkdir()
    config = named(compose_config(overrides), "points")
    assert (config.name, config.tracking.registered_model) == (name, registered)
    assert f"{config.names.dataset}-{config.names.model}-{config.names.strategy}" in (
        name,
        "points-mlp-random",
    )
    assert config.tracking.experiment == config.names.dataset


def test_a_choice_of_the_users_own_keeps_its_name(tmp_path):
    for group, target in (("model", "mine.Net"), ("dataset", "mine.load")):
        (tmp_path / group / "own").mkdir(parents=True)
        (tmp_path / group / "own" / "first.yaml").write_text(f"_target_: {target}\n")
    overrides = ["model=own/first", "dataset=own/first"]
    config = named(compose_config(overrides, str(tmp_path)), "points")
    assert config.name == "points-own-first-random"
    config = named(compose_config([*overrides, "model._target_=mine.B"], str(tmp_path)), "points")
    assert config.name == "points-mine.B-random"


def test_a_choice_that_has_its_target_from_another_keeps_its_name(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "wide.yaml").write_text("defaults: [mlp]\n")
    assert compose_config(["model=wide"], str(tmp_path)).name == "digits-wide-random"


def test_a_dataset_whose_name_cannot_be_one_is_refused():
    with pytest.raises(
        ConfigError, match=r"name must be a name without / .* or :; received 'a/b-mlp"
    ):
        named(compose_config(["dataset._target_=mine.load"]), "a/b")
    with pytest.raises(ConfigError, match="model must be one choice, model=NAME"):
        compose_config(["model=[mlp,cnn]"])


def test_a_stem_is_without_format_and_compression(tmp_path):
    assert [stem(Path(p)) for p in ("a/b.csv", "b.tar.gz", "b", "b.v1.csv")] == [
        "b",
        "b",
        "b",
        "b.v1",
    ]
    assert stem(tmp_path / "x" / ".." / "b.csv.zst") == "b"
