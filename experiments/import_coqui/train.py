"""Makes a genuine Coqui training folder of a few clips, for trying `xttslab.import_run` on.

nice -n 19 python experiments/import_coqui/train.py ../shared/data/ljspeech32 outputs/coqui_source

Coqui's own GPTTrainer at 2 layers × 64 with random weights: batches of 2, accumulated over 2, three
epochs with an evaluation before the first. About two minutes on one core for 28 clips. The clips
are a folder of LJ Speech's layout (`transcripts.psv`) or one that `xttslab.prepare` made.
"""

from __future__ import annotations

import sys
from pathlib import Path

import soundfile
import torch
import TTS.tts.layers.xtts.trainer.dataset as coqui_dataset
from trainer import Trainer, TrainerArgs
from TTS.tts.layers.xtts.dvae import DiscreteVAE
from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainer, GPTTrainerConfig
from TTS.tts.models.xtts import XttsAudioConfig

from xttslab.data.manifest import read_folder
from xttslab.model.tokenizer import Tokenizer

EVAL_CLIPS = 4
VOCABULARY = Path(__file__).parents[2] / "xttslab/assets/xtts_mini/vocab.json"


def main(clips: Path, out: Path, vocabulary: Path = VOCABULARY, most: int = 32) -> None:
    """Train on the first `most` clips, reading texts with `vocabulary`."""
    torch.manual_seed(7)
    coqui_dataset.load_audio = read_wave  # Coqui's own needs FFmpeg's libraries
    out.mkdir(parents=True, exist_ok=True)
    samples = read_samples(clips, out / "wavs")[:most]
    config = tiny_config(out, vocabulary)
    trainer = Trainer(
        TrainerArgs(grad_accum_steps=2, start_with_eval=True),
        config,
        output_path=str(out),
        model=GPTTrainer(config),
        train_samples=samples[EVAL_CLIPS:],
        eval_samples=samples[:EVAL_CLIPS],
    )
    trainer.fit()


def read_wave(path: str, rate: int) -> torch.Tensor:
    """A WAV file of that rate as (1, samples)."""
    wave, found = soundfile.read(path, dtype="float32")
    assert found == rate, f"{path}: {found} Hz, the configuration says {rate}"
    return torch.from_numpy(wave)[None]


def read_samples(folder: Path, wavs: Path) -> list[dict[str, str]]:
    """Coqui's list of samples; other files are written as WAV, which it asks for."""
    if (folder / "metadata.csv").is_file():
        clips = read_folder(folder, folder.name)[0]
        return [_sample(clip.audio, clip.text, clip.language, clip.speaker) for clip in clips]
    wavs.mkdir(exist_ok=True)
    lines = (folder / "transcripts.psv").read_text(encoding="utf-8").splitlines()[1:]
    samples = []
    for audio_file, text, _ in (line.split("|") for line in lines):
        wave, rate = soundfile.read(folder / audio_file)
        target = wavs / f"{Path(audio_file).stem}.wav"
        soundfile.write(target, wave, rate)
        samples.append(_sample(target, text, "en", "ljspeech"))
    return samples


def _sample(audio: Path, text: str, language: str, speaker: str) -> dict[str, str]:
    names = ("audio_file", "text", "language", "speaker_name")
    return dict(zip(names, (str(audio), text, language, speaker), strict=True))


def tiny_config(out: Path, vocabulary: Path) -> GPTTrainerConfig:
    """What Coqui's demo configures, with a small model and files made here."""
    torch.save(torch.ones(80), out / "mel_norms.pth")
    codec = DiscreteVAE(
        channels=80, normalization=None, positional_dims=1, num_tokens=1024, codebook_dim=512,
        hidden_dim=512, num_resnet_blocks=3, kernel_size=3, num_layers=2,
        use_transposed_convs=False,
    )  # fmt: skip
    torch.save(codec.state_dict(), out / "dvae.pth")
    arguments = GPTArgs(
        gpt_layers=2, gpt_n_model_channels=64, gpt_n_heads=2, decoder_input_dim=64,
        gpt_number_text_tokens=Tokenizer(vocabulary).size,
        gpt_num_audio_tokens=1026, gpt_start_audio_token=1024, gpt_stop_audio_token=1025,
        gpt_use_masking_gt_prompt_approach=True,
        gpt_use_perceiver_resampler=True, tokenizer_file=str(vocabulary),
        mel_norm_file=str(out / "mel_norms.pth"), dvae_checkpoint=str(out / "dvae.pth"),
    )  # fmt: skip
    return GPTTrainerConfig(
        epochs=3, run_name="coqui_tiny", project_name="import_coqui", model_args=arguments,
        audio=XttsAudioConfig(sample_rate=22050, dvae_sample_rate=22050, output_sample_rate=24000),
        output_path=str(out), batch_size=2, eval_batch_size=2, num_loader_workers=0,
        num_eval_loader_workers=0, print_step=2, log_model_step=10_000, save_step=10_000,
        save_checkpoints=True, save_n_checkpoints=1, print_eval=True, optimizer="AdamW",
        optimizer_wd_only_on_weights=True, lr=1e-3, lr_scheduler="MultiStepLR",
        optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 1e-2},
        lr_scheduler_params={"milestones": [900_000], "gamma": 0.5, "last_epoch": -1},
        test_sentences=[],
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
