"""The demo speaker: sentences in, the package's demo recordings and their scores out.

One voice that belongs to no person, in two sets: a quiz show in seven emotion categories and an
interview in a flatter tone.
"""
