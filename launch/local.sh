#!/usr/bin/env bash
# One run in N processes on this machine, connected over the loopback:
#
#   launch/local.sh 2 --config=configs/bl_05.py --workdir=runs/two
#   JAX_NUM_CPU_DEVICES=4 launch/local.sh 2 --config=configs/demo.py    # 2 x 4 CPU devices
#
# GPUs (those of CUDA_VISIBLE_DEVICES, or all) are divided evenly. PYTHON and PORT may be set.
# SIGTERM and SIGINT go to all processes, which save and exit; the exit status is the first nonzero.
set -uo pipefail

processes=${1:-}
if ! [[ $processes =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: $0 PROCESSES --config=... --workdir=..." >&2
  exit 2
fi
shift
python=${PYTHON:-python}
free='import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
port=${PORT:-$("$python" -c "$free")}

visible=${CUDA_VISIBLE_DEVICES-$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | paste -sd, -)}
IFS=, read -ra gpus <<<"$visible"
each=$((${#gpus[@]} / processes))
if ((${#gpus[@]} > 0 && each == 0)); then
  echo "$processes processes but ${#gpus[@]} GPUs; use at most ${#gpus[@]}" >&2
  exit 2
fi

pids=()
trap 'kill -TERM "${pids[@]}" 2>/dev/null' TERM INT
for ((id = 0; id < processes; id++)); do
  share=$(IFS=,; echo "${gpus[*]:id * each:each}")
  ((each)) && export CUDA_VISIBLE_DEVICES=$share
  "$python" -m sgan_jax.main --coordinator="127.0.0.1:$port" --process_id=$id \
    --num_processes="$processes" "$@" &
  pids+=($!)
done

status=0
for pid in "${pids[@]}"; do
  while wait "$pid"; code=$?; kill -0 "$pid" 2>/dev/null; do :; done # a signal interrupts wait
  ((status)) || status=$code
done
exit "$status"
