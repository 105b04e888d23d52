"""xttslab: recordings → manifest → clips → audio codes → batches → GPT losses → MLflow →
spoken samples → scores → report → a voice you can deploy."""

__version__ = "0.1.0"
