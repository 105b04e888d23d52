"""Speaks sample sentences during training and scores them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint

from xttslab.data.audio import read_audio, write_audio
from xttslab.data.corpus import Corpus
from xttslab.data.lexicons import LexiconReader
from xttslab.data.manifest import Clip
from xttslab.errors import UserError
from xttslab.evaluation.card_output import write_card
from xttslab.evaluation.scoring import SampleScorer, sample
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.files import replacing
from xttslab.model.base import Base
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.sampling import Sampling
from xttslab.model.voice import Speaking, move_voice
from xttslab.progress import doing
from xttslab.text.lexicon import Lexicon
from xttslab.tracking.gallery import SampleSentence, numbered_sentences, write_gallery
from xttslab.tracking.records import Tracker
from xttslab.training.checkpointing import RunCheckpoints
from xttslab.training.metrics import SELECTION, Selection

log = logging.getLogger(__name__)

CARD = "scorecard.json"  # beside the samples of its epoch


class EpochScores:
    """Scores the samples of every n-th epoch beside the data set's held-out recordings.

    Args:
        clips: the data set; `sources` keeps only the clips of these sources (none: all), so that
            runs on different sets are scored against the same recordings.
        scoring: `conf/evaluation/`.
        every_n_epochs: how often, at least 1; the last epoch is scored too.
        selection: what is made of loss and scores.

    Raises UserError for a source that the data set does not have.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        sources: Sequence[str],
        scoring: Scoring,
        every_n_epochs: int,
        selection: Selection,
    ) -> None:
        known = sorted({clip.source for clip in clips})
        for source in sources:
            if source not in known:
                raise UserError(
                    f"samples.score_sources: {source!r} is no source of this data set; "
                    f"it has {', '.join(known)}"
                )
        chosen = [clip for clip in clips if not sources or clip.source in sources]
        self.scorer = SampleScorer(chosen, scoring)
        self.every_n_epochs, self.selection = every_n_epochs, selection

    def due(self, epoch: int, last: int | None) -> bool:
        """Whether an epoch is scored; `last` is the run's last one, where that is known."""
        return epoch % self.every_n_epochs == 0 or epoch == last

    def score(self, folder: Path, sentences: Sequence[SampleSentence]) -> dict[str, float]:
        """`score/<aspect>` and `score/<aspect>/<category>` of the samples in `folder`.

        The whole card, with every clip's measures and reasons, is written beside them. Scoring
        never fails a training: whatever goes wrong is said, and the epoch has no scores.
        """
        try:
            card = self.scorer.score([_spoken(folder, sentence) for sentence in sentences])
            write_card(folder / CARD, card)
        except Exception as fault:  # a training is worth more than its scores
            log.warning("%s: not scored (%s)", folder, str(fault) or type(fault).__name__)
            return {}
        return card.metrics()


def _spoken(folder: Path, sentence: SampleSentence) -> SpokenClip:
    wave = read_audio(folder / f"{sentence.name}.wav", SPEECH_RATE)
    name = f"{folder.name}/{sentence.name}"  # tells the epochs of one run apart
    return sample(name, wave, SPEECH_RATE, sentence.text, sentence.category)


@dataclass(frozen=True)
class SamplePlan:
    """What is spoken, after which reference recording of each category, how and how often."""

    sentences: tuple[SampleSentence, ...]
    references: Mapping[str, Path]  # category → its recording
    settings: Speaking
    every_n_epochs: int
    language: str
    lexicon: Lexicon


def sample_plan(samples: Mapping[str, Any], corpus: Corpus) -> SamplePlan:
    """`conf/samples/` and a data set to a plan; a category that the set lacks borrows a clip."""
    sentences = numbered_sentences(samples["sentences"])
    references = {
        sentence.category: corpus.clips[corpus.references(sentence.category)[0]].audio
        for sentence in sentences
    }
    rules = Sampling(
        samples["temperature"],
        samples["top_k"],
        samples["top_p"],
        samples["repetition_penalty"],
    )
    settings = Speaking(rules, seed=samples["seed"])
    language = corpus.clips[0].language
    return SamplePlan(
        sentences, references, settings, samples["every_n_epochs"], language, corpus.lexicon
    )


def _read(base: Base, plan: SamplePlan) -> list[list[int]]:
    """The sentences as tokens; raises UserError for one that the model has no positions for."""
    reader = LexiconReader(base.tokenizer, plan.lexicon)
    texts = [reader.encode(sentence.text, plan.language) for sentence in plan.sentences]
    for sentence, tokens in zip(plan.sentences, texts, strict=True):
        if len(tokens) > base.gpt.longest_text:
            raise UserError(
                f"samples.sentences: {sentence.text[:40]!r}… has {len(tokens)} tokens, this model "
                f"takes {base.gpt.longest_text}; shorten it"
            )
    return texts


class SpokenSamples(Checkpoint):
    """Speaks the plan's sentences in one batch: before training, then every n epochs.

    Writes `folder/epoch_012/03_greeting.wav` and `folder/index.html`, and sends both on. Epochs
    that `scores` (None: no epoch) asks for are spoken too and get scores, which are logged; in the
    end so does the best epoch, if it was spoken: its weights are what a comparison judges. To be
    placed before the callback that keeps checkpoints: what is chosen by is published here.
    `monitor` is the metric that the best epoch is chosen by; the page shows it beside each.
    """

    def __init__(
        self,
        base: Base,
        plan: SamplePlan,
        tracker: Tracker,
        folder: Path,
        monitor: str,
        scores: EpochScores | None = None,
    ) -> None:
        self.plan, self.tracker, self.folder, self.scores = plan, tracker, folder, scores
        self.voice, self.monitor = base.voice(), monitor
        self.losses: dict[int, float] = {}  # what is monitored, of the epochs spoken
        self.texts = _read(base, plan)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._speak(trainer, pl_module, epoch=0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The page of a run that goes on shows what is left of it (`ResumeHistory`)."""
        if trainer.is_global_zero and trainer.ckpt_path and self.folder.is_dir():
            self._write_page()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        last = trainer.max_epochs
        scored = self.scores is not None and self.scores.due(epoch, last)
        if epoch % self.plan.every_n_epochs == 0 or epoch == last or scored:
            self._speak(trainer, pl_module, epoch)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        best = next((c.best for c in trainer.callbacks if isinstance(c, RunCheckpoints)), None)
        if self.scores is None or best is None or not trainer.is_global_zero:
            return
        spoken = self._folder(best[1])
        if spoken.is_dir() and not (spoken / CARD).is_file():
            if scores := self.scores.score(spoken, self.plan.sentences):
                self.tracker.log_metrics(scores, step=best[1])
                self.tracker.log_artifact(spoken / CARD, f"samples/{spoken.name}")

    def _folder(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:03d}"

    def _speak(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> None:
        spoken = self._folder(epoch)
        if trainer.is_global_zero:
            self._write(spoken, module)
        if self.scores is not None and self.scores.due(epoch, trainer.max_epochs):
            self._score(trainer, spoken, epoch)
        if trainer.is_global_zero:
            self._send(trainer, spoken, epoch)

    def _score(self, trainer: pl.Trainer, spoken: Path, epoch: int) -> None:
        """Log the scores, and publish to all processes what the best checkpoint may go by."""
        value = math.nan
        if trainer.is_global_zero:
            scores = self.scores.score(spoken, self.plan.sentences)
            value = self.scores.selection.value(trainer.callback_metrics, scores)
            known = {} if math.isnan(value) else {SELECTION: value}
            self.tracker.log_metrics(scores | known, step=epoch)
        value = trainer.strategy.broadcast(value)
        trainer.callback_metrics[SELECTION] = torch.tensor(value)

    def _send(self, trainer: pl.Trainer, spoken: Path, epoch: int) -> None:
        loss = float(trainer.callback_metrics.get(self.monitor, math.nan))
        if not math.isnan(loss):
            self.losses[epoch] = loss
        doing(f"writing the page of {spoken.name}")
        self.tracker.log_artifact(spoken, f"samples/{spoken.name}")
        self._write_page()

    def _write_page(self) -> None:
        page, plan = self.folder / "index.html", self.plan
        write_gallery(
            self.folder,
            plan.sentences,
            plan.references,
            page,
            f"Samples of {self.folder.parent.name}, epoch by epoch",
            plan.language,
            self.losses,
            self.monitor,
        )
        self.tracker.log_artifact(page, "samples")

    def _write(self, spoken: Path, module: pl.LightningModule) -> None:
        doing(f"speaking the samples of {spoken.name}")
        was_training = module.training
        module.eval()
        waves = self._waves(module.device)
        module.train(was_training)
        with replacing(spoken) as partial:
            for sentence, wave in zip(self.plan.sentences, waves, strict=True):
                write_audio(partial / f"{sentence.name}.wav", wave, SPEECH_RATE)

    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.losses = state_dict["losses"]

    def _waves(self, device: torch.device) -> list[Any]:
        move_voice(self.voice, str(device))
        heard = {
            category: self.voice.reference([read_audio(path)])
            for category, path in self.plan.references.items()
        }
        pairs = [heard[sentence.category] for sentence in self.plan.sentences]
        latents, speakers = zip(*pairs, strict=True)
        return self.voice.speak(self.texts, latents, speakers, self.plan.settings)
