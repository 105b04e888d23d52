"""Samples audio codes and the decoder's latents from the GPT, for several sentences at once.

All sentences of a call are decoded together with preallocated key/value caches. The hidden state
that predicts a code is also what XTTS's decoder turns into sound, so it is kept: Coqui computes
it a second time with another forward pass (tts/models/xtts.py, `inference`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from xttslab.model.gpt import XttsGpt
from xttslab.model.transformer import Attend, run_block

# Coqui hands transformers a prefix of made-up ids: ones, then the start token. Its repetition
# penalty therefore holds for code 1 and the start token from the first step on.
PREFIX_ID = 1
DRAWS = 1024  # random numbers made for each sentence, more than XTTS has positions


@dataclass(frozen=True)
class Sampling:
    """How the next code is drawn; `conf/sampling/` holds the defaults. `greedy` takes the likeliest
    code; `top_k=0` and `top_p=1` leave none out."""

    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float
    greedy: bool = False


@dataclass(frozen=True)
class Sentence:
    """One thing to say. `limit` caps its codes: an untrained model never stops by itself."""

    text: Sequence[int]  # token numbers without start and stop
    latents: Tensor  # (32, D) from `XttsGpt.prompt_latents`
    limit: int
    seed: int = 0  # its random numbers, whatever else is in the batch


@dataclass(frozen=True)
class Generated:
    """What the GPT said. Row t of `latents` and `stop_chance` belongs to the step that chose code
    t; the last row chose the stop token if `ended`, as in Coqui's latents."""

    codes: Tensor  # (T,) without the stop token
    latents: Tensor  # (T + 1, D) if ended, else (T, D)
    stop_chance: Tensor  # probability of the stop token before any sampling rule
    ended: bool  # False when the limit cut it off


@dataclass
class _Cache:
    """Keys and values of every layer, (rows, heads, capacity, head width), filled from the left."""

    capacity: int
    valid: Tensor | None  # (rows, capacity), False at padding; None without padding
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    filled: int = 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store this step's keys and values; return those of all steps."""
        if layer == len(self.keys):
            shape = (*key.shape[:2], self.capacity, key.shape[3])
            self.keys.append(key.new_empty(shape))
            self.values.append(value.new_empty(shape))
        end = self.filled + key.shape[2]
        self.keys[layer][:, :, self.filled : end] = key
        self.values[layer][:, :, self.filled : end] = value
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def mask(self, steps: int) -> Tensor | None:
        """Which keys each of the next `steps` queries may see, (rows, 1, steps, keys)."""
        if self.valid is None:
            return None
        end = self.filled + steps
        seen = self.valid[:, None, None, :end]
        if steps == 1:
            return seen
        causal = torch.ones(steps, end, dtype=torch.bool, device=seen.device).tril(self.filled)
        # Padding sees itself: a softmax over nothing would be NaN, and NaN spreads.
        return (seen & causal) | torch.eye(steps, end, dtype=torch.bool, device=seen.device)

    def keep(self, rows: Tensor) -> None:
        """Drop the other rows."""
        self.keys = [key[rows] for key in self.keys]
        self.values = [value[rows] for value in self.values]
        self.valid = None if self.valid is None else self.valid[rows]


@torch.no_grad()
def generate(gpt: XttsGpt, sentences: Sequence[Sentence], rules: Sampling) -> list[Generated]:
    """Decode all sentences at once; each gives what it would give alone.

    Raises ValueError if the model is in training mode or a limit passes what it has positions for.
    """
    _check(gpt, sentences)
    steps = max(sentence.limit for sentence in sentences)
    hidden, cache = _prefix(gpt, sentences, steps)  # (B, P, D)
    device = hidden.device
    choose = _chooser(rules, sentences, device)
    limits = torch.tensor([sentence.limit for sentence in sentences], device=device)
    ends = limits.clone()
    done = torch.zeros_like(limits, dtype=torch.bool)
    rows = torch.arange(len(sentences), device=device)  # which sentence each decoded row is
    history = torch.full((len(sentences), steps + 2), PREFIX_ID, device=device)
    history[:, 1] = gpt.start_audio_token
    trace: list[tuple[Tensor, Tensor, Tensor]] = []
    for step in range(steps):
        last = gpt.final_norm(_decode(gpt, hidden, cache))  # (R, D)
        logits = gpt.mel_head(last).float()
        trace.append((rows, last, logits.softmax(-1)[:, gpt.stop_audio_token]))
        codes = choose(history[rows, : step + 2], logits, rows, step)
        history[rows, step + 2] = codes
        stopped = (codes == gpt.stop_audio_token) & ~done[rows]
        ends[rows] = torch.where(stopped, step, ends[rows])
        done[rows] |= stopped | (step + 1 >= limits[rows])
        active = (~done[rows]).nonzero().squeeze(1)
        if len(active) == 0:
            break
        if 2 * len(active) <= len(rows):  # copying the caches pays when half are done
            cache.keep(active)
            rows, codes = rows[active], codes[active]
        hidden = (gpt.mel_embedding(codes) + gpt.mel_pos_embedding.emb.weight[step + 1])[:, None]
    return _collect(history[:, 2:], trace, ends.tolist(), limits.tolist())


def _check(gpt: XttsGpt, sentences: Sequence[Sentence]) -> None:
    if gpt.training:
        raise ValueError("generate needs the model in eval mode: dropout would garble the speech")
    for sentence in sentences:
        if not 1 <= sentence.limit <= gpt.max_gen_mel_tokens:
            limit = f"limit is {sentence.limit} codes"
            raise ValueError(f"{limit}, this model has positions for 1 to {gpt.max_gen_mel_tokens}")
        if (tokens := len(sentence.text)) > gpt.longest_text:
            raise ValueError(f"text has {tokens} tokens, this model takes {gpt.longest_text}")


def _prefix(gpt: XttsGpt, sentences: Sequence[Sentence], steps: int) -> tuple[Tensor, _Cache]:
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
    return hidden, _Cache(longest + steps, None if valid.all() else valid)


def _decode(gpt: XttsGpt, hidden: Tensor, cache: _Cache) -> Tensor:
    """Pass new positions (R, T, D) through the blocks; the last position's output (R, D)."""
    mask = cache.mask(hidden.shape[1])
    for layer, block in enumerate(gpt.gpt.h):
        hidden = run_block(block, hidden, attend=_attend_with(cache, layer, mask))
    cache.filled += hidden.shape[1]
    return gpt.gpt.ln_f(hidden[:, -1])


def _attend_with(cache: _Cache, layer: int, mask: Tensor | None) -> Attend:
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


def _chooser(
    rules: Sampling, sentences: Sequence[Sentence], device: torch.device
) -> Callable[[Tensor, Tensor, Tensor, int], Tensor]:
    """What picks the next codes (R,) from history (R, t), logits (R, V), rows (R,) and the step."""
    processors = LogitsProcessorList()
    if rules.repetition_penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(rules.repetition_penalty))
    if rules.greedy:
        return lambda history, logits, rows, step: processors(history, logits).argmax(-1)
    if rules.temperature != 1.0:
        processors.append(TemperatureLogitsWarper(rules.temperature))
    if rules.top_k:
        processors.append(TopKLogitsWarper(rules.top_k))
    if rules.top_p < 1.0:
        processors.append(TopPLogitsWarper(rules.top_p))
    chance = torch.stack([_uniform(sentence.seed) for sentence in sentences]).to(device)

    def choose(history: Tensor, logits: Tensor, rows: Tensor, step: int) -> Tensor:
        cumulative = processors(history, logits).softmax(-1).cumsum(-1)
        # Inverse of the distribution function; the total is not exactly 1 in floating point.
        target = chance[rows, step, None] * cumulative[:, -1:]
        return torch.searchsorted(cumulative, target, right=True).squeeze(1)

    return choose


def _uniform(seed: int) -> Tensor:
    """One number in [0, 1) for each code a sentence can have; always as many, as the generator's
    values depend on how many are drawn at once."""
    return torch.rand(DRAWS, generator=torch.Generator().manual_seed(seed))


def _collect(
    history: Tensor,
    trace: Sequence[tuple[Tensor, Tensor, Tensor]],
    ends: Sequence[int],
    limits: Sequence[int],
) -> list[Generated]:
    """Sort the steps' rows by sentence."""
    states: list[list[Tensor]] = [[] for _ in ends]
    chances: list[list[Tensor]] = [[] for _ in ends]
    for rows, last, chance in trace:
        for place, row in enumerate(rows.tolist()):
            states[row].append(last[place])
            chances[row].append(chance[place])
    results = []
    for row, (end, limit) in enumerate(zip(ends, limits, strict=True)):
        ended = end < limit
        steps = end + ended
        latents, chance = torch.stack(states[row][:steps]), torch.stack(chances[row][:steps])
        results.append(Generated(history[row, :end].clone(), latents, chance, ended))
    return results
