"""Chooses the prompt (the reference audio) of every clip in a batch.

A batch has prompts of few lengths, so that none is padded and most are encoded together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from torch.utils.data import Dataset

from xttslab.data.audio import FRAMES_PER_CODE, MEL_HOP, SAMPLE_RATE
from xttslab.data.batches import Example
from xttslab.data.codes import CodeStore
from xttslab.data.corpus import Corpus
from xttslab.data.sampler import Draw

FRAMES_PER_SECOND = SAMPLE_RATE / MEL_HOP
PROMPT_STEP = 11 * FRAMES_PER_CODE  # half a second; prompts shorter than drawn are multiples of it
Prompt = Literal["self", "other"]


class TokenisedClip(NamedTuple):
    """What training knows of a clip: its tokens and where its codes are kept."""

    tokens: np.ndarray  # (T_text,)
    key: bytes
    reference: int  # a clip of the same voice and category that prompts it (itself if alone)
    companions: tuple[int, ...]  # training clips of the same voice and category


def tokenised_clips(corpus: Corpus, keys: Sequence[bytes]) -> list[TokenisedClip]:
    """Every clip of a corpus; `keys` are their places in the code store."""
    companions = corpus.companions()
    references: dict[tuple[str, str, str], list[int]] = {}
    clips = []
    rows = zip(corpus.clips, corpus.tokens, keys, strict=True)
    for row, (clip, tokens, key) in enumerate(rows):
        kind = (clip.category, clip.source, clip.speaker)
        if kind not in references:
            references[kind] = corpus.references(*kind)
        nearest, *others = references[kind]  # the clip itself where it is the only one
        other = others[0] if others and nearest == row else nearest
        voice = companions.get((clip.speaker, clip.category), ())
        clips.append(TokenisedClip(tokens, key, other, voice))
    return clips


class TrainingExamples(Dataset[list[Example]]):
    """Clips with prompts drawn at random, the same for the same seed, epoch and batch.

    Args:
        rows: the clips trained on; a draw's positions count within them.
        prompt: "self" slices the clip itself, as Coqui does (those codes are then masked);
            "other" slices another clip of the same speaker and category, as the voice is used.
        seconds: shortest and longest prompt; one length is drawn for a batch. A clip too short for
            it gives what it has, half of that when it prompts itself, in whole half seconds.
    """

    def __init__(
        self,
        clips: Sequence[TokenisedClip],
        store: CodeStore,
        rows: Sequence[int],
        prompt: Prompt,
        seconds: tuple[float, float],
        seed: int,
    ) -> None:
        self.clips, self.store, self.rows = clips, store, rows
        self.prompt, self.seed = prompt, seed
        self.frames = tuple(round(second * FRAMES_PER_SECOND) for second in seconds)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, draw: Draw) -> list[Example]:
        """The examples of one batch."""
        rows = [self.rows[position] for position in draw.of_all_devices]
        # All devices draw for the batch of all, so that its prompts do not depend on their number.
        random = np.random.default_rng((self.seed, draw.epoch, draw.number))
        prompters = [self._prompter(row, random) for row in rows]
        mels = [self.store[self.clips[prompter].key].mel for prompter in prompters]
        drawn = int(random.integers(self.frames[0], self.frames[1] + 1))
        where = random.random(len(rows))  # of the prompt in its clip, 0 to 1
        return [
            self._example(rows[i], prompters[i], mels[i], drawn, where[i])
            for i in range(draw.rank, len(rows), draw.world)
        ]

    def _prompter(self, row: int, random: np.random.Generator) -> int:
        companions = self.clips[row].companions
        if self.prompt == "self" or len(companions) < 2:
            return row
        chosen = int(random.integers(len(companions) - 1))
        # `row` itself gives its place to the last one, which was not drawn from.
        return companions[chosen] if companions[chosen] != row else companions[-1]

    def _example(
        self, row: int, prompter: int, mel: np.ndarray, drawn: int, where: float
    ) -> Example:
        clip = self.clips[row]
        length = prompt_frames(drawn, mel.shape[1], prompter == row)
        starts = max(0, (mel.shape[1] - length) // FRAMES_PER_CODE) + 1
        first = int(where * starts) * FRAMES_PER_CODE
        codes = first // FRAMES_PER_CODE, (first + length) // FRAMES_PER_CODE
        return Example(
            row=row,
            text=clip.tokens,
            codes=self.store[clip.key].codes,
            prompt=mel[:, first : first + length],
            prompt_span=codes if prompter == row else None,
        )


def prompt_frames(drawn: int, available: int, own: bool) -> int:
    """Frames, whole codes, that a clip of `available` frames gives to a prompt of `drawn`."""
    frames = drawn
    if drawn > available:
        most = available // 2 if own else available
        frames = most // PROMPT_STEP * PROMPT_STEP or most
    return max(frames // FRAMES_PER_CODE, 1) * FRAMES_PER_CODE


class FixedExamples(Dataset[list[Example]]):
    """Clips with prompts that never change: the start of the clip itself, or of its reference.

    `rows` are the clips evaluated; positions count within them. `texts` says whose text a row is
    given instead of its own.
    """

    def __init__(
        self,
        clips: Sequence[TokenisedClip],
        store: CodeStore,
        rows: Sequence[int],
        seconds: float,
        by_reference: bool = False,
        texts: Mapping[int, int] | None = None,
    ) -> None:
        self.clips, self.store, self.rows = clips, store, rows
        self.frames = round(seconds * FRAMES_PER_SECOND) // FRAMES_PER_CODE * FRAMES_PER_CODE
        self.by_reference, self.texts = by_reference, texts or {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, positions: Sequence[int]) -> list[Example]:
        """The examples of one batch."""
        return [self._example(self.rows[position]) for position in positions]

    def _example(self, row: int) -> Example:
        clip = self.clips[row]
        prompter = clip.reference if self.by_reference else row
        mel = self.store[self.clips[prompter].key].mel
        # Half of a short clip, as in training; a reference is another clip and may be used whole.
        enough = mel.shape[1] if prompter != row else mel.shape[1] // 2
        frames = self.frames if self.frames <= mel.shape[1] else enough
        text = self.clips[self.texts.get(row, row)].tokens
        return Example(row, text, self.store[clip.key].codes, mel[:, : max(frames, 1)])
