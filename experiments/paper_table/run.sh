#!/usr/bin/env bash
# The paper's table: 2 directions x 4 thicknesses x 10 folds, one run on each GPU at a time, then the report.
# bash experiments/paper_table/run.sh data=kaggle data.root=kaggle data.folds=folds data.metadata=metadata.csv
# bash experiments/paper_table/run.sh store=stores/mine
# Given again, it goes on: finished runs are left alone, a broken one is resumed.
set -euo pipefail
python -m lacbed_gan.train -m hydra/launcher=joblib experiment=paper trainer=gpu runs=runs/paper \
    direction=forward,inverse thickness=50,100,150,200 'fold=range(10)' "$@"
python -m lacbed_gan.evaluate runs=runs/paper
