"""`compile=true` compiles the GPT, once, and the run goes on as it was."""

from __future__ import annotations

import pytest

from tests.training.test_run import losses
from xttslab.model.gpt import XttsGpt
from xttslab.training.run import train


def test_the_gpt_alone_is_compiled_when_asked(workplace, tiny, monkeypatch) -> None:
    compiled = []
    monkeypatch.setattr(XttsGpt, "compile", lambda self: compiled.append(self))
    train(tiny("run_name=plain", "trainer.max_epochs=1"))
    assert not compiled
    train(tiny("run_name=compiled", "trainer.max_epochs=1", "compile=true"))
    assert len(compiled) == 1
    assert losses("compiled")[1] == pytest.approx(losses("plain")[1], abs=1e-6)
