#!/usr/bin/env bash
# A lent GPU for fifteen minutes, four parts, each one call; what it made so far comes back with every call ($OUT).
#   prepare            here, before: archives, wheels, and what must be carried in three loads of less than 64 MiB
#   hippocampus        a smaller denoiser on the shipped autoencoder, and a trial of the other two in the first half minute
#   knees              knee-progression at 256 pixels from the shipped one, and knee-kl three ways at 144 x 192
#   brain              the shipped denoiser for longer
#   wait SECONDS       what is done by then
# Each training ends in time by itself (minutes). Before the first call:
#   git rm -r -q --cached src/napari_medgen/models/starter docs/images docs/models src/napari_medgen/samples
# with the same four, .whl and .gpu in .git/info/exclude; afterwards git reset -q and the exclude as it was. Carry:
#   hippocampus: .whl .gpu src/napari_medgen/models/starter/knee-kl work/hippocampus.npz work/knees-a.tgz
#   knees:       work/knees-b.tgz
#   brain:       work/brain-t1.npz work/brain-start
# The machine is given back after 30 idle seconds: call wait again and again, and nothing else between.
set -u
export PYTHONPATH=/tmp/site OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1
results=/tmp/results

go() {  # NAME RECIPE DATA CHANGES...
  local name=$1 recipe=$2 data=$3
  shift 3
  local changes=()
  for change in "$@"; do changes+=(--set "$change"); done
  setsid nohup python3 scripts/train_on_gpu.py "$recipe" "$data" --name "$name" --out "$results/$name" \
    --work "/tmp/w/$name" --every 45 "${changes[@]}" > "/tmp/log/$name.log" 2>&1 &
}

back() {
  date
  for log in /tmp/log/*.log; do
    echo "== $log"
    tail -c 350 "$log" | tr '\r' '\n' | tail -n 3
  done
  nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader
  for name in "$results"/*; do tar cf "$OUT/$(basename "$name").tar" -C "$results" "$(basename "$name")"; done
}

case "${1:-}" in
prepare)
  data=${2:?the folder of the data sets}
  python=.venv/bin/python
  mkdir -p work .whl .gpu/start/knee-progression .gpu/start/hippocampus
  $python -m napari_medgen prepare brain-t1 --data "$data" --out work/brain-t1.npz
  $python -m napari_medgen prepare hippocampus --data "$data/hippocampus-mri" --out work/hippocampus.npz
  starters=src/napari_medgen/models/starter
  cp $starters/knee-progression/{generator.safetensors,encoder.safetensors,model.json} .gpu/start/knee-progression/
  cp $starters/hippocampus/autoencoder.safetensors .gpu/start/hippocampus/
  cp -r $starters/brain-t1 work/brain-start
  here=$PWD
  (
    cd "$data/knee-radiographs" || exit
    { find train -name "*.jpg" | sort | awk 'NR % 9 < 2'; find val -name "*.jpg" | sort | awk 'NR % 20 == 0'; } > /tmp/knees-a
    find train -name "*.jpg" | sort | awk 'NR % 9 >= 2' > /tmp/knees-b
    tar czf "$here/work/knees-a.tgz" -T /tmp/knees-a
    tar czf "$here/work/knees-b.tgz" -T /tmp/knees-b
  )
  platforms=()
  for glibc in 2_28 2_27 2_17; do platforms+=(--platform "manylinux_${glibc}_x86_64"); done
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp "${platforms[@]}" \
    --platform manylinux2014_x86_64 -d .whl annotated-types kornia kornia-rs lightning-fabric nibabel platformdirs \
    "pydantic==$($python -c 'import pydantic; print(pydantic.VERSION)')" \
    "pydantic-core==$($python -c 'import pydantic_core; print(pydantic_core.__version__)')" pydicom typing-inspection
  ;;
hippocampus)
  mkdir -p $results /tmp/w /tmp/log /tmp/knees
  python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target /tmp/site .whl/*.whl || exit
  cp work/hippocampus.npz /tmp/ && cp -r .gpu/start /tmp/start && tar xzf work/knees-a.tgz -C /tmp/knees
  go hippocampus hippocampus /tmp/hippocampus.npz start=/tmp/start/hippocampus autoencoder.part=all autoencoder.iterations=0 \
    denoiser.iterations=9000 denoiser.minutes=3.5 denoiser.batch=128 denoiser.learning_rate=8e-4 denoiser.warmup=300 \
    denoiser.ema=0.999 "denoiser.sizes.widths=[48,48]" data.copies=64 save_every=1000 sample_every=100000
  cp -r /tmp/knees /tmp/knees-few
  go try-progression scripts/knee-progression-next.toml /tmp/knees-few start=/tmp/start/knee-progression \
    optimiser.minutes=0.3 optimiser.warmup_kimg=1 cohort.projection=none
  go try-kl knee-kl /tmp/knees-few optimiser.epochs=1
  sleep "${2:-40}"
  back
  ;;
knees)
  rm -rf $results/try-*
  tar xzf work/knees-b.tgz -C /tmp/knees
  go knee-progression scripts/knee-progression-next.toml /tmp/knees start=/tmp/start/knee-progression \
    "optimiser.minutes=${MINUTES:-9.3}" cohort.projection=none save_every=500
  for training in dual standard adversarial; do
    go "knee-kl-$training" knee-kl /tmp/knees "training=$training" "view.size=[144,192]" "network.widths=[32,64,128,128]" \
      optimiser.epochs=50 optimiser.cycles=1 optimiser.batch=128 optimiser.learning_rate=6e-3 optimiser.minutes=8.5
  done
  sleep "${2:-25}"
  back
  ;;
brain)
  cp work/brain-t1.npz /tmp/ && cp -r work/brain-start /tmp/start/brain-t1
  go brain-t1 brain-t1 /tmp/brain-t1.npz start=/tmp/start/brain-t1 autoencoder.part=all autoencoder.iterations=0 \
    denoiser.iterations=20000 "denoiser.minutes=${MINUTES:-7.5}" denoiser.batch=128 denoiser.learning_rate=6e-4 \
    denoiser.warmup=200 denoiser.ema=0.9995 denoiser.drop_condition=0.15 data.copies=48 save_every=500 sample_every=100000
  sleep "${2:-90}"
  back
  ;;
wait)
  sleep "${2:?seconds}"
  back
  ;;
*)
  sed -n '2,8p' "$0"
  exit 1
  ;;
esac
