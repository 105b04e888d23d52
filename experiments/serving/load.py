"""How soon a server's first sound comes, and how it bears 16 clients at once.

    python -m experiments.serving.load --seconds 60 dataset=demo_milliomos

Starts `python -m xttslab.serve` with the arguments that follow, in the current folder, and asks it
through HTTP: 20 sentences one after another, one client for a while, 16 clients for a while (every
answer compared with what the same request gives alone), one client too many, and one that goes away
in the middle. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import socket
import subprocess
import sys
import threading
import time
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import soundfile as sf
from omegaconf import OmegaConf

from xttslab.commands import CONF

CLIENTS = 16
ALIKE = 0.99  # correlation with the same request alone


def sentences() -> list[tuple[str, str]]:
    """Category and text of the quiz show's sentences."""
    found = OmegaConf.load(CONF / "sentences" / "quiz_show.yaml")
    return [(category, text) for category, texts in found.items() for text in texts]


class Client:
    """Asks the server at `address`; every request has a connection of its own."""

    def __init__(self, address: str) -> None:
        self.place = urlsplit(address).netloc

    def ask(self, body: dict[str, Any]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.place, timeout=120)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/audio/speech", json.dumps(body), headers)
        self.connection = connection
        return connection.getresponse()

    def first_sound(self, category: str, text: str) -> float:
        """Seconds until the first samples of a stream, which is then read to its end."""
        begun = time.perf_counter()
        answer = self.ask({"input": text, "voice": category, "response_format": "pcm"})
        answer.read(2)
        seconds = time.perf_counter() - begun
        answer.read()
        return seconds

    def whole(self, category: str, text: str) -> tuple[int, np.ndarray]:
        """Status and samples of a wav file."""
        answer = self.ask({"input": text, "voice": category, "response_format": "wav"})
        content = answer.read()
        if answer.status != 200:
            return answer.status, np.zeros(0, np.float32)
        return 200, sf.read(io.BytesIO(content), dtype="float32")[0]

    def taken(self) -> int:
        connection = http.client.HTTPConnection(self.place, timeout=30)
        connection.request("GET", "/health")
        return json.load(connection.getresponse())["places"]["taken"]


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two recordings are the same speech."""
    if abs(len(one) - len(other)) > 2400 or not len(one):
        return False
    count = min(len(one), len(other))
    return bool(np.corrcoef(one[:count], other[:count])[0, 1] > ALIKE)


def under_load(
    address: str, clients: int, seconds: float, alone: dict[tuple[str, str], np.ndarray]
) -> dict[str, Any]:
    """What `clients` at once get in so many seconds; all speak on until then."""
    until, lock = time.perf_counter() + seconds, threading.Lock()
    told: dict[str, Any] = {"answers": 0, "faults": 0, "mixed_up": 0, "speech_s": 0.0}
    waits: list[float] = []

    def work(number: int) -> None:
        client, asked = Client(address), list(alone)
        while time.perf_counter() < until:
            category, text = asked[number % len(asked)]
            number += 1
            begun = time.perf_counter()
            status, wave = client.whole(category, text)
            with lock:
                waits.append(time.perf_counter() - begun)
                told["answers"] += 1
                told["faults"] += status != 200
                told["speech_s"] += len(wave) / 24_000
                told["mixed_up"] += status == 200 and not alike(wave, alone[category, text])

    begun = time.perf_counter()
    threads = [threading.Thread(target=work, args=(7 * n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told["speech_per_second"] = round(told["speech_s"] / (time.perf_counter() - begun), 2)
    told["speech_s"] = round(told["speech_s"], 1)
    return {**told, "median_wait_s": round(median(waits), 2)}


def one_too_many(address: str) -> dict[str, float]:
    """How soon the 17th client is refused, and the place of one that goes away is free."""
    text = " ".join(text for _, text in sentences())
    long = {"input": text, "voice": "", "response_format": "wav"}
    busy = [Client(address) for _ in range(CLIENTS)]
    for client in busy:
        thread = threading.Thread(target=_quietly, args=(client, long), daemon=True)
        thread.start()
    watcher = Client(address)
    while watcher.taken() < CLIENTS:
        time.sleep(0.02)
    begun = time.perf_counter()
    status = watcher.ask(long).status
    refused = time.perf_counter() - begun
    begun = time.perf_counter()
    busy[0].connection.sock.shutdown(socket.SHUT_RDWR)  # close() waits for who reads from it
    while watcher.taken() == CLIENTS:
        time.sleep(0.01)
    freed = time.perf_counter() - begun
    for client in busy[1:]:
        client.connection.sock.shutdown(socket.SHUT_RDWR)
    return {"status": status, "refused_s": round(refused, 3), "freed_s": round(freed, 3)}


def _quietly(client: Client, body: dict[str, Any]) -> None:
    try:
        client.ask(body).read()
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        pass  # its connection was closed on purpose


def start(arguments: list[str]) -> tuple[subprocess.Popen[str], str]:
    """The server, once it is ready, and its address."""
    command = [sys.executable, "-W", "ignore", "-m", "xttslab.serve", "port=0", "wyoming_port=null"]
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    address = ""
    for line in process.stdout or ():
        word, _, rest = line.strip().partition(" ")
        address = rest.strip() if word == "serve" else address
        if word == "end":
            return process, address
    raise SystemExit("the server ended before it was ready")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sentences", type=int, default=28)
    options, arguments = parser.parse_known_args()
    process, address = start(arguments)
    memory = psutil.Process(process.pid).memory_info
    try:
        client = Client(address)
        asked = sentences()[: options.sentences]
        first = [client.first_sound(*one) for one in asked[:20]]
        alone = {one: client.whole(*one)[1] for one in asked}
        single = under_load(address, 1, options.seconds / 3, alone)
        before = under_load(address, CLIENTS, options.seconds / 3, alone)
        sizes = [memory().rss / 2**20]
        many = under_load(address, CLIENTS, options.seconds, alone)
        sizes.append(memory().rss / 2**20)
        found = {
            "first_sound_median_s": round(median(first), 3),
            "first_sound_longest_s": round(max(first), 3),
            "one_client": single,
            "warming": before,
            "clients": many,
            "times_one": round(many["speech_per_second"] / single["speech_per_second"], 2),
            "memory_mb": [round(size) for size in sizes],
            **one_too_many(address),
        }
    finally:
        process.terminate()
        process.wait()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
