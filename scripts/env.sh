#!/bin/sh
# Installs packages into a virtual environment, which it creates where there is none yet.
#
#     scripts/env.sh VENV ARGUMENT...
#
# The arguments are those of `pip install`. Read from the environment:
#
#     PYTHON  the interpreter that a new environment is made from (default: python3)
#     UV      the uv that installs. Unset: the one on PATH, else that of .venv, else the one that
#             requirements/dev.lock pins, which pip puts into the environment. Empty: pip alone.
#
# A uv that fails is followed by pip: a mirror or a certificate is often set up for pip only.
set -eu

venv=$1
shift
python=${PYTHON:-python3}

die() {
    echo "error: $*" >&2
    exit 1
}

create() {
    command -v "$python" >/dev/null || die "no interpreter named '$python'; set PYTHON to a Python 3.11 or later"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "userops needs Python 3.11 or later, and '$python' is $("$python" --version 2>&1); set PYTHON to one, as in: make PYTHON=python3.12"
    # Without pip, because some distributions ship venv but not the ensurepip that it would need.
    "$python" -m venv --without-pip "$venv"
}

ensure_pip() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
        "$venv/bin/python" -m ensurepip --default-pip >/dev/null 2>&1 ||
        "$python" -m pip --python "$venv/bin/python" install --quiet pip ||
        die "found no way to bring pip into $venv; install the venv package of your distribution"
}

pinned_uv() {
    awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements/dev.lock
}

find_uv() {
    if [ -n "${UV+set}" ]; then
        uv=$UV
    elif command -v uv >/dev/null; then
        uv=uv
    elif [ -x .venv/bin/uv ]; then
        uv=.venv/bin/uv
    else
        uv=$venv/bin/uv
        echo "no uv on PATH; installing the pinned one into $venv" >&2
        ensure_pip
        pinned_uv >"$venv/uv.lock"
        "$venv/bin/python" -m pip install --quiet --require-hashes -r "$venv/uv.lock" || uv=
    fi
}

[ -x "$venv/bin/python" ] || create
find_uv
if [ -n "$uv" ]; then
    "$uv" pip install --python "$venv/bin/python" "$@" && exit
    echo "$uv could not install; trying pip" >&2
fi
ensure_pip
"$venv/bin/python" -m pip install --disable-pip-version-check "$@"
