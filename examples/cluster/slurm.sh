#!/usr/bin/env bash
# A build as a Slurm array: eight shards, then one job that publishes. Usage: bash slurm.sh
# All nodes see the same folders and the same environment. A task that was killed: run this script again.
set -euo pipefail

root=${ROOT:-/shared/recordings}
out=${OUT:-/shared/shards}
shards=${SHARDS:-8}
build="paqa build --source folder --root $root --out $out --preset cpu"

array=$(sbatch --parsable --job-name=paqa --array="1-$shards" --cpus-per-task=4 --mem=8G --requeue \
  --wrap "$build --jobs 4 --shard \$SLURM_ARRAY_TASK_ID/$shards")

# afterany, not afterok: what a failed shard has not finished, this job does.
sbatch --job-name=paqa-publish --dependency="afterany:$array" --cpus-per-task=4 --mem=8G \
  --wrap "$build --jobs 4"
