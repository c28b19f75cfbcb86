#!/usr/bin/env bash
# Puts what plan.sh wrote into one comment of the pull request, which a later run rewrites.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"

comment=$(comment_file)
if [ ! -s "$comment" ]; then
  exit 0
fi
# A name is part of the marker by its letters, digits and a few signs: --> would end it.
name=${DPK_COMMENT_NAME//[^A-Za-z0-9_.-]/_}
marker="<!-- dagster-plus-k8s plan: ${name:-default} -->"
body=$RUNNER_TEMP/dagster-plus-k8s-body.md
{
  printf '%s\n' "$marker"
  cat "$comment"
} >"$body"
cat "$comment" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"

comments="repos/$GITHUB_REPOSITORY/issues/$DPK_NUMBER/comments"
first_lines='.[] | "\(.id) \((.body // "") | split("\n")[0] // "" | rtrimstr("\r"))"'
if ! listed=$(gh api --paginate "$comments?per_page=100" --jq "$first_lines"); then
  echo "::warning::The comments of this pull request cannot be read; what changes is in the summary of this run."
  exit 0
fi
known=""
while read -r id first; do
  if [ "$first" = "$marker" ]; then
    known=$id
    break
  fi
done <<<"$listed"
if [ -n "$known" ]; then
  written=(--method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$known")
else
  written=(--method POST "$comments")
fi
# The token of a pull request from a fork may only read.
if ! gh api "${written[@]}" --silent -F "body=@$body"; then
  echo "::warning::The comment cannot be written: permissions: pull-requests: write; it is in the summary of this run."
fi
