"""Runs XTTS's HiFi-GAN over frames that come piece by piece, each computed once.

Every convolution keeps the inputs that its next outputs need, and every sum what one of its parts
is ahead: the samples are those of the whole sentence, zero padding at its ends included. Tensors
are (1, channels, places).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from TTS.vocoder.models.hifigan_generator import LRELU_SLOPE

from xttslab.model.decoder import HOP, XttsDecoder


class HifiganFrames:
    """XTTS's HiFi-GAN, frame by frame; a `streaming.FrameDecoder`."""

    def __init__(self, decoder: XttsDecoder, speaker: Tensor) -> None:
        self.generator, self.speaker = decoder.waveform_decoder, speaker
        self.reach = hifigan_reach(self.generator)
        self._pieces = _GeneratorPieces(self.generator, speaker)
        self._fed = 0  # frames
        self._ahead: Tensor | None = None  # samples that were not asked for yet

    def wave(self, frames: Tensor, start: int, stop: int, length: int) -> Tensor:
        """Samples (n,) of frames `start` to `stop`, as `streaming.FrameDecoder` says."""
        end = min(stop + self.reach, length)
        if end < self._fed:  # the sentence ends before what was taken for certain
            first = max(0, start - self.reach)
            wave = self.generator(frames[:, :, first:length], g=self.speaker).flatten()
            return wave[(start - first) * HOP : (stop - first) * HOP]
        new = self._pieces.push(frames[:, :, self._fed : end], end == length).flatten()
        wave = new if self._ahead is None else torch.cat([self._ahead, new])
        count = (stop - start) * HOP
        self._fed, self._ahead = end, wave[count:]
        return wave[:count]


class _GeneratorPieces:
    """`HifiganGenerator.forward` (TTS/vocoder/models/hifigan_generator.py) with a state."""

    def __init__(self, generator: nn.Module, speaker: Tensor) -> None:
        self.generator, self.speaker = generator, speaker
        self._first = _ConvPieces(generator.conv_pre)
        self._last = _ConvPieces(generator.conv_post)
        self._ups = [_UpPieces(up) for up in generator.ups]
        count = generator.num_kernels
        blocks = [_BlockPieces(block) for block in generator.resblocks]
        self._blocks = [blocks[n : n + count] for n in range(0, len(blocks), count)]
        self._sums = [_SumPieces(count) for _ in self._ups]

    def push(self, frames: Tensor, last: bool) -> Tensor:
        """Samples (1, 1, n) that more frames make certain; `last` ends the sentence."""
        o = self._first.push(frames, last) + self.generator.cond_layer(self.speaker)
        stages = zip(self._ups, self._blocks, self._sums, strict=True)
        for place, (up, blocks, total) in enumerate(stages):
            o = up.push(F.leaky_relu(o, LRELU_SLOPE), last)
            if self.generator.cond_in_each_up_layer:
                o = o + self.generator.conds[place](self.speaker)
            o = total.push([block.push(o, last) for block in blocks]) / len(blocks)
        return torch.tanh(self._last.push(F.leaky_relu(o), last))


class _ConvPieces:
    """A convolution that keeps its length."""

    def __init__(self, conv: nn.Conv1d) -> None:
        self.conv = conv
        self.reach = conv.dilation[0] * (conv.kernel_size[0] // 2)
        self._kept: Tensor | None = None

    def push(self, x: Tensor, last: bool) -> Tensor:
        edge = x.new_zeros(*x.shape[:2], self.reach)
        x = torch.cat([edge if self._kept is None else self._kept, x, *([edge] * last)], dim=2)
        needed = 2 * self.reach
        self._kept = x[:, :, max(0, x.shape[2] - needed) :]
        if x.shape[2] <= needed:
            return x.new_zeros(x.shape[0], self.conv.out_channels, 0)
        return F.conv1d(x, self.conv.weight, self.conv.bias, dilation=self.conv.dilation)


class _UpPieces:
    """A transposed convolution; neighbours overlap by its kernel less its stride."""

    def __init__(self, up: nn.ConvTranspose1d) -> None:
        self.up, self.overlap = up, up.kernel_size[0] - up.stride[0]
        self._tail: Tensor | None = None

    def push(self, x: Tensor, last: bool) -> Tensor:
        begins = self._tail is None
        if begins and not x.shape[2]:
            return x.new_zeros(x.shape[0], self.up.out_channels, 0)
        out = self._tail
        if x.shape[2]:
            out = F.conv_transpose1d(x, self.up.weight, stride=self.up.stride)
            if not begins:
                out[:, :, : self.overlap] += self._tail
        padding = self.up.padding[0]
        self._tail = out[:, :, out.shape[2] - self.overlap :]
        end = out.shape[2] - (padding if last else self.overlap)
        return out[:, :, padding if begins else 0 : end] + self.up.bias[:, None]


class _SumPieces:
    """The sum of several tensors of which some are ahead of the others."""

    def __init__(self, count: int) -> None:
        self._ahead: list[Tensor | None] = [None] * count

    def push(self, parts: list[Tensor]) -> Tensor:
        pairs = zip(self._ahead, parts, strict=True)
        whole = [new if kept is None else torch.cat([kept, new], dim=2) for kept, new in pairs]
        length = min(part.shape[2] for part in whole)
        self._ahead = [part[:, :, length:] for part in whole]
        return sum(part[:, :, :length] for part in whole)


class _BlockPieces:
    """A residual block: two convolutions beside each input, three times."""

    def __init__(self, block: nn.Module) -> None:
        pairs = zip(block.convs1, block.convs2, strict=True)
        self._steps = [(_ConvPieces(a), _ConvPieces(b), _SumPieces(2)) for a, b in pairs]

    def push(self, x: Tensor, last: bool) -> Tensor:
        for first, second, total in self._steps:
            inner = first.push(F.leaky_relu(x, LRELU_SLOPE), last)
            x = total.push([second.push(F.leaky_relu(inner, LRELU_SLOPE), last), x])
        return x


def hifigan_reach(generator: nn.Module) -> int:
    """How many input frames on either side decide a frame of a HiFi-GAN's output: the sum of half
    of every kernel of its longest path, each at its own rate."""
    reach = generator.conv_pre.kernel_size[0] // 2
    rate, blocks = 1, len(generator.resblocks) // len(generator.ups)
    for place, up in enumerate(generator.ups):
        reach += (up.kernel_size[0] - 1 - up.padding[0]) / up.stride[0] / rate
        rate *= up.stride[0]
        some = generator.resblocks[place * blocks : (place + 1) * blocks]
        reach += max(map(_block_reach, some)) / rate
    return math.ceil(reach + generator.conv_post.kernel_size[0] // 2 / rate)


def _block_reach(block: nn.Module) -> int:
    convolutions = (one for one in block.modules() if isinstance(one, nn.Conv1d))
    return sum(one.dilation[0] * (one.kernel_size[0] // 2) for one in convolutions)
