"""XTTS's tokenizer, codec, GPT and decoder: their losses, and speech."""
