"""Real recordings in; the same after the way through audio codes and decoder out.

What is lost on this way no training of the GPT can bring back: the marks of these clips are the
ceiling of the codec. The decoder reads the GPT's hidden states, so those are taken while the GPT
reads the true codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from xttslab.data.audio import read_audio
from xttslab.data.manifest import Clip
from xttslab.evaluation.clips import SpokenClip
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.sampling import Generated
from xttslab.model.transformer import run_blocks
from xttslab.model.voice import Speaking, Voice
from xttslab.speaking.speaker import Speaker


def through_codec(speaker: Speaker, clips: Sequence[Clip], settings: Speaking) -> list[SpokenClip]:
    """Encode and decode each clip, whole and at its own speed, after the reference of its category.

    Returns clips at 24 kHz under the manifest's names. Raises UserError for a recording that cannot
    be read.
    """
    whole = replace(settings, speed=1.0, trim_babble=False)
    return [_again(speaker, clip, whole) for clip in clips]


@torch.no_grad()
def _again(speaker: Speaker, clip: Clip, settings: Speaking) -> SpokenClip:
    voice = speaker.voice
    known = clip.category in speaker.categories
    latents, embedding = speaker.reference(clip.category if known else None)
    codes, _ = voice.codec.encode([read_audio(clip.audio)])[0]
    told = torch.from_numpy(codes.astype("int64")).to(latents.device)  # (T,)
    tokens = speaker.tokenizer.encode(clip.text, speaker.language)
    text = torch.from_numpy(tokens).to(latents.device)
    states = hidden_states(voice, latents, text, told)
    generated = Generated(told, states, torch.zeros(len(states)), ended=True)
    wave = voice.decode(generated, embedding, settings)
    category = "" if clip.category_assumed else clip.category
    name = f"{clip.id.replace('/', '_')}.wav"
    return SpokenClip(name, wave, SPEECH_RATE, clip.text, category, 0, "real", tuple(told.tolist()))


def hidden_states(voice: Voice, latents: Tensor, text: Tensor, codes: Tensor) -> Tensor:
    """The GPT's states while it reads codes (T,) for text (N,) after latents (32, D).

    Row t predicts code t, the last of (T + 1, D) the stop token: what `generate` gives for speech
    of its own.
    """
    gpt = voice.gpt
    words = [text.new_tensor([gpt.start_text_token]), text, text.new_tensor([gpt.stop_text_token])]
    sounds = torch.cat([codes.new_tensor([gpt.start_audio_token]), codes])
    embedded = torch.cat(
        [latents[None], gpt.embed_text(torch.cat(words)[None]), gpt.embed_audio(sounds[None])],
        dim=1,
    )  # (1, 32 + N + 2 + T + 1, D)
    return gpt.final_norm(run_blocks(gpt.gpt, embedded))[0, -len(sounds) :]
