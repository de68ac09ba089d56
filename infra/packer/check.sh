#!/bin/bash
# Checks the machine image's definition with Packer, offline and without credentials. Ends with 3 where there is none;
# in CI (CI is anything but empty), and with JANITOR_CHECK_STRICT=1, that is a failure, as in check_terraform.py.
#
# Packer 1.6 (Debian's) doesn't know all of it: there the lines between the markers and plugins.pkr.hcl are left out of
# a copy, and each that was not verified is printed.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v packer >/dev/null; then
    echo "NOT CHECKED: infra/packer: packer is not installed (Debian: apt-get install packer)" >&2
    if [ -z "${CI:-}" ] && [ "${JANITOR_CHECK_STRICT:-0}" = 0 ]; then
        exit 3
    fi
    echo "error: CI or JANITOR_CHECK_STRICT is set, and it must be checked there" >&2
    exit 1
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp ./*.pkr.hcl "$copy"
python3 pack.py "$copy/dist/machine.tar.gz" >/dev/null
version=$(CHECKPOINT_DISABLE=1 packer version | sed -n 's/^Packer v\([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1)
read -r major minor <<<"$version"
cd "$copy"
if [ "$major" -eq 1 ] && [ "$minor" -lt 7 ]; then
    echo "Packer $major.$minor can't verify these lines:"
    sed 's/^/  plugins.pkr.hcl: /' plugins.pkr.hcl
    rm plugins.pkr.hcl
    for file in *.pkr.hcl; do
        sed -n "/# packer>=1.7 begin/,/# packer>=1.7 end/s/^/  $file: /p" "$file"
        sed -i '/# packer>=1.7 begin/,/# packer>=1.7 end/d' "$file"
    done
else
    packer init . >/dev/null
    packer fmt -check . || { echo "packer fmt would change the files named above" >&2; exit 1; }
fi
CHECKPOINT_DISABLE=1 packer validate -var region=us-east-1 -var deployment=check -var stamp=20260101000000 \
    -var source_ami=ami-0123456789abcdef0 .
