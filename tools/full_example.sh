#!/usr/bin/env bash
# Runs docs/full-example.md from start to end, and leaves tables, pictures and pages in FOLDER/results.
#
#   tools/full_example.sh FOLDER           about two hours on 2 cores
#   QUICK=1 tools/full_example.sh FOLDER   a few minutes: whether everything works, with scores that mean nothing
#
# Started again on the same folder it goes on where it stopped. Numbers of steps are variables, such as
# PRETRAIN_STEPS=5000 tools/full_example.sh FOLDER; other numbers need another folder.
set -euo pipefail

folder=$(realpath -m "${1:?name a folder: tools/full_example.sh FOLDER}")
results=$folder/results
cd "$(dirname "$0")/.."
example=docs/full-example
read -ra t5mix <<< "${T5MIX:-$([ -x .venv/bin/t5mix ] && echo .venv/bin/t5mix || echo t5mix)}"

export TFDS_DATA_DIR=${TFDS_DATA_DIR:-$(realpath ../shared/data/tfds)}
export T5MIX_T5_VOCAB=${T5MIX_T5_VOCAB:-$(realpath ../shared/data/t5_vocab/spiece.model)}
export EXAMPLE_BOOKS=${EXAMPLE_BOOKS:-$(realpath ../shared/data/books)}
export T5MIX_INCLUDE=$example/tasks.py
export T5MIX_PROGRESS_SECONDS=${T5MIX_PROGRESS_SECONDS:-30}

model=() limit=()
if [ -n "${QUICK:-}" ]; then
    : "${PRETRAIN_STEPS:=4}" "${PRETRAIN_EVERY:=2}" "${FINETUNE_STEPS:=2}" "${FINETUNE_EVERY:=1}" "${MULTI_TASK_EVERY:=9}"
    limit=(--limit 8)
    for setting in d_model=16 d_ff=16 num_encoder_layers=1 num_decoder_layers=1; do
        model+=(--gin_param "T5Config.${setting/=/ = }")
    done
    model+=(--gin_param "Evaluation.limit = 8" --gin_param "WARMUP = 1")
fi
: "${PRETRAIN_STEPS:=5500}" "${PRETRAIN_EVERY:=1100}" "${FINETUNE_STEPS:=160}" "${FINETUNE_EVERY:=40}"
: "${MULTI_TASK_STEPS:=$((9 * FINETUNE_STEPS))}" "${MULTI_TASK_EVERY:=$((MULTI_TASK_STEPS / 5))}"

# step NAME ARGUMENTS...: runs a command of t5mix. What it prints goes to results/NAME, what it tells to logs/NAME.log.
step() {
    local name=$1 began=$SECONDS
    shift
    echo "== t5mix $*" >&2
    "${t5mix[@]}" "$@" > "$results/.new" 2> >(tee -a "$folder/logs/$name.log" >&2)
    mv "$results/.new" "$results/$name"
    printf '%s\t%s seconds\n' "$name" $((SECONDS - began)) >> "$folder/logs/seconds.tsv"
}

# train NAME STEPS EVERY COMMAND ARGUMENTS...: a run in FOLDER/NAME, its table, and the table for programs.
train() {
    local name=$1 steps=$2 every=$3
    shift 3
    step "$name.txt" "$@" --gin_param "STEPS = $steps" --gin_param "EVERY = $every" --run_folder "$folder/$name"
    cat "$results/$name.txt"
    cp "$folder/$name/report.json" "$results/$name.json"
}

# compare NAME ARGUMENTS...: a comparison as a table, for programs, and as a picture.
compare() {
    local name=compare-$1
    shift
    step "$name.txt" compare "$@" "${limit[@]}" --picture "$results/$name.svg"
    step "$name.json" compare "$@" "${limit[@]}" --format json
    cat "$results/$name.txt"
}

mkdir -p "$results" "$folder/logs"
tuning=(finetune --gin_file "$folder/pretrained/operative_config.gin" --gin_file "$example/finetune.gin")

train pretrained "$PRETRAIN_STEPS" "$PRETRAIN_EVERY" train --gin_file "$example/pretrain.gin" "${model[@]}"
train finetuned "$FINETUNE_STEPS" "$FINETUNE_EVERY" "${tuning[@]}" --checkpoint "$folder/pretrained"
train from_scratch "$FINETUNE_STEPS" "$FINETUNE_EVERY" "${tuning[@]}" --from_scratch
train multi_task "$MULTI_TASK_STEPS" "$MULTI_TASK_EVERY" train --gin_file "$example/multi_task.gin" "${model[@]}"

cd "$folder" # so that runs have short names in tables
T5MIX_INCLUDE=$OLDPWD/$T5MIX_INCLUDE
[[ ${t5mix[0]} != */* || ${t5mix[0]} == /* ]] || t5mix[0]=$OLDPWD/${t5mix[0]}
compare baselines --baselines finetuned from_scratch multi_task
compare pretraining from_scratch finetuned
compare multi_task multi_task finetuned
compare finetuning pretrained finetuned
for run in pretrained finetuned from_scratch multi_task; do
    step "report-$run.txt" report "$run" --output "$results/$run.html"
done
step lineage.txt lineage finetuned/finetune/example_sst2
step diff.txt diff from_scratch finetuned
echo "tables, pictures and pages are in $results" >&2
