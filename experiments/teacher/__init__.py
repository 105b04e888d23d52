"""The synthetic teacher: Hungarian text in, human-sounding 24 kHz speech of a mixed voice out.

text → phonemes (espeak-ng, Hungarian rules) → Kokoro-82M (int8 ONNX) in a mixed style → audio,
checked by ear of a recogniser (character error rate).
"""
