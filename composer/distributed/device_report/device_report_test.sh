#!/bin/bash
set -euo pipefail

report=$(composer/distributed/device_report/device_report)
echo "$report"

[[ $report == *"with CUDA, CUDA 13."*"NCCL 2."*"backend nccl"* ]]
if [[ $report == *"no GPU: "* ]]; then
  echo "SKIPPED: the calculation, this machine has no GPU"
else
  [[ $report == *"GPU 0: "*": ok"* ]]
fi
