#!/bin/sh
# Make .venv and install the course into it. `make` calls this once, and again when the list of packages changes.
#   sh tools/install.sh [PYTHON] [TORCH]      TORCH=cpu: PyTorch without its gigabytes for NVIDIA cards
set -u
cd "$(dirname "$0")/.." || exit 1
wanted=$1
torch=$2
PYTORCH_CPU=https://download.pytorch.org/whl/cpu

fail() {
    printf '\n' >&2
    printf '%s\n' "$@" >&2
    exit 1
}

free_space() { # of the folder $1, in GB
    df -Pk "$1" | awk 'NR == 2 { printf "%.1f GB", $4 / 1e6 }'
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${wanted:+"$wanted"} python3 python python3.14 python3.13 python3.12 python3.11; do
        if is_new_enough "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
        [ -z "$wanted" ] || return
    done
}

pip_install() {
    .venv/bin/python -m pip install --disable-pip-version-check -c constraints.txt "$@" || fail \
        "Installing failed; pip's own message stands above." \
        "It needs the internet once, and room: about 2 GB with TORCH=cpu, about 8 GB without on Linux." \
        "Free here: $(free_space .). Free for temporary files, in ${TMPDIR:-/tmp}: $(free_space "${TMPDIR:-/tmp}")." \
        "Then call make again: what is there already is kept."
}

if ! [ -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    [ -n "$python" ] || fail \
        "The course needs Python 3.11 or newer, and ${wanted:-no Python on the PATH} is not: $("${wanted:-python3}" --version 2>&1)" \
        "Install one from https://www.python.org or your system's packages, or name one: make lab PYTHON=/path/to/python3.12"
    echo "Making .venv with $("$python" --version) ..."
    "$python" -m venv .venv || fail \
        "Making .venv failed; Python's own message stands above. Free here: $(free_space .)." \
        "On Debian and Ubuntu the part that is missing comes with: apt install python3-venv"
fi
is_new_enough .venv/bin/python || fail \
    "The folder .venv holds $(.venv/bin/python --version), but the course needs 3.11 or newer. Remove the folder and call make again."

echo "Installing the course and what it needs into .venv; the first time this takes some minutes ..."
if [ "$torch" = cpu ]; then
    pip_install --index-url "$PYTORCH_CPU" --no-deps torch
elif [ -n "$torch" ]; then
    fail "TORCH=$torch means nothing here: there is TORCH=cpu, or none."
fi
pip_install --editable ".[dev,demo]"
pwd -P >.venv/installed
