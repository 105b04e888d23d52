"""The Lightning data module of the GPT stage: loaders for training and evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from xttslab.data.balance import Balance, repeats, shares
from xttslab.data.batches import STOPS, Batch, LossMask, TokenSpec, collate
from xttslab.data.codes import CodeStore
from xttslab.data.corpus import Corpus
from xttslab.data.examples import FixedExamples, Prompt, TrainingExamples, tokenised_clips
from xttslab.data.parallel import ignore_interrupts
from xttslab.data.sampler import LengthBuckets

EVAL_LOADERS = ("eval", "train_eval", "eval_ref", "eval_other_text")


@dataclass(frozen=True)
class BatchSettings:
    """`conf/batch/`: how clips become batches (meanings stand there)."""

    clips: int
    max_tokens: int
    eval_clips: int
    balance: Balance
    max_repeats: int
    train_eval_clips: int
    prompt: Prompt
    prompt_seconds: tuple[float, float]
    workers: int


class ClipData(pl.LightningDataModule):
    """Loaders over one corpus for the GPT stage.

    Args:
        corpus: the checked clips.
        spec: token numbers of the model.
        store: where codes and mels are kept.
        keys: each clip's key in it (`data.codes.fill_store` makes both).
        settings: how clips become batches.
        mask: which prompted codes are left out of the training loss.
        seed: decides order and prompts.
    """

    def __init__(
        self,
        corpus: Corpus,
        spec: TokenSpec,
        store: CodeStore,
        keys: Sequence[bytes],
        settings: BatchSettings,
        mask: LossMask,
        seed: int,
    ) -> None:
        super().__init__()
        self.corpus, self.spec, self.store, self.settings = corpus, spec, store, settings
        self.mask, self.seed = mask, seed
        self.clips = tokenised_clips(corpus, keys)
        self.train_rows = corpus.train
        groups = [_balance_group(corpus, row) for row in self.train_rows]
        self.groups, self.expected = groups, repeats(groups, settings.balance, settings.max_repeats)
        self._loader: DataLoader[Any] | None = None

    @property
    def lengths(self) -> list[int]:
        """Packed length in tokens of each training clip."""
        fixed = self.spec.prompt_latents + 1 + STOPS + self.spec.text_stop_seen
        codes = self.code_counts(self.train_rows)
        return [
            fixed + len(self.clips[row].tokens) + count
            for row, count in zip(self.train_rows, codes, strict=True)
        ]

    def code_counts(self, rows: Sequence[int]) -> list[int]:
        """How many codes each of these clips has."""
        return self.store.lengths([self.clips[row].key for row in rows]).tolist()

    def code_statistics(self) -> dict[str, float]:
        """How many audio codes the training clips use, and the entropy of their histogram in
        nats: what a model reaches that knows nothing but how frequent each code is."""
        codes = [self.store[self.clips[row].key].codes for row in self.train_rows]
        counts = np.bincount(np.concatenate(codes)).astype(float)
        frequencies = counts[counts > 0] / counts.sum()
        entropy = -float((frequencies * np.log(frequencies)).sum())
        return {"codes/in_use": float(len(frequencies)), "codes/unigram_entropy": entropy}

    def shares(self) -> dict[str, float]:
        """Each source and category's part of an epoch's clips, as balanced."""
        return shares(self.groups, self.expected)

    def train_dataloader(self) -> DataLoader[Any]:
        """The training loader; asked for before every epoch, so that the order is that epoch's."""
        if self._loader is None:
            self._loader = self._train_loader()
        if self.trainer is not None:
            self._loader.batch_sampler.set_epoch(self.trainer.current_epoch)
        return self._loader

    def val_dataloader(self) -> list[DataLoader[Any]]:
        """Loaders named by EVAL_LOADERS: held out, a fixed part of training, other prompts, other
        texts (left out where no other text is held out).

        Each of held-out clips costs one pass forward over them, without gradients.
        """
        held_out, trained = self.corpus.eval, self.train_eval_rows()
        loaders = [
            self._eval_loader(held_out),
            self._eval_loader(trained),
            self._eval_loader(held_out, by_reference=True),
        ]
        if texts := self.corpus.other_texts:
            loaders.append(self._eval_loader(held_out, texts=texts))
        return loaders

    def trial_sampler(self) -> LengthBuckets:
        """Which clips share each batch of the first epoch, to plan a run before it is trained."""
        return self._train_loader().batch_sampler

    def trial_batches(self, count: int) -> list[Batch]:
        """The first batches of the first epoch, read here and now, for measuring."""
        loader = self._train_loader()
        draws = islice(loader.batch_sampler, count)
        return [loader.collate_fn(loader.dataset.__getitems__(draw)) for draw in draws]

    def train_eval_rows(self) -> list[int]:
        """The fixed part of the training clips: those with the smallest content hashes."""
        ordered = sorted(self.train_rows, key=lambda row: self.corpus.hashes[row])
        return sorted(ordered[: self.settings.train_eval_clips])

    def _train_loader(self) -> DataLoader[Any]:
        settings = self.settings
        rank, world = _rank_and_world(self.trainer)
        examples = TrainingExamples(
            self.clips,
            self.store,
            self.train_rows,
            settings.prompt,
            settings.prompt_seconds,
            self.seed,
        )
        sampler = LengthBuckets(
            self.lengths,
            settings.clips,
            settings.max_tokens,
            self.expected,
            self.seed,
            rank,
            world,
        )
        return DataLoader(
            examples,
            batch_sampler=sampler,
            collate_fn=partial(collate, spec=self.spec, mask=self.mask),
            num_workers=settings.workers,
            persistent_workers=settings.workers > 0,
            worker_init_fn=ignore_interrupts,
            pin_memory=_on_gpu(self.trainer),
        )

    def _eval_loader(
        self,
        rows: Sequence[int],
        by_reference: bool = False,
        texts: Mapping[int, int] | None = None,
    ) -> DataLoader[Any]:
        rank, world = _rank_and_world(self.trainer)
        ordered = by_length(rows, self.code_counts(rows))
        low, high = self.settings.prompt_seconds
        examples = FixedExamples(
            self.clips, self.store, ordered[rank::world], (low + high) / 2, by_reference, texts
        )
        return DataLoader(
            examples,
            batch_size=self.settings.eval_clips,
            collate_fn=partial(collate, spec=self.spec, mask="none"),
            pin_memory=_on_gpu(self.trainer),
        )


def by_length(rows: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """The rows from the shortest to the longest; equal ones stay in order."""
    return [rows[i] for i in np.argsort(lengths, kind="stable")]


def _rank_and_world(trainer: pl.Trainer | None) -> tuple[int, int]:
    return (trainer.global_rank, trainer.world_size) if trainer else (0, 1)


def _balance_group(corpus: Corpus, row: int) -> str:
    """Clips are balanced by source and category; one without a category is left as it is."""
    clip = corpus.clips[row]
    return "" if clip.category_assumed else f"{clip.source}/{clip.category}"


def _on_gpu(trainer: pl.Trainer | None) -> bool:
    return trainer is not None and trainer.strategy.root_device.type == "cuda"
