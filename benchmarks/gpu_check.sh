#!/usr/bin/env bash
# Checks a GPU machine without internet, in at most eight minutes: every backend, both training stages, a build.
# Usage: benchmarks/gpu_check.sh [--out FILE] [--seconds N] [--only SECTION ...] [--tiny]
# PYTHON names the interpreter; by default that of .venv, or else python3.
set -euo pipefail
ROOT="$(cd "$(dirname "$0")/.." && pwd)"
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  if [ -x "$ROOT/.venv/bin/python" ]; then PYTHON="$ROOT/.venv/bin/python"; fi
fi
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
exec "$PYTHON" -m benchmarks.gpu.check "$@"
