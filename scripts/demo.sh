#!/usr/bin/env bash
# One whole job on this machine, from nothing: installs what is missing, builds, starts the service on a free loopback
# port with its state in a new folder, and leaves pairs, a contact sheet and a report in demo-output/.
#   scripts/demo.sh                                         on made-up images; then a second job with other references
#   scripts/demo.sh SOURCE_DIR REFERENCE_DIR [TARGET_DIR]   on your own (TARGET_DIR: other images of the references' scanner,
#                                                           with masks, that the figures are measured against)
# DEMO_KIND=fundus|polyp chooses the made-up images, DEMO_ARGS adds options to every `afctl align`,
# and DEMO_PAIRS the number of pairs.
set -euo pipefail
usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
case $# in 0 | 2 | 3) ;; *) usage ;; esac
for folder in "$@"; do
  [ -d "$folder" ] || { echo "demo: $folder is no folder" >&2; usage; }
done
own=()
for folder in "$@"; do own+=("$(cd "$folder" && pwd)"); done
cd "$(dirname "$0")/.."

kind=${DEMO_KIND:-fundus}
pairs=${DEMO_PAIRS:-200}
read -r -a extra <<<"${DEMO_ARGS:-}"
say() { echo "demo: $*" >&2; }

scripts/setup.sh
say "building (the first time takes a while)"
cmake --preset release >/dev/null
ninja -C build --quiet alignflow-coordinator alignflow-worker afctl
PATH="$PWD/build/bin:$PATH"

work=$(mktemp -d)
coordinator=
stop() {
  if [ -n "$coordinator" ] && kill -TERM "$coordinator" 2>/dev/null; then
    say "stopping the service"
    wait "$coordinator" || true
  fi
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The coordinator says on stdout, through this pipe, where it listens.
mkfifo "$work/stdout"
alignflow-coordinator --listen 127.0.0.1:0 --spawn-workers=1 --state-dir "$work/state" \
  >"$work/stdout" 2>"$work/coordinator.log" &
coordinator=$!
address=
while read -r -t 60 line; do
  case $line in "listening on "*) address=${line#listening on }; break ;; esac
done <"$work/stdout"
if [ -z "$address" ]; then
  say "the coordinator did not start:"; cat "$work/coordinator.log" >&2; exit 1
fi
export AFCTL_SERVER=$address
say "the service listens on $address; its log is in demo-output/coordinator.log afterwards"
trap 'mkdir -p demo-output; cp "$work/coordinator.log" demo-output/ 2>/dev/null; stop' EXIT

# Says once where the first pairs of a job can be looked at, while the job goes on.
first_look() {  # NAME PID-OF-THE-PULL BEGUN
  while kill -0 "$2" 2>/dev/null; do
    if [ -e "demo-output/$1/images/000016.png" ]; then
      say "after $((SECONDS - $3)) s the first pairs are there: look into demo-output/$1/images while the job goes on"
      return
    fi
    sleep 1
  done
}

# align NAME REFERENCE_DIR [OPTION...]: a job on dataset "source"; pairs to demo-output/NAME, its report to NAME.html beside it.
align() {
  local name=$1 references=$2 begun job pull; shift 2
  begun=$SECONDS
  job=$(afctl align --source source --references "$references" --pairs "$pairs" "$@" "${extra[@]}")
  afctl pairs pull "$job" "demo-output/$name" 2>"$work/pull.log" &
  pull=$!
  first_look "$name" "$pull" "$begun" &
  # Its table: what was reused, the time of each stage, and the figures.
  afctl job watch "$job" | tee "demo-output/$name.txt"
  wait "$pull" || { cat "$work/pull.log" >&2; exit 1; }
  # Again, for the contact sheet and the figures, which come at the job's end.
  afctl pairs pull "$job" "demo-output/$name" >&2
  afctl report "$job" -o "demo-output/$name.html" >&2
  say "$name took $((SECONDS - begun)) s; open demo-output/$name.html"
}

rm -rf demo-output
mkdir demo-output
if [ ${#own[@]} -gt 0 ]; then
  afctl dataset push source "${own[0]}" >&2
  target=()
  if [ ${#own[@]} -gt 2 ]; then
    afctl dataset push target "${own[2]}" >&2
    target=(--target target)
  fi
  align own "${own[1]}" "${target[@]}"
  exit
fi

labels=polyp=255
if [ "$kind" = fundus ]; then labels=cup=0,disc=128,background=255; fi
say "making up $kind images: 300 of a source, and 10 references and 200 held-out images of two other scanners"
afctl phantom "$work/source" --kind "$kind" --domain source --count 300 --size 256 --seed 1 >&2
afctl dataset push source "$work/source" --labels "$labels" >&2
for domain in target-a target-b; do
  afctl phantom "$work/$domain" --kind "$kind" --domain $domain --count 200 --size 256 --seed 2 >&2
  afctl phantom "$work/$domain-references" --kind "$kind" --domain $domain --count 10 --size 256 --seed 3 >&2
  afctl dataset push $domain "$work/$domain" --labels "$labels" >&2
done
# Made-up images are easy: a part of the usual training is enough to see what the service does.
quick=(--set fit.iterations=450 --set judge.iterations=300 --set evaluate.iterations=150 --set evaluate.pictures=whole)
say "first job: everything is computed"
align target-a "$work/target-a-references" --target target-a "${quick[@]}"
say "second job, other references on the same source: stage 1, its rollouts and the segmentation models without pairs are there already"
align target-b "$work/target-b-references" --target target-b "${quick[@]}"
