"""Every shipped configuration composes, and says what it promises."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.conftest import CONF
from xttslab.tracking.run_tracker import RunTracker


def listed(path: Path) -> list[str]:
    """The groups, and files of groups, that a file's list of defaults names."""
    entries = OmegaConf.load(path).get("defaults", [])
    names = [str(n) for entry in entries for n in ([entry] if isinstance(entry, str) else entry)]
    return [name.removeprefix("override ").strip("/").partition("@")[0] for name in names]


GROUPS = sorted(
    f"{group}={path.stem}"
    for group in listed(CONF / "train.yaml")
    for path in (CONF / group).glob("*.yaml")
)


@pytest.mark.parametrize("choice", GROUPS)
def test_every_choice_composes(compose, choice: str) -> None:
    OmegaConf.to_container(compose(choice), resolve=True)


def test_every_file_is_of_a_group_that_something_reads() -> None:
    files = {path: path.relative_to(CONF).with_suffix("") for path in CONF.rglob("*.yaml")}
    read = {name for path in files for name in listed(path)} | {"."}
    unread = [
        str(name)
        for name in files.values()
        if name.parent.as_posix() not in read and name.as_posix() not in read
    ]
    assert unread == []


@pytest.mark.parametrize("path", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda p: p.stem)
def test_an_experiment_starts_with_its_command(path: Path) -> None:
    package, command = path.read_text(encoding="utf-8").splitlines()[:2]
    assert package == "# @package _global_"  # Hydra reads it from the first line only
    assert command == f"# python -m xttslab.train experiment={path.stem}"


def test_the_first_cycle_is_that_of_the_reference_analysis(compose) -> None:
    config = compose("experiment=milliomos")
    assert config.dataset.name == "milliomos"
    assert config.trainer.max_epochs == 30
    assert config.optim.lr == 3e-6
    assert config.batch.clips == 3
    assert config.trainer.gradient_clip_val is None
    assert config.checkpoint.patience == 0
    assert config.scheduler._target_.endswith("constant")


def test_the_second_cycle_is_judged_on_the_first_sets_clips(compose) -> None:
    config = compose("experiment=combined")
    assert config.init_from == "best:milliomos"
    assert config.checkpoint.monitor == "eval/milliomos/mel_ce"
    assert (config.optim.lr, config.trainer.max_epochs) == (2e-6, 30)
    assert config.trainer.gradient_clip_val == 1.0
    assert config.scheduler._target_.endswith("cosine")


def test_the_sentences_are_numbered_as_in_the_reference_analysis(compose) -> None:
    sentences = compose().samples.sentences
    assert len(sentences) == 14
    assert (sentences[2].category, sentences[2].text) == ("greeting", "Nagyszerű teljesítmény!")
    assert (sentences[9].category, sentences[9].text) == ("tension", "Ez egy nagyon nehéz kérdés.")
    counts = {entry.category: 0 for entry in sentences}
    for entry in sentences:
        counts[entry.category] += 1
    assert set(counts.values()) == {2}
    assert len(counts) == 7


def test_samples_are_the_first_sentences_that_are_evaluated(compose) -> None:
    texts: dict[str, list[str]] = {}
    for entry in compose().samples.sentences:
        texts.setdefault(entry.category, []).append(entry.text)
    evaluated = OmegaConf.load(CONF / "sentences/quiz_show.yaml")
    assert texts == {category: first[:2] for category, first in evaluated.items()}
    evaluation = OmegaConf.load(CONF / "evaluation/sentences.yaml")
    assert {"/sentences@categories": "quiz_show"} in evaluation.defaults


def test_python_code_tracks_where_the_commands_do(compose) -> None:
    start = signature(RunTracker.start).parameters
    usual = {name: start[name].default for name in ("uri", "experiment")}
    assert compose().tracking == usual


def test_xtts_v2_is_described_as_it_is(compose) -> None:
    model = compose().model
    assert (model.architecture.layers, model.architecture.model_dim) == (30, 1024)
    assert model.architecture.num_audio_tokens == 1026
    assert set(model.files.values()) == {
        *("model.pth", "config.json", "vocab.json", "dvae.pth", "mel_stats.pth"),
    }


@pytest.mark.parametrize("name", ["milliomos", "milliomos_tuned", "combined"])
def test_both_cycles_have_the_gates_of_the_reference_analysis(compose, name: str) -> None:
    gates = compose(f"experiment={name}").gates
    assert [(g.metric, g.get("below", g.get("at_least"))) for g in gates.minimum] == [
        ("eval/mel_ce", 3.5),
        ("eval/text_ce_weighted", 0.025),
        ("score/overall", 8.0),
    ]
    assert list(gates) == ["minimum", "target", "stretch", "expected"]


def test_the_plain_gates_bound_no_loss_and_agree_with_the_rules(compose) -> None:
    config = compose()
    bounded = {gate.metric for gates in config.gates.values() for gate in gates}
    assert not any(name.endswith("_ce") for name in bounded - {"gap/mel_ce"})
    minimum = {gate.metric: gate for gate in config.gates.minimum}
    assert minimum["gap/mel_ce"].below == config.rules.gap.severe
    assert minimum["eval/text_gain"].at_least == config.rules.text_gain.least


@pytest.mark.parametrize("group", ["hardware", "experiment", "sweep"])
def test_a_misspelt_choice_is_no_silent_default(compose, group: str) -> None:
    from hydra.errors import MissingConfigException

    with pytest.raises(MissingConfigException, match=f"Could not find '{group}/nincs'"):
        compose(f"{group}=nincs")


@pytest.mark.parametrize(
    ("command", "group"),
    [(name, "dataset") for name in ("say", "serve", "evaluate", "import_run")]
    + [("report", "gates"), ("compare", "gates")],
)
def test_what_a_command_need_not_be_given_is_no_silent_default(
    compose, command: str, group: str
) -> None:
    from hydra.errors import MissingConfigException

    assert compose(name=command).get(group) is None
    with pytest.raises(MissingConfigException, match=f"Could not find '{group}/nincs'"):
        compose(f"{group}=nincs", name=command)


@pytest.mark.parametrize("path", sorted((CONF / "sweep").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_sweep_starts_with_its_command_and_says_what_it_varies(compose, path: Path) -> None:
    package, command = path.read_text(encoding="utf-8").splitlines()[:2]
    assert package == "# @package _global_"
    sweep = compose(f"sweep={path.stem}").sweep
    assert sweep.name == path.stem
    program = "tune" if "space" in sweep else "train -m"
    assert command == f"# python -m xttslab.{program} sweep={path.stem}"


def test_a_search_composes_with_every_setting_of_a_training(compose) -> None:
    config = compose("dataset=combined", name="tune")
    assert config.tuning.study == "lr_combined_xtts_v2"
    assert set(config.sweep.space) == {"optim.lr", "scheduler", "optim.weight_decay"}
    assert config.trainer.max_epochs == compose("dataset=combined").trainer.max_epochs


def test_one_set_of_sampling_defaults(compose) -> None:
    from hydra.utils import instantiate

    from tests.conftest import sampling
    from xttslab.model.voice import Speaking
    from xttslab.speaking.loading import default_settings

    usual = default_settings(CONF)
    assert usual == Speaking(sampling(greedy=False), speed=1.0, pace=None, seed=7, trim_babble=True)
    assert usual.sampling.repetition_penalty == 5.0
    for name in ("say", "evaluate", "export"):
        assert instantiate(compose(name=name).settings) == usual
    samples = compose(name="train").samples
    rules = ("temperature", "top_k", "top_p", "repetition_penalty")
    assert all(samples[rule] == getattr(usual.sampling, rule) for rule in rules)


@pytest.mark.parametrize("name", ["demo", "demo_combined", "demo_voice"])
def test_the_demo_ends_two_epochs_after_its_best(compose, name: str) -> None:
    config = compose(f"experiment={name}")
    assert 0 < config.checkpoint.patience <= 2
    assert [one.category for one in config.samples.sentences] == [
        "confirmation", "greeting", "excitement", "neutral", "tension", "question", "transition",
    ]  # fmt: skip


def test_tests_get_what_hydra_composes(compose, tiny) -> None:
    """The fixture composes groups once and sets values in copies."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    from tests.conftest import QUICK, TINY_MODEL

    chosen = ("stage=decoder", "optim.lr=1e-5", "+trainer.limit_train_batches=2", "train_only=[a]")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        expected = hydra_compose("train", ["dataset=milliomos", *TINY_MODEL, *QUICK, *chosen])
    assert tiny(*chosen) == expected
    changed = compose("seed=3")
    changed.trainer.max_epochs = 99
    assert compose("seed=3").trainer.max_epochs != 99
