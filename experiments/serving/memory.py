"""Whether a server's memory levels off while it answers.

    python -m experiments.serving.memory --answers 1500 dataset=demo_milliomos

Starts `python -m xttslab.serve` with the arguments that follow, in the current folder, has 16
clients ask it for whole files and streams in turn, and prints its resident memory after every 100
answers, the slope of the second half in MB per 1,000 answers, and how many threads it has.
"""

from __future__ import annotations

import argparse
import itertools
import json
import threading

import numpy as np
import psutil

from experiments.serving.load import CLIENTS, Client, sentences, start

EVERY = 100  # answers between two looks


def watch(address: str, process: psutil.Process, answers: int, longest: int) -> list[float]:
    """Resident memory in MB before the first answer and after every EVERY."""
    turns, lock = itertools.count(), threading.Lock()
    asked = [one for one in sentences() if len(one[1]) <= longest]
    faults: list[bytes] = []
    sizes = [process.memory_info().rss / 2**20]

    def work() -> None:
        client = Client(address)
        while (turn := next(turns)) < answers and not faults:
            _, text = asked[turn % len(asked)]
            kind = ("wav", "mp3", "pcm")[turn % 3]
            body = {"input": text, "voice": "", "response_format": kind, "seed": turn}
            answer = client.ask(body)
            content = answer.read()
            if answer.status != 200:
                faults.append(content)
            if (turn + 1) % EVERY == 0:
                with lock:
                    sizes.append(process.memory_info().rss / 2**20)
                    print(f"{turn + 1:6} answers: {sizes[-1]:7.1f} MB", flush=True)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise SystemExit(faults[0].decode())
    return sizes


def main() -> None:
    """Ask and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1500)
    parser.add_argument("--longest", type=int, default=200, help="characters of a text")
    options, arguments = parser.parse_known_args()
    process, address = start([*arguments, "limits.seconds=3600"])  # memory is measured, not time
    watched = psutil.Process(process.pid)
    try:
        sizes = watch(address, watched, options.answers, options.longest)
        half = sizes[len(sizes) // 2 :]
        slope = np.polyfit(np.arange(len(half)) * EVERY / 1000, half, 1)[0]
        found = {
            "memory_mb": [round(size) for size in sizes],
            "slope_mb_per_1000": round(float(slope), 1),
            "threads": watched.num_threads(),
        }
    finally:
        process.terminate()
        process.wait()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
