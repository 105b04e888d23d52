"""Adapters change nothing at first, train, and merge into plain weights of the same function."""

from __future__ import annotations

import pytest
import torch

from tests.model.test_gpt import SIZE, examples, our_forward
from xttslab.errors import UserError
from xttslab.model.adapters import SCALE, adapter_scale, add_lora, merge_adapters
from xttslab.model.base import load_gpt
from xttslab.model.checkpoints import write_tensors
from xttslab.model.gpt import XttsGpt
from xttslab.training.optim import train_adapters, trained_state

TARGETS = ["c_attn", "c_proj", "c_fc"]


@pytest.fixture
def plain() -> XttsGpt:
    torch.manual_seed(1)
    return XttsGpt(**SIZE).eval()


@pytest.fixture
def adapted(plain: XttsGpt) -> XttsGpt:
    """A copy of `plain` with adapters that have been trained (B is no longer zero)."""
    torch.manual_seed(2)
    model = XttsGpt(**SIZE).eval()
    model.load_state_dict(plain.state_dict())
    add_lora(model, rank=4, alpha=6, dropout=0.0, targets=TARGETS)
    train_adapters(model, ["heads"])
    for name, parameter in model.named_parameters():
        if ".lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def mel_ce(model: XttsGpt) -> float:
    return our_forward(model, examples(4))[1].item()


def test_fresh_adapters_change_nothing(plain: XttsGpt) -> None:
    before = mel_ce(plain)
    add_lora(plain, rank=4, alpha=8, dropout=0.0, targets=TARGETS)
    assert mel_ce(plain.eval()) == before


def test_adapters_and_named_parts_alone_are_trained(adapted: XttsGpt) -> None:
    trained = {name for name, value in adapted.named_parameters() if value.requires_grad}
    heads = {f"{part}_head.{kind}" for part in ("text", "mel") for kind in ("weight", "bias")}
    assert trained == heads | {name for name in trained if ".lora_" in name}
    assert len(trained) == len(heads) + 2 * 4 * SIZE["layers"]
    assert adapter_scale(adapted) == 1.5
    our_forward(adapted, examples(2))[1].backward()
    assert all((p.grad is not None) == p.requires_grad for p in adapted.mel_head.parameters())
    assert adapted.gpt.h[0].attn.c_attn.base_layer.weight.grad is None


def test_merged_weights_are_the_same_function_under_coquis_names(plain, adapted) -> None:
    expected = mel_ce(adapted)
    assert abs(mel_ce(plain) - expected) > 1e-3
    state = adapted.state_dict()
    merged = merge_adapters(state, state, adapter_scale(adapted))
    assert set(merged) <= set(plain.state_dict())
    assert {name for name in merged if "mlp.c_fc" in name} == {
        f"gpt.h.{layer}.mlp.c_fc.weight" for layer in range(SIZE["layers"])
    }
    plain.load_state_dict(merged, strict=False)  # biases have no adapter
    assert mel_ce(plain) == pytest.approx(expected, abs=1e-5)


def test_a_saved_adapter_loads_into_the_model_it_was_trained_beside(
    plain, adapted, tmp_path
) -> None:
    file = tmp_path / "best.safetensors"
    state = trained_state(adapted)
    write_tensors(file, {**{f"gpt.{k}": v for k, v in state.items()}, SCALE: torch.tensor(1.5)})
    load_gpt(plain, file, partial=True)
    assert mel_ce(plain) == pytest.approx(mel_ce(adapted), abs=1e-5)


def test_merging_adds_the_scaled_product(plain: XttsGpt) -> None:
    name = "gpt.h.0.attn.c_proj"
    up, down = torch.ones(64, 2), torch.full((2, 64), 0.5)
    adapters = {f"{name}.lora_A.default.weight": down, f"{name}.lora_B.default.weight": up}
    before = plain.state_dict()[f"{name}.weight"]
    merged = merge_adapters(adapters, plain.state_dict(), scale=2.0)
    assert set(merged) == {f"{name}.weight"}
    torch.testing.assert_close(merged[f"{name}.weight"], before + 2.0)


def test_a_target_that_is_in_no_block_is_named(plain: XttsGpt) -> None:
    with pytest.raises(UserError, match=r"adapter.targets: 'q_proj' is in no block; use c_attn"):
        add_lora(plain, rank=4, alpha=8, dropout=0.0, targets=["q_proj"])
