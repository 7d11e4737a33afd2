"""The runner in docs/product.md works as it stands, without this project on its path."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from offchain.product import export

DOCS = Path(__file__).parents[3] / "docs" / "product.md"


def test_the_documented_runner_runs(tmp_path, table_model, tumours) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    rows = tumours.validation.features[:40]
    (tmp_path / "model.onnx").write_bytes(export(table_model.composite))
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "runner.py").write_text(code)
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, "runner.py", "model.onnx", "rows.npy"],
        cwd=tmp_path,
        env=alone,
        capture_output=True,
        text=True,
        check=True,
    )
    said = [int(line.split()[0]) for line in ran.stdout.splitlines()]
    assert said == table_model.composite.predict(rows).tolist()
    assert not re.search(r"moemarket|offchain|marketplace", code)
