# What the steps of action.yml share. Inputs come through the environment and go on as single arguments: nothing that
# an input holds is ever read by a shell.

dagster_plus_k8s() {
  # The command of the Python that was given, whatever is first on the PATH.
  "$DPK_PYTHON" -c 'from dagster_plus_k8s_helpers.cli import main; main(prog_name="dagster-plus-k8s")' "$@"
}

# Adds an option with its value, if there is one, to the array `arguments`.
add_option() {
  if [ -n "$2" ]; then
    arguments+=("$1" "$2")
  fi
}

# Adds each line of a text, if it is not blank.
add_lines() {
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    if [ -n "${line//[[:space:]]/}" ]; then
      arguments+=("$line")
    fi
  done <<<"$1"
}

# Where the text of the comment is kept between steps.
comment_file() {
  printf '%s/dagster-plus-k8s-comment.md' "$RUNNER_TEMP"
}
