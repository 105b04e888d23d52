"""The model card carries what a person must know before using a voice."""

from __future__ import annotations

from xttslab.exporting.card import model_card


def card(coqui: bool = True, sheets: dict[str, str] | None = None, **scores: float) -> str:
    return model_card(
        name="combined_best",
        base="xtts_v2",
        out="voice",
        language="hu",
        voices=["greeting", "tension"],
        blend=0.8,
        data_sheets=sheets or {},
        scores=scores,
        coqui=coqui,
    )


def test_data_licence_consent_and_scores_are_on_it() -> None:
    text = card(sheets={"milliomos": "licence: CC-BY-4.0\nconsent: {by: A}\n"}, cer=0.0521)
    assert "licence: CC-BY-4.0\nconsent: {by: A}" in text
    assert "| cer | 0.0521 |" in text
    assert "Coqui Public Model License" in text
    assert "| blend of base and fine-tune | 0.8 |" in text
    assert 'synthesize("Jó napot!", speaker="greeting", language="hu")' in text


def test_what_is_unknown_is_said() -> None:
    text = card()
    assert "licence and consent are unknown" in text
    assert "Not measured." in text


def test_the_mini_does_not_promise_coqui() -> None:
    text = card(coqui=False)
    assert "Only xttslab loads this model" in text
    assert "Xtts.init_from_config" not in text
