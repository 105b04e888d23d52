"""A voice of one layer that has not learned anything, for what does not depend on how it sounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import sampling
from xttslab.data.audio import write_audio
from xttslab.model.base import ASSETS
from xttslab.model.codec import Codec
from xttslab.model.decoder import MiniDecoder
from xttslab.model.gpt import XttsGpt
from xttslab.model.tokenizer import Tokenizer
from xttslab.model.voice import Speaking, Voice
from xttslab.speaking.speaker import Speaker


@pytest.fixture(scope="module")
def speaker(tmp_path_factory) -> Speaker:
    tokenizer = Tokenizer(ASSETS / "xtts_mini" / "vocab.json")
    torch.manual_seed(0)
    gpt = XttsGpt(
        layers=1,
        model_dim=64,
        heads=2,
        max_text_tokens=402,
        max_mel_tokens=605,
        max_prompt_tokens=70,
        number_text_tokens=tokenizer.size,
        start_text_token=tokenizer.start,
        stop_text_token=tokenizer.stop,
        num_audio_tokens=34,
        start_audio_token=32,
        stop_audio_token=33,
    ).eval()
    codec = Codec(torch.ones(80), hidden=16, codebook_dim=8, codes=32, blocks=1)
    decoder = MiniDecoder(latent_dim=64, width=32, blocks=1, speaker_dim=8, speaker_width=8)
    voice = Voice(gpt, codec, decoder.eval(), likely=lambda tokens: 0.4 * tokens)
    folder = tmp_path_factory.mktemp("references")
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * 22050).astype(np.float32)
    write_audio(folder / "greeting.wav", noise)
    write_audio(folder / "silent.wav", np.zeros(22050, np.float32))
    write_audio(folder / "short.wav", noise[: 22050 // 4])
    write_audio(folder / "long.wav", np.tile(noise, 300))
    references = {"greeting": [folder / "greeting.wav"]}
    return Speaker(voice, tokenizer, "hu", references, settings=Speaking(sampling()))
