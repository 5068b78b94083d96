#!/bin/bash
# sbatch recipes/configs/slurm.sh stage1 --config cluster --set data.path=SHARDS
# Two machines of eight GPUs; one task a machine, accelerate starts the processes.
#SBATCH --job-name=paqa
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
set -euo pipefail

stage=$1
shift
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))

# Without a checkpoint, --resume starts from the beginning.
srun bash -c "exec .venv/bin/accelerate launch \
  --config_file recipes/configs/accelerate/fsdp2.yaml \
  --num_machines $SLURM_NNODES --num_processes $((SLURM_NNODES * 8)) --machine_rank \$SLURM_NODEID \
  --main_process_ip $head --main_process_port $port --rdzv_backend c10d \
  -m recipes.$stage --resume $*"
