#!/bin/sh
# The standard set once, small: every crystal simulated, then a network trained on it. COUNT=60 tries it on 60 crystals.
set -e
: "${STORE:=stores/standard16}" "${RUNS:=runs/standard16}"
python -m lacbed_gan.simulate structures=standard output="$STORE" size=16 g_max=1.5 ${COUNT:+count=$COUNT}
python -m lacbed_gan.train store="$STORE" thickness=all epochs=2 logger=csv runs="$RUNS"
