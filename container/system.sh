#!/usr/bin/env bash
# What the base image may lack: Python, and the libraries that opencv-python loads. On Debian and Ubuntu, as root.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends libgl1 libglib2.0-0
command -v python3 >/dev/null || apt-get install --yes --no-install-recommends python3 python3-venv
rm -rf /var/lib/apt/lists/*
