"""The model card carries what a person must know before using a voice."""

from __future__ import annotations

from xttslab.exporting.card import model_card


def card(
    coqui: bool = True,
    sheets: dict[str, str] | None = None,
    blend: float = 1.0,
    epoch: int | None = 12,
    **scores: float,
) -> str:
    return model_card(
        name="combined_best",
        base="xtts_v2",
        out="voice",
        language="hu",
        voices=["greeting", "tension"],
        blend=blend,
        data_sheets=sheets or {},
        epoch=epoch,
        scores=scores,
        coqui=coqui,
    )


def test_data_licence_consent_and_scores_are_on_it() -> None:
    text = card(sheets={"milliomos": "licence: CC-BY-4.0\nconsent: {by: A}\n"}, cer=0.0521)
    assert "licence: CC-BY-4.0\nconsent: {by: A}" in text
    assert "Of these weights, those of epoch 12.\n\n| metric | value |" in text
    assert "| cer | 0.0521 |" in text
    assert "Coqui Public Model License" in text
    assert "| blend of base and fine-tune | 1 |" in text
    assert 'synthesize("Jó napot!", speaker="greeting", language="hu")' in text


def test_what_is_unknown_is_said() -> None:
    text = card()
    assert "licence and consent are unknown" in text
    assert "The weights of epoch 12 are not measured; evaluate the run and export" in text
    assert "These weights are not measured; evaluate" in card(epoch=None)
    blended = card(blend=0.8)
    assert "| blend of base and fine-tune | 0.8 |" in blended
    assert "Not measured: nobody evaluated this blend of base and fine-tune (0.8)." in blended


def test_the_mini_does_not_promise_coqui() -> None:
    text = card(coqui=False)
    assert "Only xttslab loads this model" in text
    assert "Xtts.init_from_config" not in text
