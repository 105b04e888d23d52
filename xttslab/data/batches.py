"""Collates examples (text tokens, audio codes, prompt) into `Batch` records in a packed layout.

XTTS reads `[prompt latents | start, text | start, codes, stop, stop, stop]`. The parts of a clip
lie back to back and padding stands only at the end of a row, so attention is plainly causal and
needs no mask. Positions are learned per part, hence this is the same function as Coqui's
`[prompt | text … pad | codes … pad]` with its mask (proved in tests/model/test_gpt.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

LossMask = Literal["fixed", "coqui", "none"]
STOPS = 4  # stop targets that XTTS counts after the codes of every clip (code_lengths + 3, + 1)
IGNORED = -1
CODE, STOP, AFTER_STOP = 0, 1, 2  # kinds of audio target
COQUI_STRIDE = 4  # Coqui divides prompt spans by the mel hop (256), codes are 1,024 samples long


@dataclass(frozen=True)
class TokenSpec:
    """Token numbers of one XTTS model, and whether training shows it the text's stop token.

    Coqui masks that token in training yet feeds it when speaking; XTTS-v2 was trained so.
    """

    start_text: int
    stop_text: int
    start_audio: int
    stop_audio: int
    prompt_latents: int = 32
    text_stop_seen: bool = False


@dataclass(frozen=True)
class Example:
    """One clip of one step. `prompt` is a slice of a conditioning mel; `prompt_span` says which
    of the clip's own codes it covers (None when the prompt is another clip)."""

    row: int  # of the clip in its data set
    text: np.ndarray  # (T_text,) token numbers, without start and stop
    codes: np.ndarray  # (T_codes,)
    prompt: np.ndarray  # (80, frames)
    prompt_span: tuple[int, int] | None = None  # [first, last) in codes


@dataclass(frozen=True)
class Batch:
    """B clips in the packed layout; L is the longest packed row, N_t and N_m count targets."""

    rows: Tensor  # (B,) clips in the data set
    text: Tensor  # (B, T_text) inputs: start, text
    audio: Tensor  # (B, T_audio) inputs: start, codes, stop, stop, stop
    order: Tensor  # (B, L) packed position → position in [latents | text | audio]
    text_at: Tensor  # (N_t,) positions in the flattened (B · L) rows that predict text
    text_targets: Tensor  # (N_t,)
    text_rows: Tensor  # (N_t,) which of the B clips
    audio_at: Tensor  # (N_m,)
    audio_targets: Tensor  # (N_m,), IGNORED where the prompt covers the code
    audio_rows: Tensor  # (N_m,)
    audio_kinds: Tensor  # (N_m,) CODE, STOP or AFTER_STOP
    prompts: tuple[tuple[Tensor, Tensor], ...]  # groups of equal length: rows (n,), mel (n, 80, F)

    def to(self, device: torch.device, non_blocking: bool = False) -> Batch:
        """The same batch on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory, from which copies to a GPU overlap with work."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Any) -> Batch:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        prompts = tuple((change(rows), change(mel)) for rows, mel in values.pop("prompts"))
        return Batch(prompts=prompts, **{name: change(value) for name, value in values.items()})


def collate(examples: Sequence[Example], spec: TokenSpec, mask: LossMask) -> Batch:
    """Pack examples; `mask` says which codes that the prompt shows are left out of the loss.

    fixed: every clip's, in code units, never a stop. coqui: as Coqui's GPT.forward does (the last
    clip only, spans four times too far, stops included). none: nothing is left out (evaluation).
    """
    texts = [_text_inputs(example.text, spec) for example in examples]
    audios = [_audio_inputs(example.codes, spec) for example in examples]
    text, audio = _pad(texts, spec.stop_text), _pad(audios, spec.stop_audio)
    order, starts = _pack([len(t) for t in texts], [len(a) for a in audios], text.shape[1], spec)
    length = order.shape[1]
    text_at, text_targets, audio_at, audio_targets, kinds = [], [], [], [], []
    for i, example in enumerate(examples):
        scored = len(example.text) + 1
        text_at.append(i * length + spec.prompt_latents + np.arange(scored))
        text_targets.append(np.append(example.text, spec.stop_text))
        audio_at.append(i * length + starts[i] + np.arange(len(audios[i])))
        last = i == len(examples) - 1
        audio_targets.append(_audio_targets(example, spec, mask, last))
        codes = len(example.codes)
        kinds.append(np.repeat([CODE, STOP, AFTER_STOP], [codes, 1, STOPS - 1]))
    return Batch(
        rows=torch.tensor([example.row for example in examples]),
        text=text,
        audio=audio,
        order=order,
        text_at=_joined(text_at),
        text_targets=_joined(text_targets),
        text_rows=_rows_of(text_at),
        audio_at=_joined(audio_at),
        audio_targets=_joined(audio_targets),
        audio_rows=_rows_of(audio_at),
        audio_kinds=_joined(kinds),
        prompts=_prompt_groups([example.prompt for example in examples]),
    )


def _text_inputs(text: np.ndarray, spec: TokenSpec) -> np.ndarray:
    stop = [spec.stop_text] if spec.text_stop_seen else []
    return np.concatenate([[spec.start_text], text, stop]).astype(np.int64)


def _audio_inputs(codes: np.ndarray, spec: TokenSpec) -> np.ndarray:
    stops = [spec.stop_audio] * (STOPS - 1)
    return np.concatenate([[spec.start_audio], codes, stops]).astype(np.int64)


def _audio_targets(example: Example, spec: TokenSpec, mask: LossMask, last: bool) -> np.ndarray:
    targets = np.append(example.codes.astype(np.int64), [spec.stop_audio] * STOPS)
    if example.prompt_span is None or mask == "none":
        return targets
    first, end = example.prompt_span
    if mask == "fixed":
        targets[first : min(end, len(example.codes))] = IGNORED
    elif last:
        targets[first * COQUI_STRIDE : end * COQUI_STRIDE] = IGNORED
    return targets


def _pack(
    texts: Sequence[int], audios: Sequence[int], text_width: int, spec: TokenSpec
) -> tuple[Tensor, list[int]]:
    """Where each packed position comes from, and where each clip's audio part starts."""
    latents = spec.prompt_latents
    starts = [latents + text for text in texts]
    length = max(start + audio for start, audio in zip(starts, audios, strict=True))
    order = np.zeros((len(texts), length), dtype=np.int64)
    for i, (text, audio) in enumerate(zip(texts, audios, strict=True)):
        order[i, : latents + text] = np.arange(latents + text)
        order[i, starts[i] : starts[i] + audio] = latents + text_width + np.arange(audio)
    return torch.from_numpy(order), starts


def _prompt_groups(prompts: Sequence[np.ndarray]) -> tuple[tuple[Tensor, Tensor], ...]:
    """Prompts of one length go through the conditioning encoder together, never padded: its group
    norm runs over time and would mix the padding into the voice."""
    groups: dict[int, list[int]] = {}
    for i, prompt in enumerate(prompts):
        groups.setdefault(prompt.shape[1], []).append(i)
    return tuple(
        (
            torch.tensor(members),
            torch.from_numpy(np.stack([prompts[i] for i in members]).astype(np.float32)),
        )
        for members in groups.values()
    )


def _pad(parts: Sequence[np.ndarray], filler: int) -> Tensor:
    padded = np.full((len(parts), max(map(len, parts))), filler, dtype=np.int64)
    for i, part in enumerate(parts):
        padded[i, : len(part)] = part
    return torch.from_numpy(padded)


def _joined(parts: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))


def _rows_of(parts: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.repeat(np.arange(len(parts)), [len(part) for part in parts]))
