"""Prepares every folder of ../shared/cases by one command each, and compares with what is right.

    python -m experiments.cases.run [CASE …]

What is right is written in the README of that folder. Copies are looked for among the clips of both
sets, as training on both together does.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from xttslab.data.audio import read_audio
from xttslab.data.copies import peaks, same_audio
from xttslab.data.manifest import read_folder

ROOT = Path(__file__).parents[2]
CASES = ROOT.parent / "shared" / "cases"
LEAST = float(yaml.safe_load((ROOT / "conf/copies/default.yaml").read_text())["min_agreement"])
DOTS = "wavs/only_dots.wav"


@dataclass
class Outcome:
    """A prepared case: its clips as (text, category or "", speaker), and rows of its tables."""

    texts: list[str]
    categories: Counter[str]
    speakers: Counter[str]
    understood: str
    tables: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def kinds(self) -> set[tuple[str, str]]:
        return {(Path(row["audio_file"]).stem, row["check"]) for row in self.tables["review"]}


def prepared(source: Path, data: Path, *options: str) -> Outcome:
    """Run the command as a person would, and read what it made."""
    name = source.name
    command = [sys.executable, "-m", "xttslab.prepare", f"dataset={name}", f"source={source}"]
    command += [f"data_dir={data}", "check_speakers=false", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip()[-300:]}")
    clips, _ = read_folder(data / name)
    named = Counter("" if clip.category_assumed else clip.category for clip in clips)
    tables = {}
    for table in ("rejected", "review", "changed"):
        with (data / name / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            tables[table] = list(csv.DictReader(file, delimiter="|"))
    speakers = Counter(clip.speaker for clip in clips)
    lines = [line for line in done.stdout.splitlines() if line.strip()][:2]
    return Outcome([clip.text for clip in clips], named, speakers, " / ".join(lines), tables)


def _folders(data: Path) -> tuple[Outcome, bool]:
    found = prepared(CASES / "category_by_folder", data)
    # two recordings of confirmation lie in the folder, where its README says three
    right = {"greeting": 3, "question": 3, "tension": 3, "confirmation": 2, "": 3}
    return found, found.categories == right


def _backslashes(data: Path) -> tuple[Outcome, bool]:
    found = prepared(CASES / "backslash_paths", data)
    return found, len(found.texts) == 4


def _json_list(data: Path) -> tuple[Outcome, bool]:
    found = prepared(CASES / "json_list", data)
    return found, all(found.texts) and found.categories == {"excitement": 4}


def _one_of_two(name: str) -> Callable[[Path], tuple[Outcome, bool]]:
    def run(data: Path) -> tuple[Outcome, bool]:
        found = prepared(CASES / name, data, "keep_speaker=Speaker 0")
        others = ("Ez a cipő", "Még kenyeret", "Szükségem van", "Nekem vannak", "Tudtam, hogy")
        return found, len(found.texts) == 10 and not any(t.startswith(others) for t in found.texts)

    return run


def _subtitles(data: Path) -> tuple[Outcome, bool]:
    found = prepared(CASES / "srt", data)
    return found, bool(found.texts) and all(found.texts)


def _beside(data: Path) -> tuple[Outcome, bool]:
    found = prepared(CASES / "text_beside_clip", data)
    return found, "Lépjünk tovább, jöjjön a következő kérdés." in found.texts and all(found.texts)


def _untidy(data: Path) -> tuple[Outcome, bool]:
    found = prepared(CASES / "untidy_texts", data)
    reasons = [(row["audio_file"], row["reason"]) for row in found.tables["rejected"]]
    wanted = ("starts_inside_sentence", "cut_off_text", "false_start", "text_ends_early",
              "text_goes_on")  # fmt: skip
    flagged = found.kinds()
    missing = [name for name in wanted if (name, name) not in flagged]
    if missing:
        found.understood += f" / not flagged: {', '.join(missing)}"
    tidy = not any(sign in text for text in found.texts for sign in ("[", "(", "--", "  "))
    return found, not missing and tidy and reasons == [
        ("wavs/only_dots.wav", "the text has no word")
    ]


def _copies(data: Path) -> tuple[Outcome, bool]:
    sets = [prepared(CASES / "copies_in_two_sets" / name, data) for name in ("copy_a", "copy_b")]
    audio = [c.audio for name in ("copy_a", "copy_b") for c in read_folder(data / name)[0]]
    pairs = same_audio([peaks(read_audio(path)) for path in audio], LEAST)
    across = {audio[p.first].stem + "=" + audio[p.second].stem for p in pairs}
    right = {f"copy_a_{n:02d}=other_{100 - n}" for n in range(1, 13)}
    sets[
        0
    ].understood += f" / pairs found: {len(across & right)} of 12, false: {len(across - right)}"
    return sets[0], across == right


RUNS: dict[str, Callable[[Path], tuple[Outcome, bool]]] = {
    "category_by_folder": _folders,
    "backslash_paths": _backslashes,
    "json_list": _json_list,
    "words_json": _one_of_two("words_json"),
    "vtt": _one_of_two("vtt"),
    "timestamps_txt": _one_of_two("timestamps_txt"),
    "srt": _subtitles,
    "text_beside_clip": _beside,
    "untidy_texts": _untidy,
    "copies_in_two_sets": _copies,
}


def main() -> None:
    """Print one row a case."""
    print("| case | right | clips | categories | speakers | rejected | what was understood |")
    print("|---|---|---:|---|---|---:|---|")
    for name in sys.argv[1:] or RUNS:
        with tempfile.TemporaryDirectory() as folder:
            found, right = RUNS[name](Path(folder))
        categories = ", ".join(f"{n or 'none named'} {c}" for n, c in found.categories.items())
        speakers = ", ".join(f"{n} {c}" for n, c in found.speakers.items())
        cells = (name, "yes" if right else "NO", str(len(found.texts)), categories, speakers)
        rejected = str(len(found.tables["rejected"]))
        print(f"| {' | '.join(cells)} | {rejected} | {found.understood} |", flush=True)


if __name__ == "__main__":
    main()
