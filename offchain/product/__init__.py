"""A bought model as a product: one ONNX file that needs nothing of this project, and its card."""

from offchain.product.export import export
from offchain.product.running import Agreement, Answers, compare, run

__all__ = ["Agreement", "Answers", "compare", "export", "run"]
