"""What made the boosters here: XGBoost 0.82, as BigQuery ML exports them. Run by hand, with that version installed.

python -m venv old && old/bin/pip install "numpy<2" "scipy<1.12" && old/bin/pip install --no-deps xgboost==0.82
old/bin/python tests/runtime/exported/make.py
"""

import json
from pathlib import Path

import numpy as np
import xgboost

HERE = Path(__file__).parent
RANDOM = np.random.RandomState(5)
ROWS = RANDOM.normal(size=(200, 3)).round(3)
ROWS[::7, 1] = np.nan
ROWS[:, 2] = RANDOM.randint(1, 4, size=200)  # places of words
LABEL = ROWS[:, 0] * 2 + np.nan_to_num(ROWS[:, 1]) + (ROWS[:, 2] == 2)
CASES = {
    "regressor": ({"objective": "reg:linear", "gamma": 5}, LABEL),
    "classifier": ({"objective": "multi:softprob", "num_class": 3}, np.digitize(LABEL, [-1, 1])),
    "forest": ({"objective": "multi:softprob", "num_class": 2, "num_parallel_tree": 3, "subsample": 0.8}, LABEL > 0),
    "logistic": ({"objective": "binary:logistic"}, LABEL > 0),
    "dart": ({"objective": "reg:linear", "booster": "dart", "rate_drop": 0.3}, LABEL),
}

told = {"rows": [[None if np.isnan(value) else value for value in row] for row in ROWS[:10].tolist()]}
for name, (settings, label) in CASES.items():
    rounds = 1 if name == "forest" else 4
    booster = xgboost.train({"max_depth": 3, **settings}, xgboost.DMatrix(ROWS, label.astype(float)), rounds)
    booster.save_model(str(HERE / f"{name}.bst"))
    limit = rounds if name == "dart" else 0  # without one, this version drops trees of dart while it predicts
    told[name] = booster.predict(xgboost.DMatrix(ROWS[:10]), ntree_limit=limit).tolist()
(HERE / "answers.json").write_text(json.dumps(told))
