#!/usr/bin/env bash
# bash container/fresh_root.sh [BIND…]: the steps of the Dockerfile without a daemon: the same scripts, as the same user, in
# a root of its own, in which only the system of this machine is seen (read-only), and none of its home folders or
# packages of Python. BIND: further paths that installing needs, such as a local package index. As root, on Linux.
# It says after each step how long it took, and leaves nothing behind. For a quick look without installing dependencies:
# PIP_NO_DEPS=1 PYTHONPATH=FOLDER bash container/fresh_root.sh FOLDER, where FOLDER is a site-packages that has them.
set -euo pipefail
source=$(realpath "$(dirname "$0")/..")
root=$(mktemp -d)
chmod 755 "$root" # the user has to see it as /
trap 'rm -rf --one-file-system "$root"' EXIT

enter() { # enter USER COMMAND…: run a command in the root, in name spaces of its own, whose mounts end with it
    local user=$1
    shift
    # shellcheck disable=SC2016 # the inner shell expands it
    unshare --mount --pid --fork bash -c '
        set -euo pipefail
        root=$1 user=$2 binds=$3
        shift 3
        for path in /usr /lib /lib64 /bin /sbin /etc /dev $binds; do
            [ -e "$path" ] || continue
            if [ -L "$path" ]; then [ -e "$root$path" ] || cp -P "$path" "$root$path"; continue; fi
            mkdir -p "$root$path"
            mount --rbind "$path" "$root$path"
            case $path in /dev) ;; *) mount -o remount,bind,ro "$root$path" ;; esac
        done
        mkdir -p "$root/proc" && mount -t proc proc "$root/proc"
        exec chroot --userspec="$user" "$root" /usr/bin/env -i PATH=/opt/tsdm-bench/bin:/usr/local/bin:/usr/bin:/bin \
            HOME=/cache USER=bench TSDM_BENCH_DATA=/data TSDM_BENCH_CACHE=/cache TORCH_INDEX="${TORCH_INDEX-}" \
            EXTRAS="${EXTRAS-}" ${PIP_CERT:+PIP_CERT="$PIP_CERT"} ${PIP_FIND_LINKS:+PIP_FIND_LINKS="$PIP_FIND_LINKS"} \
            ${PIP_NO_DEPS:+PIP_NO_DEPS="$PIP_NO_DEPS"} ${PYTHONPATH:+PYTHONPATH="$PYTHONPATH"} \
            "$@"
    ' bash "$root" "$user" "$binds" "$@"
}

step() { # step NAME COMMAND…
    local name=$1 began=$SECONDS
    shift
    "$@"
    echo "== $name: $((SECONDS - began)) s"
}

binds=$*
mkdir -p "$root"/{opt,tmp,results,data,cache,source}
chmod 1777 "$root"/{tmp,results,cache}
cp -r "$source"/{bench,degradation,detectors,fusion,tsdm_bench,container,pyproject.toml,constraints.txt,README.md,LICENSE} \
    "$root/source"
step "install" enter 0:0 env HOME=/tmp bash /source/container/install.sh /opt/tsdm-bench
step "smoke test, not as root" enter 1000:1000 bash /source/container/smoke.sh /tmp/smoke
enter 1000:1000 bash -c 'find /cache -mindepth 1 -exec chmod a+rwX {} +'
step "a mistake" enter 1000:1000 bash -c '! tsdm-bench --factors jpg'
step "results on the volume, as another user" enter 4321:4321 bash -c \
    'cd / && tsdm-bench --limit 1 --methods average --severities 0 --metrics en --no-report && ls -d /results/demo/latest'
