"""Makes the start of the phone models that `prepare` aligns texts with, from the demo voice.

python -m experiments.text_fit.make_phones [--out xttslab/assets/phones.npz]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from experiments.timed_cuts.material import sets
from xttslab.commands import CONF
from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.finishing import Recipe, clip_sound
from xttslab.data.preparing.phones import START, learn_phones, phones_of, save_phones

SETS = ("demo_milliomos", "demo_blikk")


def main() -> None:
    """Learn the phones of the packaged clips without any start, and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=START)
    options = parser.parse_args()
    recipe = standard_recipe()
    known = []
    for name, clips in sets().items():
        if name in SETS:
            texts = [[phones for _, phones in phones_of(text, "hu")] for _, text in clips]
            known += list(zip(sounds([one for one, _ in clips], recipe), texts, strict=True))
    names = {phone for _, words in known for word in words for phone in word}
    models = learn_phones(known, names, start=False)
    save_phones(models, options.out)
    seconds = sum(len(sound) for sound, _ in known) / 50
    print(f"{options.out}: {len(names)} phones from {len(known)} clips, {seconds:.0f} s")


def standard_recipe() -> Recipe:
    """The recipe of conf/prepare.yaml, without a search for speakers."""
    with initialize_config_dir(str(Path(CONF).resolve()), version_base=None):
        config = compose("prepare", overrides=["name=x", "check_speakers=false"])
    return instantiate(config.recipe, encoder=None)


def sounds(clips: Sequence[np.ndarray], recipe: Recipe) -> Iterator[np.ndarray]:
    """The `sound_frames` of clips, trimmed as `prepare` does."""
    for samples in clips:
        passage = recipe.passage(samples.astype(np.float32))
        start, end = recipe.trimming.bounds(passage.samples, passage.regions, True) or (0, 0)
        place = start / SAMPLE_RATE, end / SAMPLE_RATE
        yield clip_sound(passage.samples[start:end], passage.probability, *place)


if __name__ == "__main__":
    main()
