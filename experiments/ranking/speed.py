"""What does scoring a folder cost at two revisions, side by side?

    python -m experiments.ranking.speed [before=ed80985] [after=.] [out=FOLDER] [threads=1]

56 real and synthetic clips of `../shared/data/broadcast_hu` (quiz, interview, tuned XTTS-v2) are
scored beside the quiz clips, at both revisions at the same time, so that other work slows both
alike. 22 of the 56 are the references themselves. Then the later revision scores it again: the quiz
clips' measures are kept from the first time. Prints wall and processor seconds and their ratios.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from experiments.ranking.material import SHARED
from experiments.same_numbers.revisions import export, find
from xttslab.evaluation.folder_scores import read_clips

FOLDERS = ("quiz", "interview", "xtts_tuned")


def main(arguments: Sequence[str]) -> None:
    """Score at both revisions and print what each cost."""
    options = dict(argument.split("=", 1) for argument in arguments)
    out = Path(options.get("out", "outputs/score_speed")).resolve()
    clips, seconds = _folder(out / "clips")
    threads = options.get("threads", "1")
    codes = {}
    for side, usual in (("before", "ed80985"), ("after", ".")):
        shutil.rmtree(out / side, ignore_errors=True)  # nothing kept of an earlier time
        revision = find(options.get(side, usual))
        codes[side] = export(revision, out / f"code_{revision.tree[:8]}")
    with ThreadPoolExecutor(2) as at_once:
        before = at_once.submit(_score, codes["before"], out / "before", clips, threads)
        spent = {"after": _score(codes["after"], out / "after", clips, threads)}
        spent["again"] = _score(codes["after"], out / "after", clips, threads)
        spent["before"] = before.result()
    print(f"{len(list(clips.glob('*.wav')))} clips, {seconds / 60:.1f} min")
    for side, (wall, cpu) in spent.items():
        print(f"{side:<8}{wall:8.0f} s {cpu:8.0f} CPU s")
    for side in ("after", "again"):
        wall, cpu = (one / other for one, other in zip(spent["before"], spent[side], strict=True))
        print(f"before / {side}: {wall:.2f} in wall, {cpu:.2f} in processor seconds")


def _folder(folder: Path) -> tuple[Path, float]:
    """The recordings, as they are, as one folder with their texts; and their seconds together."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows, seconds = [], 0.0
    for kind in FOLDERS:
        for clip in read_clips(SHARED / "broadcast_hu" / kind):
            name = f"{kind}_{clip.name}"
            shutil.copyfile(SHARED / "broadcast_hu" / kind / clip.name, folder / name)
            rows.append((name, clip.text, clip.category))
            seconds += clip.seconds
    with (folder / "texts.psv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="|")
        writer.writerows([("audio_file", "text", "category"), *rows])
    return folder, seconds


def _score(code: Path, out: Path, clips: Path, threads: str) -> tuple[float, float]:
    """Score the clips with one revision; returns seconds by the clock and by the processor."""
    out.mkdir(parents=True, exist_ok=True)
    told = [f"clips={clips}", f"references={SHARED / 'broadcast_hu' / 'quiz'}"]
    told += [f"texts={clips / 'texts.psv'}", f"out={out / 'scores.csv'}"]
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": threads}
    begun = time.perf_counter()
    with (out / "log").open("a", encoding="utf-8") as log:
        command = [sys.executable, "-W", "ignore", "-m", "xttslab.evaluate", *told]
        process = subprocess.Popen(command, cwd=out, env=environment, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed; see {out / 'log'}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(sys.argv[1:])
