"""An epoch's spoken samples in, their marks out, with the whole scorecard kept beside them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from xttslab.data.audio import read_audio
from xttslab.data.manifest import Clip
from xttslab.errors import UserError
from xttslab.evaluation.clips import SpokenClip
from xttslab.evaluation.in_training import SampleScorer, sample
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.tables import write_card
from xttslab.model.decoder import SPEECH_RATE
from xttslab.tracking.gallery import SampleSentence
from xttslab.training.selection import Selection

log = logging.getLogger(__name__)

CARD = "scorecard.json"  # beside the samples of its epoch


class EpochScores:
    """Scores the samples of every n-th epoch beside the data set's held-out recordings.

    Args:
        clips: the data set; `sources` keeps only the clips of these sources (none: all), so that
            runs on different sets are marked against the same recordings.
        scoring: `conf/evaluation/`.
        every_n_epochs: how often, at least 1; the last epoch is scored too.
        selection: what is made of loss and marks.

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
        never fails a training: whatever goes wrong is said, and the epoch has no marks.
        """
        try:
            card = self.scorer.score([_spoken(folder, sentence) for sentence in sentences])
            write_card(folder / CARD, card)
        except Exception as fault:  # a training is worth more than its marks
            log.warning("%s: not scored (%s)", folder, str(fault) or type(fault).__name__)
            return {}
        return card.metrics()


def _spoken(folder: Path, sentence: SampleSentence) -> SpokenClip:
    wave = read_audio(folder / f"{sentence.name}.wav", SPEECH_RATE)
    name = f"{folder.name}/{sentence.name}"  # tells the epochs of one run apart
    return sample(name, wave, SPEECH_RATE, sentence.text, sentence.category)
