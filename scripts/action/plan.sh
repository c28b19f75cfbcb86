#!/usr/bin/env bash
# Plans the base of the pull request and what is checked out, and writes down what is different.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"

base_folder=$RUNNER_TEMP/dagster-plus-k8s-base
before=$RUNNER_TEMP/dagster-plus-k8s-before.json
why=$RUNNER_TEMP/dagster-plus-k8s-why.txt
comment=$(comment_file)

# $1 is the folder to plan in. With $2 files that are not there are left out: a pull request may bring them.
plan_arguments() {
  arguments=(plan -m "$DPK_MODULE" -d "$folder")
  local option value
  for option in agent location nodes; do
    case $option in
      agent) value=$DPK_AGENT ;;
      location) value=$DPK_LOCATION ;;
      nodes) value=$DPK_NODES ;;
    esac
    if [ -n "$value" ] && { [ -z "${2:-}" ] || [ -e "$1/$value" ]; }; then
      arguments+=("--$option" "$value")
      if [ "$option" = location ]; then
        add_option --location-name "$DPK_LOCATION_NAME"
      fi
    fi
  done
  add_option --job "$DPK_JOB"
  add_lines "$DPK_PLAN_ARGS"
}

# Prints the folder, beneath the working folder, that Python would import the module from, when it looks in $1 first;
# nothing when it would take it from elsewhere, and $1 when there is none, which the plan then says.
module_folder() {
  "$DPK_PYTHON" - "$DPK_MODULE" "$1" <<'END'
import os, sys
from importlib.util import find_spec

module, first = sys.argv[1:]
sys.path.insert(0, os.path.realpath(first))
try:
    spec = find_spec(module.partition(":")[0].partition(".")[0])
except (ImportError, ValueError):
    spec = None
if spec is None:
    print(first)
else:
    place = [*(spec.submodule_search_locations or ()), spec.origin or ""][0]
    folder, here = os.path.dirname(os.path.realpath(place)), os.path.realpath(".")
    if os.path.commonprefix([folder + os.sep, here + os.sep]) == here + os.sep:
        print(os.path.relpath(folder, here))
END
}

# Prints the commit that the change is compared with. What is checked out is mostly the pull request as it is merged into
# its base of now, which may be newer than that of the event: what others merged since would be told as this change.
base_commit() {
  local parents
  parents=$(git cat-file commit HEAD | sed -n '/^$/q; s/^parent //p')
  if [ -n "$DPK_HEAD" ] && [ "$(tail -n +2 <<<"$parents")" = "$DPK_HEAD" ]; then
    head -n 1 <<<"$parents"
  else
    echo "$DPK_BASE"
  fi
}

# Says in the comment that there is no comparison, and in the log why: GitHub masks secrets in a log, not in a comment.
give_up() {
  cat "$why"
  printf '### dagster-plus-k8s plan\n\n%s. The log of this run says why.\n' "$1" >"$comment"
  exit 0
}

rm -rf "$base_folder" "$comment"
git worktree prune
base=$(base_commit)
if ! git cat-file -e "$base^{commit}" 2>/dev/null; then
  git fetch --quiet --no-tags --depth=1 origin "$base" 2>"$why" ||
    give_up "The base of this pull request cannot be fetched, so there is nothing to compare with"
fi
git worktree add --quiet --detach "$base_folder" "$base"
trap 'git worktree remove --force "$base_folder"' EXIT

# With pip install -e what is checked out is found from everywhere, and would be planned in place of the base.
folder=$(module_folder "$DPK_DIRECTORY")
if [ -z "$folder" ] || [ -z "$(cd "$base_folder" && module_folder "$folder")" ]; then
  echo "$DPK_MODULE is imported from where it is installed: give working-directory, the folder it is in" >"$why"
  give_up "The base of this pull request cannot be planned, so there is nothing to compare with"
fi

# 1 is a pod that fits no node: the plan is there all the same.
plan_arguments "$base_folder" may-miss
code=0
(cd "$base_folder" && dagster_plus_k8s "${arguments[@]}" -o json) >"$before" 2>"$why" || code=$?
if [ "$code" -gt 1 ]; then
  give_up "The base of this pull request cannot be planned, so there is nothing to compare with"
fi

plan_arguments "$PWD"
code=0
dagster_plus_k8s "${arguments[@]}" --diff "$before" -o markdown >"$comment" 2>"$why" || code=$?
if [ "$code" -gt 1 ]; then
  give_up "This pull request cannot be planned"
fi
