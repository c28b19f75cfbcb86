#!/usr/bin/env bash
# Checks files and definitions; what is found is shown at its lines.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"

arguments=(check -o github --fail-on "$DPK_FAIL_ON")
add_option --agent "$DPK_AGENT"
add_option --location "$DPK_LOCATION"
if [ -n "$DPK_MODULE" ]; then
  arguments+=(-m "$DPK_MODULE" -d "$DPK_DIRECTORY")
  add_option --location-name "$DPK_LOCATION_NAME"
  add_option --job "$DPK_JOB"
  add_option --nodes "$DPK_NODES"
fi
add_lines "$DPK_CHECK_ARGS"
arguments+=(--)
add_lines "$DPK_FILES"
dagster_plus_k8s "${arguments[@]}"
