"""Texts and paths of a command line reach the configuration as they were typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from tests.conftest import CONF
from xttslab.errors import UserError
from xttslab.overrides import Kind, defaults_of, kinds_of, plain, quote, quoted

KINDS: dict[str, Kind] = {
    **{"text": "text", "runs": "texts", "dataset": "group", "betas": "other"},
    **{"lr": "number", "resume": "switch", "wyoming_port": "number"},
    "trainer.gradient_clip_val": "number",
}
TEXTS = [
    "Nagyszerű teljesítmény!",
    "A, B, C vagy D?",
    "idézet: \"igen\", 'nem'",
    '"Jó," mondta, "menjünk!"',
    "(zárójel) [szögletes] {kapcsos}",
    "[szünet]",
    "egyenlő = jel, $dollár és ${csali}",
    "Azt írta: ${név} jött.",
    "\\${egy} \\\\${kettő}",
    "vissza\\per",
    "perjel a végén\\",
    "kettő \\' együtt",
    "it's ~tilde, #kettős: kereszt",
    "007",
    "1e3",
    "true",
    "NaN",
    "null!",
]


def reached(argument: str) -> Any:
    """What the configuration holds for an argument that Hydra parses."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    override = OverridesParser.create().parse_override(argument)
    config = OmegaConf.create({})
    OmegaConf.update(config, override.get_key_element().lstrip("+"), override.value())
    return OmegaConf.to_container(config, resolve=True)[override.key_or_group.lstrip("+")]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("key", ["text", "+text"])
def test_a_text_reaches_the_configuration_unchanged(text: str, key: str) -> None:
    (once,) = quote([f"{key}={text}"], KINDS)
    assert reached(once) == text
    assert quote([once], KINDS) == [once]  # a process that Lightning starts quotes again


@settings(max_examples=100, deadline=None)
@given(st.text("aűn:/.-_0 \\'\"$}{,=~[]()%#:", max_size=12))
def test_any_text_does(text: str) -> None:
    assert reached(f"text={quoted(text)}") == text
    assert plain(quoted(text)) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[Őszi,Téli]", ["Őszi", "Téli"]),
        ("[a, b=2 (új)]", ["a", "b=2 (új)"]),
        ("[ 'egy, kettő', három]", ["egy, kettő", "három"]),
        ("[O'Brien,${x}]", ["O'Brien", "${x}"]),
        ('[a "b, c"]', ['a "b', 'c"']),
        ("[best:demo_a,007]", ["best:demo_a", "007"]),
        ("[]", []),
    ],
)
def test_so_do_the_texts_of_a_list(value: str, expected: list[str]) -> None:
    (once,) = quote([f"runs={value}"], KINDS)
    assert reached(once) == expected
    assert quote([once], KINDS) == [once]


def test_a_sweep_splits_at_commas_that_no_space_follows() -> None:
    given = ["-m", "text=best:a,Őszi,c", "runs=[a,b],[ű]", "lr=1e-4,3e-4", "dataset=a,b"]
    assert quote(given, KINDS) == [
        *("-m", "text=best:a,'Őszi',c", "runs=[a,b],['ű']", "lr=1e-4,3e-4", "dataset=a,b")
    ]
    assert quote(["-m", "text=Jó, igen"], KINDS) == ["-m", "text='Jó, igen'"]
    assert quote(["-m", "text='a,b',c"], KINDS) == ["-m", "text='a,b',c"]
    assert quote(["-m", "text=choice(a,b)"], KINDS) == ["-m", "text=choice(a,b)"]


def test_other_values_stay_as_they_are() -> None:
    given = ["lr=${stage.lr}", "-m", "--help", "dataset=combined", "text=null", "hydra.x='a'"]
    assert quote(given, KINDS) == given
    assert quote(["dataset=Őszi kör"], KINDS) == ["dataset='Őszi kör'"]
    words = ["text=models/a_b.pth", "runs=[best:a,b-2]", "text=/C:/x"]  # commands stay readable
    assert quote(words, KINDS) == words


def test_a_leading_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ő")
    monkeypatch.setenv("USERPROFILE", "/home/ő")
    assert quote(["text=~/x.wav", "runs=[~/a,b~/c]"], KINDS) == [
        *("text='/home/ő/x.wav'", "runs=['/home/ő/a','b~/c']")
    ]
    assert plain("~ötven") == "~ötven"


@pytest.mark.parametrize(
    ("entry", "texts", "lists", "others"),
    [
        (
            "train",
            "run_name init_from data_dir output_dir codes_dir model.folder tracking.uri "
            "dataset.sources.milliomos evaluation.scoring.recogniser.model checkpoint.monitor",
            "train_only samples.score_sources adapter.targets",
            "optim.lr optim.betas trainer.gradient_clip_val trainer.devices seed resume "
            "samples.sentences batch.prompt_seconds hydra.sweep.dir stage.plain_steps",
        ),
        ("tune", "run_name tuning.study tuning.storage", "train_only", "tuning.trials"),
        ("prepare", "name source speaker data_dir transcripts.model", "checks.reject", "workers"),
        (
            "say",
            "run text text_file out language data_dir precision batch_file join",
            "speaker_wav category",
            "temperature settings.pace settings.seed longest",
        ),
        (
            "evaluate",
            "run out clips references texts other_speakers base_scores sentences.long",
            "rows others",
            "seeds",
        ),
        ("compare", "out", "runs", "listen verdict.nats"),
        ("export", "run out mlflow_model", "", "half blend"),
        ("import_run", "source run_name", "", "model.dropout"),
        ("report", "run out", "", "rules.enough"),
        ("review", "name data_dir host", "reasons", "port doubts.other"),
        ("sync", "uri output_dir", "", ""),
    ],
)
def test_what_holds_a_text_is_read_from_the_configuration(
    entry: str, texts: str, lists: str, others: str
) -> None:
    kinds = kinds_of(defaults_of(CONF, entry))
    assert {key for key in texts.split() if kinds.get(key) != "text"} == set()
    assert {key for key in lists.split() if kinds.get(key) != "texts"} == set()
    other = ("number", "switch", "other", None)
    assert {key for key in others.split() if kinds.get(key) not in other} == set()
    assert kinds["dataset"] == kinds["model"] == "group"


def test_null_is_an_unset_number_and_an_unset_text_is_empty() -> None:
    """`quote` tells them apart by it."""
    unset = set()
    for path in CONF.rglob("*.yaml"):
        unset |= {key for key, value in _leaves(yaml.safe_load(path.read_text("utf-8")))}
    assert unset == {
        *("temperature", "pace", "lufs", "plain_steps", "fused", "folders"),
        "trainer.gradient_clip_val",
        *("sweep", "output_subdir"),  # a group's choice, and one of Hydra's own
    }


def _leaves(content: dict[str, Any], above: str = "") -> list[tuple[str, None]]:
    found = []
    for key, value in content.items():
        if isinstance(value, dict):
            found += _leaves(value, f"{above}{key}.")
        elif value is None:
            found.append((f"{above}{key}", None))
    return found


def test_a_value_of_several_files_is_a_text_only_if_all_say_so(tmp_path: Path) -> None:
    (tmp_path / "group").mkdir()
    (tmp_path / "train.yaml").write_text("a: x\nb: ''\nc: ${group.n}\nd: ${.b}\n", encoding="utf-8")
    (tmp_path / "group/one.yaml").write_text("n: 2e-6\nm: auto\n", encoding="utf-8")
    (tmp_path / "group/two.yaml").write_text("n: 1\nm: 3\n", encoding="utf-8")
    kinds = kinds_of(defaults_of(tmp_path, "train"))
    assert kinds == {
        **{"a": "text", "b": "text", "c": "number", "d": "text"},
        **{"group.n": "number", "group.m": "other", "group": "group"},
    }


def test_numbers_and_switches_are_told_from_what_may_be_several_things() -> None:
    kinds = kinds_of(defaults_of(CONF, "train"))
    numbers = ("seed", "optim.lr", "adapter.rank", "trainer.max_epochs")
    assert {kinds[key] for key in numbers} == {"number"}
    assert {kinds[key] for key in ("resume", "compile", "checkpoint.half")} == {"switch"}
    # Lightning takes trainer.devices=auto, deterministic=warn and the like
    several = ("trainer.devices", "trainer.deterministic", "optim.betas")
    assert {kinds[key] for key in several} == {"other"}
    assert kinds_of(defaults_of(CONF, "say"))["settings.pace"] == "other"


@pytest.mark.parametrize(
    "argument",
    [
        *("lr=2e-6", "lr=-1", "lr=${a.b}", "+lr=1_000", "resume=True", "resume=1", "~lr"),
        *("wyoming_port=null", "+trainer.gradient_clip_val=null", "resume=null"),
    ],
)
def test_what_is_a_number_or_a_switch_stays_as_it_is(argument: str) -> None:
    assert quote([argument], KINDS) == [argument]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lr=kettő"], "lr=kettő: give a number"),
        (["lr=true"], "lr=true: give a number"),
        (["lr=null"], "lr=null: give a number"),
        (["text=???"], "text=???: means here that no value is given; write another one"),
        (["runs=[a,'???']"], "runs=???: means here that no value is given; write another one"),
        (["lr='1'"], "lr='1': give a number"),
        (["lr=1,2"], "lr=1,2: give a number; several at once need -m, a run for each"),
        (["-m", "lr=1,b"], "lr=b: give a number"),
        (["resume=igen"], "resume=igen: give true or false"),
        (["=3"], "=3: no option is named before =; write KEY=3"),
    ],
)
def test_what_is_none_is_refused_with_its_option(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        quote(arguments, KINDS)
    assert str(refused.value) == message


def test_a_sweep_over_numbers_and_switches_stays_as_it_is() -> None:
    swept = ["-m", "lr=1e-6,3e-6", "lr=choice(1,2)", "resume=true,false"]
    swept.append("trainer.gradient_clip_val=null,1.0")
    assert quote(swept, KINDS) == swept


def test_an_unknown_option_reaches_hydra_whatever_its_value() -> None:
    assert quote(["texxt=Jó!", "texxt=a"], KINDS) == ["texxt='Jó!'", "texxt=a"]
    kept = ["+new=[é]", "some.list=[1,2]", "~gone"]
    assert quote(kept, KINDS) == kept
