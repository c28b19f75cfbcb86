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
  arguments=(plan -m "$DPK_MODULE" -d "$DPK_DIRECTORY")
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

# Says in the comment that there is no comparison, and in the log why: GitHub masks secrets in a log, not in a comment.
give_up() {
  cat "$why"
  printf '### dagster-plus-k8s plan\n\n%s. The log of this run says why.\n' "$1" >"$comment"
  exit 0
}

rm -rf "$base_folder" "$comment"
git worktree prune
if ! git cat-file -e "$DPK_BASE^{commit}" 2>/dev/null; then
  git fetch --quiet --no-tags --depth=1 origin "$DPK_BASE" 2>"$why" ||
    give_up "The base of this pull request cannot be fetched, so there is nothing to compare with"
fi
git worktree add --quiet --detach "$base_folder" "$DPK_BASE"
trap 'git worktree remove --force "$base_folder"' EXIT

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
