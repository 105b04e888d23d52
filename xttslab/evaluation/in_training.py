"""The samples that a training speaks and the data set's clips in, marks every few epochs out.

    scorer = SampleScorer(corpus.clips, scoring)      # once; measures nothing yet
    card = scorer.score([sample("03_greeting", wave, 24_000, text, "greeting"), ...])
    tracker.log_metrics(card.metrics(), step=epoch)   # score/<aspect>, score/<aspect>/<category>

The real recordings are measured at the first call and kept. Nothing here draws from torch's random
numbers, needs a GPU, or fails a training: a predictor that is missing makes its mark absent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xttslab.data.manifest import Clip
from xttslab.evaluation.clips import SpokenClip
from xttslab.evaluation.references import real_clips
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.settings import Scoring

MOST_REFERENCES = 20  # held-out clips behind the ceilings: they are recognised once, 1 to 2 s each


def sample(
    name: str, wave: np.ndarray, rate: int, text: str, category: str, codes: Sequence[int] = ()
) -> SpokenClip:
    """A spoken sample as the scorer takes it.

    `wave` is float (n,) at `rate` Hz; what is not finite in it (a model that diverged) becomes
    silence and so costs marks. `codes` are its audio codes, where they are known.
    """
    clean = np.nan_to_num(np.asarray(wave, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return SpokenClip(name, clean, rate, text, category, codes=tuple(codes) or None)


class SampleScorer:
    """Scores the samples of one epoch after another beside the same held-out recordings.

    Args:
        clips: all clips of the data set; those of split `eval` are the ceilings, all of them (with
            a category that somebody named) are what the tone is read against.
        scoring: `conf/evaluation/`, instantiated (`evaluation.scoring`).
        others: clips of other speakers, the floor of voice similarity; none: the fixed one.
    """

    def __init__(
        self, clips: Sequence[Clip], scoring: Scoring, others: Sequence[SpokenClip] = ()
    ) -> None:
        self.clips, self.scoring, self.others = tuple(clips), scoring, tuple(others)
        self._scorer: Scorer | None = None

    def score(self, samples: Sequence[SpokenClip]) -> Scorecard:
        """The scorecard of one epoch's samples.

        `.aspects[name].mark` is None where an aspect was not measured, `.aspects[name].by_category`
        has its marks by category, `.metrics()` all of them under their MLflow names. The first call
        takes longer, for the real recordings. Raises UserError for no sample, two of one name, or
        a recording of the data set that cannot be read.
        """
        import torch

        # Building a predictor draws random weights before it loads the trained ones: without this
        # a training that scores would see other dropout than one that does not.
        with torch.random.fork_rng(devices=[]):
            if self._scorer is None:
                real = real_clips(self.clips, MOST_REFERENCES)
                self._scorer = Scorer(
                    real.held_out, self.scoring, self.others, real.all, progress=False
                )
            return self._scorer.score(samples)
