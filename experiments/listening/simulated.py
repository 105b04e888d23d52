"""How often a tournament of six voices finds the best, asked of listeners whose taste is known.

    python -m experiments.listening.simulated

A simulated listener prefers the better voice by Bradley and Terry's model, sentence by sentence
(one voice says some sentences better than others), answers one question in ten by chance, and hears
no difference where there is hardly one. The test asks as `compare listen=true` does; all pairs
would be 15 × 14 questions.
"""

from __future__ import annotations

import argparse
import math
import random
from itertools import combinations
from pathlib import Path
from statistics import fmean

import yaml

from xttslab.reporting.listening import Entrant, ListeningPlan, ListeningTest, Stimulus

CONF = Path(__file__).parents[2] / "conf/compare.yaml"
VOICES, SENTENCES = "abcdef", 14
STEP = 0.4  # logits between voices that follow each other: 60 % prefer the better one
BY_SENTENCE = 0.5  # standard deviation of a voice's strength over sentences
LAPSES = 0.1  # answers by chance
NO_DIFFERENCE = 0.3  # logits, noise included, below which none is heard


class SimulatedListener:
    """One listener, to whom `best` stands so many logits above the second voice."""

    def __init__(self, above: float, rng: random.Random) -> None:
        order = rng.sample(VOICES, len(VOICES))
        self.best = order[-1]
        self._dice = rng
        self._taste = {
            (voice, sentence): STEP * place + (above - STEP) * (voice == self.best)
            + rng.gauss(0, BY_SENTENCE)
            for place, voice in enumerate(order)
            for sentence in range(SENTENCES)
        }  # fmt: skip

    def answer(self, first: Stimulus, second: Stimulus) -> str:
        if self._dice.random() < LAPSES:
            return self._dice.choice(["a", "b", "same"])
        uniform = self._dice.random()
        heard = [self._taste[clip.run, int(clip.name)] for clip in (first, second)]
        difference = heard[0] - heard[1] + math.log(uniform / (1 - uniform))
        if abs(difference) < NO_DIFFERENCE:
            return "same"
        return "a" if difference > 0 else "b"


def tournament(above: float, plan: ListeningPlan, seed: int) -> tuple[bool, int]:
    """Whether the best voice came out first, and after how many questions."""
    listener = SimulatedListener(above, random.Random(seed))
    entrants = [
        Entrant(v, tuple(Stimulus(v, f"{n}", f"{n}", "", Path()) for n in range(SENTENCES)), False)
        for v in VOICES
    ]
    test = ListeningTest(entrants, [], plan, rng=random.Random(-seed - 1))
    while task := test.next("")["task"]:
        number = task["id"]
        choice = listener.answer(*test._open[number].stimuli)
        test.note(number, test.vote(number, {"choice": choice}, ""))
    strengths = test.strengths()
    return strengths.names[strengths.mean.argmax()] == listener.best, len(test.votes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tournaments", type=int, default=200)
    count = parser.parse_args().tournaments
    given = yaml.safe_load(CONF.read_text(encoding="utf-8"))
    plan = ListeningPlan(given["tasks"], given["sure"])
    every = len([*combinations(VOICES, 2)]) * SENTENCES
    for above in (0.7, 1.0, 1.4):
        runs = [tournament(above, plan, seed) for seed in range(count)]
        found, asked = fmean(right for right, _ in runs), [asked for _, asked in runs]
        print(
            f"best voice preferred to the second in {1 / (1 + math.exp(-above)):.0%}: found in "
            f"{found:.1%} of {count} tournaments, with {fmean(asked):.0f} questions on average "
            f"and {max(asked)} at most; all pairs are {every}"
        )


if __name__ == "__main__":
    main()
