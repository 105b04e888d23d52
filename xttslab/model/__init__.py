"""XTTS: weights and tokenizer in, GPT losses and speech out."""
