"""Samples audio codes and the decoder's latents from the GPT, for several sentences at once.

All sentences are decoded together with preallocated key/value caches, and others may join at any
step. The hidden state that predicts a code is also what XTTS's decoder turns into sound, so it is
kept: Coqui computes it a second time with another forward pass (tts/models/xtts.py, `inference`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from xttslab.model.cache import KeyValueCache
from xttslab.model.gpt import XttsGpt
from xttslab.model.sampling import (
    DRAWS,
    PREFIX_ID,
    Choose,
    Generated,
    Sampling,
    Sentence,
    chooser,
    uniform,
)
from xttslab.model.transformer import Attend, run_block


@torch.no_grad()
def generate(gpt: XttsGpt, sentences: Sequence[Sentence], rules: Sampling) -> list[Generated]:
    """Decode all sentences at once; each gives what it would give alone.

    Raises ValueError if the model is in training mode or a limit passes what it has positions for.
    """
    together = Generation(gpt)
    places = together.add(sentences, rules)
    spoken: dict[int, Generated] = {}
    while len(together):
        for place in together.step():
            spoken[place] = together.spoken(place)
    return [spoken[place] for place in places]


@dataclass
class _Rows:
    """The R sentences of a batch. Columns are steps; one more than the longest limit, which
    finished rows write to while they wait to be dropped."""

    places: list[int]  # which sentence each row is
    rules: list[Sampling]
    limits: Tensor  # (R,)
    steps: Tensor  # (R,) codes chosen so far, the stop token among them
    done: Tensor  # (R,)
    ended: Tensor  # (R,) by the stop token
    draws: Tensor  # (R, DRAWS) random numbers
    history: Tensor  # (R, 2 + W) the prefix that Coqui's penalty sees, then the codes
    states: Tensor  # (R, W, D)
    stops: Tensor  # (R, W) the stop token's probability
    last: Tensor  # (R, D) the state from which the next code is chosen

    def keep(self, rows: list[int]) -> None:
        """Drop the other rows."""
        for name, value in vars(self).items():
            setattr(
                self, name, [value[r] for r in rows] if isinstance(value, list) else value[rows]
            )

    def joined(self, other: _Rows) -> _Rows:
        """The rows of both."""
        pairs = {name: (value, getattr(other, name)) for name, value in vars(self).items()}
        return _Rows(**{name: _beside(*pair) for name, pair in pairs.items()})


def _beside(first: Any, second: Any) -> Any:
    """Rows of both, the narrower ones widened to the right."""
    if isinstance(first, list):
        return first + second
    if first.dim() == 1:
        return torch.cat([first, second])
    width = max(first.shape[1], second.shape[1])
    # History is widened by what stands for no code; the other tensors' new columns are unread.
    fill = PREFIX_ID if first.dtype == torch.long else 0
    return torch.cat(
        [
            F.pad(one, [0, 0] * (one.dim() - 2) + [0, width - one.shape[1]], value=fill)
            for one in (first, second)
        ]
    )


class Generation:
    """Sentences that the GPT speaks together, a code of each in every step; others may join while
    it speaks. Its length is how many are not finished."""

    def __init__(self, gpt: XttsGpt) -> None:
        self.gpt = gpt
        self._rows: _Rows | None = None
        self._cache: KeyValueCache | None = None
        self._codes: Tensor | None = None  # (R,) chosen, but not yet read by the GPT
        self._choosers: dict[Sampling, Choose] = {}
        self._added = self._alive = 0

    def __len__(self) -> int:
        return self._alive

    @torch.no_grad()
    def add(self, sentences: Sequence[Sentence], rules: Sampling) -> list[int]:
        """Let more sentences join; returns the numbers by which they are known here.

        Raises ValueError if the model is in training mode or a limit passes what it has positions
        for.
        """
        _check(self.gpt, sentences)
        self._advance()
        steps = max(sentence.limit for sentence in sentences)
        hidden, cache = _prefix(self.gpt, sentences, steps)  # (B, P, D)
        last = self.gpt.final_norm(_decode(self.gpt, hidden, cache))  # (B, D)
        wanted = {rules, *(self._rows.rules if self._rows is not None else ())}
        self._choosers = {one: self._choosers.get(one) or chooser(one) for one in wanted}
        rows = _new_rows(sentences, rules, last, self._added, self.gpt.start_audio_token)
        self._added += len(sentences)
        if self._alive and self._rows is not None and self._cache is not None:
            rows = self._rows.joined(rows)
            cache = self._cache.joined(cache, int((rows.limits - rows.steps).max()))
        self._rows, self._cache = rows, cache
        self._alive += len(sentences)
        return rows.places[-len(sentences) :]

    @torch.no_grad()
    def step(self) -> list[int]:
        """Choose one more code of every sentence; returns those that are finished by it.

        What a finished one said can be asked for until the next step.
        """
        self._advance()
        rows = self._rows
        if rows is None:
            return []
        before = rows.done.clone()
        every = torch.arange(len(before), device=before.device)
        column = torch.where(before, rows.stops.shape[1] - 1, rows.steps)  # (R,)
        logits = self.gpt.mel_head(rows.last).float()  # (R, V)
        rows.states[every, column] = rows.last
        rows.stops[every, column] = logits.softmax(-1)[:, self.gpt.stop_audio_token]
        codes = self._choose(rows, logits)
        rows.history[every, column + 2] = codes
        rows.steps += ~before
        rows.ended |= ~before & (codes == self.gpt.stop_audio_token)
        rows.done |= rows.ended | (rows.steps >= rows.limits)
        self._codes = codes
        self._alive = int((~rows.done).sum())
        finished = (rows.done & ~before).nonzero().squeeze(1).tolist()
        return [rows.places[row] for row in finished]

    def spoken(self, place: int) -> Generated:
        """What a sentence has said so far."""
        rows = self._rows
        if rows is None or place not in rows.places:
            raise ValueError(f"sentence {place} is not spoken here, or is finished and left")
        row = rows.places.index(place)
        steps, ended = int(rows.steps[row]), bool(rows.ended[row])
        return Generated(
            rows.history[row, 2 : 2 + steps - ended].clone(),
            rows.states[row, :steps].clone(),
            rows.stops[row, :steps].clone(),
            ended,
        )

    def drop(self, place: int) -> None:
        """Speak a sentence no further; its row is free from the next step on."""
        rows = self._rows
        if rows is not None and place in rows.places:
            rows.done[rows.places.index(place)] = True
            self._alive = int((~rows.done).sum())

    def _choose(self, rows: _Rows, logits: Tensor) -> Tensor:
        """The next codes (R,); sentences of the same rules are drawn together."""
        at = rows.steps.clamp(max=DRAWS - 1)
        target = rows.draws.gather(1, at[:, None])  # (R, 1)
        history = rows.history[:, : int(rows.steps.max()) + 2]
        if len(set(rows.rules)) == 1:
            return self._choosers[rows.rules[0]](history, logits, target)
        codes = torch.empty_like(rows.steps)
        for rules in set(rows.rules):
            some = [row for row, own in enumerate(rows.rules) if own == rules]
            codes[some] = self._choosers[rules](history[some], logits[some], target[some])
        return codes

    def _advance(self) -> None:
        """Let the GPT read the codes that were chosen last, and drop finished rows."""
        rows, codes, cache, gpt = self._rows, self._codes, self._cache, self.gpt
        self._codes = None
        if rows is None or codes is None or cache is None:
            return
        if not self._alive:
            self._rows = self._cache = None
            return
        if 2 * self._alive <= len(rows.places):  # copying the caches pays when half are done
            active = (~rows.done).nonzero().squeeze(1)
            cache.keep(active)
            codes = codes[active]
            rows.keep(active.tolist())
        place = gpt.mel_pos_embedding.emb.weight[rows.steps]
        hidden = (gpt.mel_embedding(codes) + place)[:, None]  # (R, 1, D)
        rows.last = gpt.final_norm(_decode(gpt, hidden, cache))


def _new_rows(
    sentences: Sequence[Sentence], rules: Sampling, last: Tensor, first: int, start: int
) -> _Rows:
    """Rows before their first code; `first` is the first one's number, `start` the start token."""
    count, device = len(sentences), last.device
    limits = torch.tensor([sentence.limit for sentence in sentences], device=device)
    width = int(limits.max()) + 1
    history = torch.full((count, 2 + width), PREFIX_ID, device=device)
    history[:, 1] = start
    return _Rows(
        places=list(range(first, first + count)),
        rules=[rules] * count,
        limits=limits,
        steps=torch.zeros_like(limits),
        done=torch.zeros_like(limits, dtype=torch.bool),
        ended=torch.zeros_like(limits, dtype=torch.bool),
        draws=torch.stack([uniform(sentence.seed) for sentence in sentences]).to(device),
        history=history,
        states=last.new_zeros(count, width, last.shape[1]),
        stops=last.new_zeros(count, width, dtype=torch.float32),
        last=last,
    )


def _check(gpt: XttsGpt, sentences: Sequence[Sentence]) -> None:
    if gpt.training:
        raise ValueError("generate needs the model in eval mode: dropout would garble the speech")
    for sentence in sentences:
        if not 1 <= sentence.limit <= gpt.max_gen_mel_tokens:
            limit = f"limit is {sentence.limit} codes"
            raise ValueError(f"{limit}, this model has positions for 1 to {gpt.max_gen_mel_tokens}")
        if (tokens := len(sentence.text)) > gpt.longest_text:
            raise ValueError(f"text has {tokens} tokens, this model takes {gpt.longest_text}")


def _prefix(
    gpt: XttsGpt, sentences: Sequence[Sentence], steps: int
) -> tuple[Tensor, KeyValueCache]:
    """Embeddings [padding | latents | start, text, stop | start] of each sentence, (B, P, D).

    The padding is on the left, so that all rows write their next code at the same place.
    """
    device, kind = gpt.mel_head.weight.device, gpt.mel_head.weight.dtype
    parts = []
    for sentence in sentences:
        text = [gpt.start_text_token, *sentence.text, gpt.stop_text_token]
        start = torch.tensor([[gpt.start_audio_token]], device=device)
        embedded = gpt.embed_text(torch.tensor([text], device=device))
        latents = sentence.latents.to(device, kind)
        parts.append(torch.cat([latents, embedded[0], gpt.embed_audio(start)[0]]))
    longest = max(map(len, parts))
    hidden = torch.stack([F.pad(part, (0, 0, longest - len(part), 0)) for part in parts])
    valid = torch.ones(len(parts), longest + steps, dtype=torch.bool, device=device)
    for row, part in enumerate(parts):
        valid[row, : longest - len(part)] = False
    return hidden, KeyValueCache(longest + steps, None if valid.all() else valid)


def _decode(gpt: XttsGpt, hidden: Tensor, cache: KeyValueCache) -> Tensor:
    """Pass new positions (R, T, D) through the blocks; the last position's output (R, D)."""
    mask = cache.mask(hidden.shape[1])
    for layer, block in enumerate(gpt.gpt.h):
        hidden = run_block(block, hidden, attend=_attend_with(cache, layer, mask))
    cache.filled += hidden.shape[1]
    return gpt.gpt.ln_f(hidden[:, -1])


def _attend_with(cache: KeyValueCache, layer: int, mask: Tensor | None) -> Attend:
    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        kind = query.dtype
        if not query.is_cuda:  # a processor attends twice as fast in float32 as in bfloat16
            query, key, value = query.float(), key.float(), value.float()
        keys, values = cache.extend(layer, key, value)
        causal = mask is None and query.shape[2] > 1
        return F.scaled_dot_product_attention(
            query, keys, values, attn_mask=mask, is_causal=causal
        ).to(kind)

    return attend
