"""Batched generation says what Coqui's own `GPT.generate` says, sentence by sentence."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from TTS.tts.layers.xtts.gpt import GPT

from tests.conftest import sampling
from xttslab.model.generation import Generation, generate
from xttslab.model.gpt import XttsGpt
from xttslab.model.sampling import Generated, Sentence

TINY = {
    "layers": 2,
    "model_dim": 64,
    "heads": 2,
    "max_text_tokens": 40,
    "max_mel_tokens": 90,
    "max_prompt_tokens": 70,
    "number_text_tokens": 50,
    "start_text_token": 48,
    "stop_text_token": 0,
    "num_audio_tokens": 34,
    "start_audio_token": 32,
    "stop_audio_token": 33,
}
MIDDLE = TINY | {
    "layers": 4,
    "model_dim": 256,
    "heads": 4,
    "max_mel_tokens": 40,
    "num_audio_tokens": 1026,
    "start_audio_token": 1024,
    "stop_audio_token": 1025,
}
TEXTS = [[5, 6, 7], [11, 12, 13, 14, 15, 16, 17, 18, 19, 20], [3], list(range(1, 31))]


def build(size: dict[str, int]) -> tuple[GPT, XttsGpt]:
    torch.manual_seed(3)
    theirs = GPT(use_perceiver_resampler=True, **size)
    for parameter in theirs.parameters():  # Coqui's zeros and small values would give one code
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=3.0 / parameter.shape[-1] ** 0.5)
    ours = XttsGpt(**size)
    ours.load_state_dict(theirs.state_dict())
    theirs.init_gpt_for_inference()
    return theirs.eval(), ours.eval()


@pytest.fixture(scope="module", params=[TINY, MIDDLE], ids=["tiny", "middle"])
def models(request) -> tuple[GPT, XttsGpt]:
    return build(request.param)


@pytest.fixture(scope="module")
def tiny() -> tuple[GPT, XttsGpt]:
    return build(TINY)


def sentences(gpt: XttsGpt, limit: int = 36) -> list[Sentence]:
    torch.manual_seed(1)
    latents = torch.randn(len(TEXTS), 32, gpt.model_dim)
    return [Sentence(text, latents[i], limit, seed=100 + i) for i, text in enumerate(TEXTS)]


def coqui_codes(model: GPT, sentence: Sentence, **rules) -> Tensor:
    """Codes of Coqui's generate, which may go on to the model's end, up to a stop."""
    text = torch.tensor([list(sentence.text)])
    return model.generate(sentence.latents[None], text, num_beams=1, **rules)[0]


def coqui_latents(model: GPT, sentence: Sentence, codes: Tensor) -> Tensor:
    """As Coqui's `Xtts.inference` computes them for the decoder."""
    with torch.no_grad():
        return model(
            torch.tensor([list(sentence.text)]),
            torch.tensor([len(sentence.text)]),
            codes[None],
            torch.tensor([len(codes) * 1024]),
            cond_latents=sentence.latents[None],
            return_latent=True,
        )[0]


@pytest.mark.parametrize("penalty", [1.0, 10.0])
def test_greedy_codes_and_latents_equal_coqui(models, penalty: float) -> None:
    theirs, ours = models
    limit = ours.max_gen_mel_tokens
    given = generate(
        ours, sentences(ours, limit), sampling(greedy=True, repetition_penalty=penalty)
    )
    for sentence, result in zip(sentences(ours, limit), given, strict=True):
        codes = coqui_codes(theirs, sentence, do_sample=False, repetition_penalty=penalty)
        stops = (codes == ours.stop_audio_token).nonzero()
        assert result.ended == (len(stops) > 0)
        assert result.codes.tolist() == codes[: len(codes) - len(stops)].tolist()
        expected = coqui_latents(theirs, sentence, codes)
        assert result.latents.shape == expected.shape
        torch.testing.assert_close(result.latents, expected, atol=1e-3, rtol=1e-3)


def test_some_sentences_stop_and_some_reach_the_limit(tiny) -> None:
    """Both branches of the test above are taken, and more than one code is spoken."""
    _, ours = tiny
    results = [
        result
        for penalty in (1.0, 10.0)
        for result in generate(
            ours,
            sentences(ours, ours.max_gen_mel_tokens),
            sampling(greedy=True, repetition_penalty=penalty),
        )
    ]
    assert {result.ended for result in results} == {True, False}
    assert len(set(torch.cat([result.codes for result in results]).tolist())) > 10


def same(one: Generated, other: Generated) -> None:
    assert one.codes.tolist() == other.codes.tolist()
    assert one.ended == other.ended
    torch.testing.assert_close(one.latents, other.latents, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one.stop_chance, other.stop_chance, atol=1e-4, rtol=1e-4)


def test_a_batch_gives_what_single_sentences_give(models) -> None:
    _, ours = models
    rules = sampling(repetition_penalty=2.0)
    every = sentences(ours)
    together = generate(ours, every, rules)
    for sentence, result in zip(every, together, strict=True):
        same(result, generate(ours, [sentence], rules)[0])


def test_seeds_and_limits_are_per_sentence(tiny) -> None:
    _, ours = tiny
    first = sentences(ours)[0]
    limits, seeds = (3, 9, 40), (1, 1, 2)
    variants = [
        Sentence(first.text, first.latents, limit, seed)
        for limit, seed in zip(limits, seeds, strict=True)
    ]
    short, middle, other = generate(ours, variants, sampling(top_k=0, top_p=1.0, temperature=2.0))
    assert len(short.codes) == 3
    assert not short.ended
    assert short.latents.shape == (3, 64)
    assert middle.codes[:3].tolist() == short.codes.tolist()
    assert other.codes[:9].tolist() != middle.codes.tolist()


def test_draws_follow_the_processed_distribution(tiny) -> None:
    """First codes of many seeds against transformers' own processors, in Coqui's order."""
    _, ours = tiny
    first = sentences(ours)[0]
    rules = sampling(temperature=1.5, top_k=8, top_p=0.9, repetition_penalty=5.0)
    draws = generate(
        ours, [Sentence(first.text, first.latents, 1, seed) for seed in range(2000)], rules
    )
    greedy = generate(ours, [Sentence(first.text, first.latents, 1)], sampling(greedy=True))[0]
    logits = ours.mel_head(greedy.latents).detach()
    processors = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(5.0),
            TemperatureLogitsWarper(1.5),
            TopKLogitsWarper(8),
            TopPLogitsWarper(0.9),
        ]
    )
    expected = processors(torch.tensor([[1, ours.start_audio_token]]), logits).softmax(-1)[0]
    chosen = [ours.stop_audio_token if result.ended else int(result.codes[0]) for result in draws]
    counted = torch.bincount(torch.tensor(chosen), minlength=34) / len(chosen)
    assert (expected > 0).sum() > 2
    assert (counted - expected).abs().max() < 0.03
    assert not counted[expected == 0].any()


def test_stop_chance_is_the_raw_probability(tiny) -> None:
    _, ours = tiny
    result = generate(ours, sentences(ours)[:1], sampling(greedy=True))[0]
    raw = ours.mel_head(result.latents).softmax(-1)[:, ours.stop_audio_token]
    torch.testing.assert_close(result.stop_chance, raw)


def test_refuses_training_mode_and_impossible_limits(tiny) -> None:
    _, ours = tiny
    one = sentences(ours)[0]
    with pytest.raises(ValueError, match=r"limit is 500 codes.*1 to 87"):
        generate(ours, [Sentence(one.text, one.latents, 500)], sampling())
    with pytest.raises(ValueError, match="text has 60 tokens, this model takes 40"):
        generate(ours, [Sentence([1] * 60, one.latents, 5)], sampling())
    ours.train()
    with pytest.raises(ValueError, match="eval mode"):
        generate(ours, [one], sampling())
    ours.eval()


def test_sentences_that_join_and_leave_change_nothing_for_the_others(models) -> None:
    """One joins with a longer text, one with a shorter, by other rules; one is dropped."""
    _, ours = models
    usual, hot = sampling(repetition_penalty=2.0), sampling(temperature=1.3, top_k=0)
    first, second, third, fourth = sentences(ours)
    together, spoken = Generation(ours), {}

    def steps(count: int) -> None:
        for _ in range(count):
            spoken.update((place, together.spoken(place)) for place in together.step())

    places = together.add([first, second], usual)
    steps(5)
    places += together.add([fourth], hot)
    steps(4)
    so_far = together.spoken(places[0])
    together.drop(places[1])
    places += together.add([third], usual)
    while len(together):
        steps(1)
    assert sorted(spoken) == sorted({places[0], *places[2:]})
    for place, sentence, rules in zip(
        (places[0], places[2], places[3]), (first, fourth, third), (usual, hot, usual), strict=True
    ):
        same(spoken[place], generate(ours, [sentence], rules)[0])
    assert so_far.codes.tolist() == spoken[places[0]].codes[: len(so_far.codes)].tolist()
    with pytest.raises(ValueError, match="sentence 1 is not spoken here"):
        together.spoken(places[1])


def test_what_has_left_is_kept_nowhere(tiny) -> None:
    _, gpt = tiny
    together = Generation(gpt)
    for number in range(4):  # a server's clients choose temperatures, and it is never idle
        together.add(sentences(gpt, 3 + number)[:2], sampling(temperature=0.5 + 0.1 * number))
        before = together._cache
        for _ in range(2):
            together.step()
    together.add(sentences(gpt, 5)[:1], sampling())
    assert before.keys == before.values == []  # freed while the next one was made of it
    assert len(together._choosers) <= 3
