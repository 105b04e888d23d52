"""A task in, what a step of Coqui's recipe costs out (its GPTTrainer, loader and optimiser)."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import soundfile
import torch
import TTS.tts.layers.xtts.trainer.dataset as coqui_dataset  # sets torch's threads to 1
from TTS.tts.layers.xtts.dvae import DiscreteVAE
from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainer, GPTTrainerConfig
from TTS.tts.models.xtts import XttsAudioConfig

from experiments.speed_vs_coqui.clips import read_rows
from experiments.speed_vs_coqui.measuring import SIZES, VOCABULARY, StepClock, Task, gemm_rates


def main(task: Task) -> None:
    torch.manual_seed(7)
    torch.set_num_threads(task.threads)
    coqui_dataset.load_audio = read_wave  # Coqui's own needs FFmpeg's libraries
    with tempfile.TemporaryDirectory() as folder:
        config = recipe(Path(folder), task.size, batch=3)
        model = GPTTrainer(config).to(task.device)
    # As its Trainer: on_train_epoch_start, get_optimizer, then for every batch format, step.
    model.eval()
    model.xtts.gpt.train()
    optimizer = model.get_optimizer()
    train = [row for row in samples(Path(task.clips)) if row["split"] == "train"]
    rates = gemm_rates(task.device, task.size)
    clock, tokens, half = StepClock(task.device), 0, "16" in task.precision
    for _ in range(task.steps + 1):
        batches = iter(model.get_data_loader(config, samples=train))
        clock.start()
        batch = {
            name: value.to(task.device) if hasattr(value, "to") else value
            for name, value in model.format_batch(next(batches)).items()
        }
        batch = model.format_batch_on_device(batch)
        tokens = 3 * (32 + 2 + batch["text_inputs"].shape[1] + batch["audio_codes"].shape[1] + 4)
        kind = task.device.split(":")[0]
        with torch.autocast(kind, torch.bfloat16, enabled=half):
            _, losses = model.train_step(batch, None)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        clock.stop()
    print(json.dumps({**clock.summary(tokens), **rates}))


def read_wave(path: str, rate: int) -> torch.Tensor:
    """A WAV file of that rate as (1, samples)."""
    wave, found = soundfile.read(path, dtype="float32")
    assert found == rate, f"{path}: {found} Hz, the configuration says {rate}"
    return torch.from_numpy(wave)[None]


def samples(folder: Path) -> list[dict[str, str]]:
    """Coqui's list of samples, with the split that each clip belongs to."""
    return [{**row, "audio_file": str(folder / row["audio_file"])} for row in read_rows(folder)]


def recipe(folder: Path, size: str, batch: int, epochs: int = 1) -> GPTTrainerConfig:
    """The values of recipes/ljspeech/xtts_v2/train_gpt_xtts.py on random weights of a size."""
    layers, width, heads, texts = SIZES[size]
    torch.save(torch.ones(80), folder / "mel_norms.pth")
    codec = DiscreteVAE(
        channels=80, normalization=None, positional_dims=1, num_tokens=1024, codebook_dim=512,
        hidden_dim=512, num_resnet_blocks=3, kernel_size=3, num_layers=2,
        use_transposed_convs=False,
    )  # fmt: skip
    torch.save(codec.state_dict(), folder / "dvae.pth")
    arguments = GPTArgs(
        gpt_layers=layers, gpt_n_model_channels=width, gpt_n_heads=heads, decoder_input_dim=width,
        gpt_number_text_tokens=texts, gpt_num_audio_tokens=1026, gpt_start_audio_token=1024,
        gpt_stop_audio_token=1025, gpt_use_masking_gt_prompt_approach=True,
        gpt_use_perceiver_resampler=True, tokenizer_file=str(VOCABULARY),
        mel_norm_file=str(folder / "mel_norms.pth"), dvae_checkpoint=str(folder / "dvae.pth"),
    )  # fmt: skip
    return GPTTrainerConfig(
        epochs=epochs, run_name="recipe", project_name="speed", model_args=arguments,
        audio=XttsAudioConfig(sample_rate=22050, dvae_sample_rate=22050, output_sample_rate=24000),
        output_path=str(folder), batch_size=batch, eval_batch_size=batch, num_loader_workers=0,
        num_eval_loader_workers=0, print_step=50, log_model_step=1000, save_step=10000,
        save_n_checkpoints=1, save_checkpoints=True, print_eval=False, optimizer="AdamW",
        optimizer_wd_only_on_weights=True, lr=5e-6, lr_scheduler="MultiStepLR",
        optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 1e-2},
        lr_scheduler_params={"milestones": [900_000, 2_700_000], "gamma": 0.5, "last_epoch": -1},
        test_sentences=[],
    )  # fmt: skip


if __name__ == "__main__":
    main(Task(**json.loads(sys.argv[1])))
