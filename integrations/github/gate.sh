#!/usr/bin/env bash
# Inputs come as variables, never as text of this script, so that none of them can become a command.
set -u

if ! command -v bongsu >/dev/null; then
  echo "::error title=Deploy gate: no verdict::bongsu is not on the PATH; give the action a version to install"
  echo "exit-code=4" >>"${GITHUB_OUTPUT:-/dev/null}"
  exit 4
fi

status=0
bongsu gate check --github --stage "${GATE_STAGE:-}" --on-inconclusive "${GATE_ON_INCONCLUSIVE:-deny}" \
  -- "${GATE_SERVICE:-}" || status=$?
echo "exit-code=${status}" >>"${GITHUB_OUTPUT:-/dev/null}"
exit "${status}"
