"""Random words spoken by espeak-ng's many voices: hours of speech in minutes, to learn to read.

    python -m experiments.mini_base.espeak --out FOLDER --words FILE --clips 4000 --voices 1

Each process drives its own espeak-ng (it keeps global state) and writes its own clips; a clip that
exists is not spoken again. Writes `wavs/*.flac` (22,050 Hz) and `metadata.csv`, a data set that
`python -m xttslab.train` reads: the speaker column names voice and settings, so that clips of one
setting prompt each other.
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from xttslab.data.manifest import Clip, write_metadata
from xttslab.files import replacing

RATE = 22_050
VARIANTS = (
    "f1 f2 f3 f4 f5 m1 m2 m3 m4 m5 m6 m7 m8 adam Alicia Andrea Andy anika Annie Antonio aunty "
    "belinda benjamin boris caleb croak david Denis Diogo ed edward edward2 Gene Gene2 grandma "
    "grandpa Henrique Hugo iven iven2 iven3 iven4 Jacky john kaukovalta klatt klatt2 klatt3 "
    "klatt4 klatt5 klatt6 Lee linda marcelo Marco Mario max Michael michel miguel Mike mike2 "
    "Mr_serious Nguyen norbert pablo paul pedro quincy Reed RicishayMax RicishayMax2 "
    "RicishayMax3 rob robert sandro shelby steph steph2 steph3 Storm travis Tweaky victor zac"
).split()
PER_SETTING = 4  # clips of one voice, pitch, rate and range: they prompt each other
HELD_OUT = 40  # clips of settings that training never hears
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_ng.h, espeak_PARAMETER
_SYNCHRONOUS, _UTF8 = 2, 1
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class Saying:
    """What one clip says, and how."""

    name: str
    text: str
    voice: str
    pitch: int
    rate: int
    range: int

    @property
    def setting(self) -> str:
        return f"{self.voice}_{self.pitch}_{self.rate}_{self.range}"


class Espeak:
    """espeak-ng in this process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._engine = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        if self._engine.espeak_Initialize(_SYNCHRONOUS, 500, data, 0) != RATE:
            raise RuntimeError("espeak-ng did not start at 22,050 Hz")
        self._blocks: list[np.ndarray] = []
        self._heard = _CALLBACK(self._take)
        self._engine.espeak_SetSynthCallback(self._heard)

    def say(self, saying: Saying) -> np.ndarray:
        """Float samples at 22,050 Hz, without the silence around them, at −23 dB of full scale."""
        voice = "hu" if saying.voice == "hu" else f"hu+{saying.voice}"
        if self._engine.espeak_SetVoiceByName(voice.encode()):
            raise RuntimeError(f"espeak-ng has no voice {voice}")
        values = {_RATE: saying.rate, _PITCH: saying.pitch, _RANGE: saying.range}
        for parameter, value in values.items():
            self._engine.espeak_SetParameter(parameter, value, 0)
        self._blocks = []
        text = saying.text.encode() + b"\0"
        self._engine.espeak_Synth(text, len(text), 0, 1, 0, _UTF8, None, None)
        return _levelled(np.concatenate(self._blocks).astype(np.float32) / 32768)

    def _take(self, samples: ctypes.Array, count: int, _events: int) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


def _levelled(wave: np.ndarray, level: float = 0.07, margin: int = 1100) -> np.ndarray:
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
    cut = wave[max(0, loud[0] - margin) : loud[-1] + margin]
    return cut * min(level / np.sqrt((cut**2).mean() + 1e-9), 0.95 / np.abs(cut).max())


def sayings(words: Sequence[str], clips: int, voices: int, longest: int) -> Iterator[Saying]:
    """Random words, sometimes with a comma, ending like a statement, a question or a call."""
    random = np.random.default_rng(voices)
    setting: tuple[str, int, int, int] = ("hu", 50, 160, 50)
    for number in range(clips):
        chosen = [str(word) for word in random.choice(words, random.integers(1, longest + 1))]
        if len(chosen) > 3 and random.random() < 0.4:
            chosen[random.integers(1, len(chosen) - 1)] += ","
        text = " ".join(chosen) + str(random.choice([".", ".", ".", "?", "!"]))
        if voices > 1 and number % PER_SETTING == 0:
            voice = VARIANTS[random.integers(min(voices, len(VARIANTS)))]
            drawn = random.integers((20, 130, 30), (76, 205, 81))
            setting = (voice, *(int(value) for value in drawn))
        yield Saying(f"{number:06d}", text, *setting)


def _speak_share(out: Path, share: Sequence[Saying]) -> list[str]:
    engine, failed = Espeak(), []
    for saying in share:
        path = out / "wavs" / f"{saying.name}.flac"
        if path.is_file():
            continue
        try:
            wave = engine.say(saying)
        except (RuntimeError, ValueError):
            failed.append(saying.name)
            continue
        with replacing(path) as partial:
            sf.write(partial, wave, RATE, subtype="PCM_16", format="FLAC")
    return failed


def read_words(path: Path) -> list[str]:
    """Lower-case words of letters from a Hunspell dictionary or a word list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    words = {line.split("/")[0].split("\t")[0] for line in lines}
    return sorted(word for word in words if word.isalpha() and word.islower() and len(word) < 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=4000)
    parser.add_argument("--voices", type=int, default=1)
    parser.add_argument("--longest", type=int, default=4, help="words of a clip, at most")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    (options.out / "wavs").mkdir(parents=True, exist_ok=True)
    wanted = list(
        sayings(read_words(options.words), options.clips, options.voices, options.longest)
    )
    shares = [(options.out, wanted[i :: options.processes]) for i in range(options.processes)]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        failed = {name for names in pool.starmap(_speak_share, shares) for name in names}
    spoken = [saying for saying in wanted if saying.name not in failed]
    held = {saying.setting for saying in spoken[-HELD_OUT:]} if options.voices > 1 else set()
    clips = [
        Clip(
            audio=options.out / "wavs" / f"{saying.name}.flac",
            text=saying.text,
            speaker=saying.setting,
            split="eval" if saying.setting in held or i >= len(spoken) - HELD_OUT else "train",
        )
        for i, saying in enumerate(spoken)
    ]
    write_metadata(options.out / "metadata.csv", clips)
    print(f"{options.out}: {len(clips)} clips, {len(failed)} failed")


if __name__ == "__main__":
    main()
