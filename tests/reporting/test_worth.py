"""Whether a run is better than its base, and what is said where that cannot be known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.reporting.cards import voice_card
from tests.reporting.runs import analysed, calm_run, falling, gates, overfitted_run, rules
from xttslab.evaluation.card_output import write_card
from xttslab.evaluation.scorecard import Scorecard
from xttslab.reporting.analysis import analyse
from xttslab.reporting.build import write_report
from xttslab.reporting.run_data import RunData
from xttslab.reporting.summary import best_and_worst, curve_of, score_bars, system_rows

TEXTS = [f"{number}. mondat." for number in range(1, 15)]
BASE = {"voice_similarity": 6.4, "pronunciation": 8.7, "naturalness": 9.2, "smoothness": 8.5}
CARD, BASE_CARD = "evaluation/scorecard.json", "evaluation/scorecards/zero_shot.json"


def scored(folder: Path, cards: dict[str, Scorecard], of: RunData | None = None) -> RunData:
    files = {}
    for number, (name, card) in enumerate(cards.items()):
        files[name] = folder / f"{number}.json"
        write_card(files[name], card)
    run = of or calm_run()
    return replace(run, files={**run.files, **files})


def beside_base(folder: Path, seed: int = 1, **levels: float) -> RunData:
    own = voice_card(BASE | levels, TEXTS, seed=seed)
    return scored(folder, {CARD: own, BASE_CARD: voice_card(BASE, TEXTS, seed=0)})


def answers(run: RunData) -> dict[str, str]:
    return {answer.aspect: answer.state for answer in analysed(run).worth.answers}


def test_a_voice_that_came_nearer_is_worth_it(tmp_path: Path) -> None:
    found = analyse(beside_base(tmp_path, voice_similarity=8.0), rules(), {})
    assert answers(found.run) == {
        "voice_similarity": "better",
        "pronunciation": "no better",
        "naturalness": "no better",
    }
    nearer = found.worth.answers[0]
    assert (nearer.question, nearer.said) == ("Nearer to the speaker", "yes")
    assert nearer.numbers.endswith(", 28 pairs)")
    assert found.judgement.headline == "Better than the base: deploy it (checkpoint of epoch 30)"


def test_a_run_equal_to_its_base_is_no_better_than_it(tmp_path: Path) -> None:
    for seed in range(1, 6):
        found = analysed(beside_base(tmp_path, seed))
        assert found.judgement.headline == "No better than the base: do not deploy it"
        assert found.judgement.no_gain
    advice = {entry.rule: entry for entry in found.advice}
    assert advice["no_better"].what == (
        "Train longer, or on more recordings; the voice itself is the decoder's: "
        "stage=decoder init_from=calm."
    )


def test_nearer_but_less_natural_is_to_be_listened_to(tmp_path: Path) -> None:
    run = beside_base(tmp_path, voice_similarity=8.4, naturalness=7.0)
    assert analysed(run).judgement.headline == (
        "Nearer to the speaker, but less natural than the base: listen before you deploy it"
    )


def test_a_worse_voice_is_trained_more_gently(tmp_path: Path) -> None:
    found = analysed(beside_base(tmp_path, pronunciation=6.0))
    assert found.judgement.headline == "Worse than the base: do not deploy it"
    assert found.worth.answers[1].said == "no: less well understood"
    assert next(a for a in found.advice if a.rule == "no_better").what.startswith(
        "Train more gently"
    )


def test_another_voice_is_said_first_whatever_the_base_is(tmp_path: Path) -> None:
    levels = {"voice_similarity": 1.2, "pronunciation": 7.3, "naturalness": 6.2}
    cards = {CARD: voice_card(levels, TEXTS, seed=1), BASE_CARD: voice_card(levels, TEXTS)}
    written = write_report(scored(tmp_path, cards), rules(), gates(), tmp_path / "report")
    text = written.markdown.read_text(encoding="utf-8").splitlines()[:5]
    assert text[0] == "# The voice is not the speaker's: do not deploy it"
    assert text[2].startswith("- **Nearer to the speaker**: no – ")
    page = written.html.read_text(encoding="utf-8")
    main = page[page.index("<main>") :]
    assert main.index("The voice is not the speaker&#39;s: do not deploy it") < 400
    assert "Voice similarity is 1." in main


def test_a_gate_that_is_not_met_holds_a_better_voice_back(tmp_path: Path) -> None:
    bound = {"name": "Pronunciation", "metric": "score/pronunciation", "at_least": 9.5}
    run = beside_base(tmp_path, voice_similarity=8.0)
    found = analyse(run, rules(), {"minimum": [bound]}).judgement
    assert found.headline == "Better than the base, but not good enough to deploy"
    assert found.reasons[0].startswith("Not met: Pronunciation 8.")
    assert found.reasons[0].endswith("(at least 9.5).")


def test_a_better_voice_that_still_learns_is_trained_on(tmp_path: Path) -> None:
    young = RunData("young", histories={"eval/mel_ce": falling(6.0, 3.0, 20, rate=0.05)})
    cards = {
        CARD: voice_card(BASE | {"voice_similarity": 8.0}, TEXTS, seed=1),
        BASE_CARD: voice_card(BASE, TEXTS),
    }
    found = analyse(scored(tmp_path, cards, young), rules(), {}).judgement
    assert found.headline == "Better than the base; train it on, to about epoch 40"


def test_without_the_base_the_command_is_named(tmp_path: Path) -> None:
    unscored = analysed(calm_run())
    assert unscored.judgement.headline == "Not known yet whether it is better than the base"
    assert unscored.judgement.reasons[0] == (
        "the run was not scored: python -m xttslab.evaluate run=calm"
    )
    alone = analysed(scored(tmp_path, {CARD: voice_card(BASE, TEXTS)}))
    assert alone.judgement.reasons[0] == (
        "its base was not scored: python -m xttslab.evaluate run=calm"
    )


def test_in_training_the_samples_of_epoch_0_are_the_base(tmp_path: Path) -> None:
    cards = {
        "samples/epoch_000/scorecard.json": voice_card(BASE, TEXTS),
        "samples/epoch_012/scorecard.json": voice_card(
            BASE | {"voice_similarity": 8.0}, TEXTS, seed=1
        ),
    }
    run = scored(tmp_path, cards, overfitted_run())
    found = analysed(run).worth
    assert (found.base, found.state) == ("the base", "better")
    assert found.origin == "the samples of epoch 12"
    went_on = replace(run, tags={"init_from_name": "milliomos"})
    assert analysed(went_on).worth.against == "Better than its start, milliomos"


def test_no_epoch_better_than_the_start_is_no_better_than_the_base() -> None:
    rising = RunData("worse", histories={"eval/mel_ce": {e: 4.0 + e / 10 for e in range(10)}})
    found = analysed(rising)
    assert found.judgement.headline == "No better than the base: do not deploy it"
    assert "the weights are the same" in found.judgement.reasons[0]


def test_only_common_sentences_are_compared_and_it_is_said(tmp_path: Path) -> None:
    cards = {CARD: voice_card(BASE, TEXTS[:8], seed=1), BASE_CARD: voice_card(BASE, TEXTS[2:])}
    found = analysed(scored(tmp_path, cards)).worth
    assert found.answers[0].difference.count == 12
    assert found.notes == [
        "only 12 utterances are common to both (the run has 16, the base 24): nothing else is "
        "compared"
    ]


@pytest.mark.parametrize(("texts", "said"), [(1, "1 sentence in"), (4, "4 sentences in")])
def test_few_sentences_conclude_nothing(tmp_path: Path, texts: int, said: str) -> None:
    better = BASE | {"voice_similarity": 9.9}
    cards = {
        CARD: voice_card(better, TEXTS[:texts], seed=1),
        BASE_CARD: voice_card(BASE, TEXTS[:texts]),
    }
    found = analysed(scored(tmp_path, cards))
    assert found.worth.state == "not measured"
    assert found.judgement.reasons[0].startswith(f"{said} common conclude nothing: it takes 5")


def test_an_aspect_that_one_of_them_lacks_says_why(tmp_path: Path) -> None:
    own = {name: level for name, level in BASE.items() if name != "pronunciation"}
    cards = {CARD: voice_card(own, TEXTS, seed=1), BASE_CARD: voice_card(BASE, TEXTS)}
    found = analysed(scored(tmp_path, cards)).worth.answers[1]
    assert (found.state, found.difference) == ("not measured", None)
    assert found.numbers == "pronunciation of the run: nothing to measure it with"


def test_all_systems_stand_in_one_table(tmp_path: Path) -> None:
    cards = {
        CARD: voice_card(BASE | {"voice_similarity": 8.0}, TEXTS, seed=1),
        BASE_CARD: voice_card(BASE, TEXTS),
        "evaluation/scorecards/omnivoice.json": voice_card(BASE, TEXTS[:6], seed=3),
        "evaluation/scorecards/real.json": voice_card(BASE, ["Valódi."], seed=4),
    }
    found = analysed(scored(tmp_path, cards))
    rows = system_rows(found, draws=200)
    assert [row.name for row in rows] == ["real recordings", "calm", "the base", "omnivoice"]
    assert [row.against and row.against.count for row in rows] == [None, None, 28, 12]
    assert rows[2].against.value > 0
    title, own, of_base, _ = score_bars(found)[0]
    assert (title, own.value > 7.5, 6 < of_base < 7) == ("Voice similarity", True, True)
    assert [group.heading for group in best_and_worst(found)] == ["Best", "Worst"]


def test_the_curve_shows_the_chosen_epoch_of_every_run() -> None:
    one, other = analysed(calm_run()), analysed(overfitted_run(best=12))
    alone = curve_of([other])
    assert [line.name for line in alone.lines] == ["eval/mel_ce", "train_eval/mel_ce"]
    assert [label for _, label, _ in alone.marks] == ["chosen: epoch 12"]
    both = curve_of([one, other])
    assert [label for _, label, _ in both.marks] == ["epoch 30", "epoch 12"]


def test_runs_that_watch_different_losses_are_drawn_by_one_that_both_have() -> None:
    """A combined run watches its first source's clips, whose loss the first run has too."""
    first, second = calm_run(), overfitted_run(best=12)
    shared = "eval/milliomos/mel_ce"
    for run in (first, second):
        run.histories[shared] = dict(run.histories["eval/mel_ce"])
    second.tags["monitor"] = shared
    both = curve_of([analysed(first), analysed(second)])
    assert both.title == f"{shared}: lower is better"
    assert [line.name for line in both.lines] == [first.name, second.name]
    assert len(both.marks) == 2
    del first.histories[shared]
    assert len(curve_of([analysed(first), analysed(second)]).lines) == 2  # by eval/mel_ce
