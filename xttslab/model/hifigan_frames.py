"""Runs XTTS's HiFi-GAN over frames that come piece by piece, each computed about once.

Every layer outside the residual blocks, and every stage of these, keeps the inputs that its next
outputs need: the samples are those of the whole sentence, zero padding at its ends included.
Tensors are (1, channels, places).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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
        blocks, count = generator.resblocks, generator.num_kernels
        starts = range(0, len(blocks), count)
        self._blocks = [_BlockPieces(blocks[start : start + count]) for start in starts]

    def push(self, frames: Tensor, last: bool) -> Tensor:
        """Samples (1, 1, n) that more frames make certain; `last` ends the sentence."""
        o = self._first.push(frames, last) + self.generator.cond_layer(self.speaker)
        for place, (up, blocks) in enumerate(zip(self._ups, self._blocks, strict=True)):
            o = up.push(F.leaky_relu(o, LRELU_SLOPE), last)
            if self.generator.cond_in_each_up_layer:
                o = o + self.generator.conds[place](self.speaker)
            o = blocks.push(o, last)
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


class _BlockPieces:
    """The mean of a stage's residual blocks, which are run over what is new and as much around it
    as they reach: at a stage's own rate that is little, and costs less than a state in every
    convolution, which copies all that passes (a third of the time of the whole)."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        self.blocks, self.reach = blocks, max(map(_block_reach, blocks))
        self._kept: Tensor | None = None
        self._given = 0  # places of `kept` whose outputs were given

    def push(self, x: Tensor, last: bool) -> Tensor:
        x = x if self._kept is None else torch.cat([self._kept, x], dim=2)
        start, end = self._given, x.shape[2] - (0 if last else self.reach)
        if end <= start:
            self._kept = x
            return x[:, :, :0]
        total = sum(block(x)[:, :, start:end] for block in self.blocks)
        first = max(0, end - self.reach)
        self._kept, self._given = x[:, :, first:], end - first
        return total / len(self.blocks)


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
