#!/bin/sh
# init, import and split as a person calls them. Usage: test_cli.sh PLEURA
set -u
pleura=$1
. "$(dirname "$0")/../../tools/expect.sh"
cd "$work" || exit 1

expect 0 "is now a workspace" "$pleura" init ws
expect 2 "is a workspace already" "$pleura" init ws
expect 2 "one folder at a time" "$pleura" init a b
expect 2 "name the folder or zip archive to import" "$pleura" import
expect 2 "--size takes a number" "$pleura" import x --size 3
expect 2 "--resize takes area, reference or none" "$pleura" import x --resize cubic
expect 2 "leave out --size" "$pleura" import x --resize none --size 64
expect 2 "leave out --size" "$pleura" import x --resize none --keep-aspect
expect 2 "--masks goes with --images" "$pleura" import x --masks y
expect 2 "cannot open /nowhere" "$pleura" import /nowhere -C ws
expect 2 "--by takes patient, image or row" "$pleura" split --by hospital
expect 2 "--patients goes with --by patient" "$pleura" split --by row --patients map.csv
expect 2 "is not in a workspace" "$pleura" split
expect 0 "Kaggle's unpacked folder" "$pleura" import --help

# From scikit-learn: StratifiedKFold(3).split(y, y) for y = 0010110001.
printf 'ImageId, EncodedPixels\n' >rle.csv
i=0
for y in 0 0 1 0 1 1 0 0 0 1; do
  if [ $y = 1 ]; then echo "id$i,5 5"; else echo "id$i, -1"; fi
  i=$((i + 1))
done >>rle.csv
expect 0 "all      10      10          4" "$pleura" split --rle rle.csv --by row --folds 3 -o folds.csv
same "$(tail -n +2 folds.csv | cut -d, -f4 | tr -d '\n')" 0001011222 "the folds of the rows"
same "$(head -1 folds.csv)" "ImageId,EncodedPixels,has_mask,kfold" "the header"
expect 0 "written to" "$pleura" split --rle rle.csv --folds 2 -o a.csv
expect 0 "written to" "$pleura" split --rle rle.csv --folds 2 -o b.csv
same "$(cat a.csv)" "$(cat b.csv)" "the same split"
printf 'id1,1 2 3\nid2,-1\nid3,1 1\n' >bad.csv
expect 0 "line 1 id1: the mask has an odd count" "$pleura" split --rle bad.csv --folds 2 -o c.csv
expect 3 "bad.csv: line 1 (id1)" "$pleura" split --strict --rle bad.csv --folds 2 -o c.csv

# By patient, and what leaks; without a map it says that it does not know.
i=0
while [ $i -lt 10 ]; do
  echo "id$i,P$((i / 2))"
  i=$((i + 1))
done | sed '1i ImageId,patient' >map.csv
expect 2 "--patients MAP.csv" "$pleura" split --rle rle.csv --by patient -o p.csv
expect 0 "0 of 5 are in several folds (patients by map.csv)" "$pleura" split --rle rle.csv --patients map.csv --folds 2 -o p.csv
same "$(tail -n +2 p.csv | cut -d, -f1,4 | sed 's/id[01],/A/;s/id[23],/B/;s/id[45],/C/;s/id[67],/D/;s/id[89],/E/' | sort -u | wc -l)" 5 "the patients' folds"
expect 0 "0 of 5 are in several folds" "$pleura" leaks p.csv --patients map.csv
expect 0 "patient leaks unknown" "$pleura" leaks p.csv
expect 0 "--patients MAP.csv" "$pleura" leaks p.csv
expect 3 "2 images in 2 folds: id2 (0), id3 (1)" "$pleura" leaks folds.csv --patients map.csv
expect 3 '"count": 3' "$pleura" leaks folds.csv --patients map.csv --json
printf 'fname,fold,exist_labels\nid0.png,0,0\nid1.png,4,1\n' >winners.csv
expect 3 "id0 (0), id1 (4)" "$pleura" leaks winners.csv --patients map.csv
printf 'ImageId,patient\nid0\n' >short.csv
expect 3 "short.csv: line 2: there is no patient" "$pleura" leaks p.csv --patients short.csv
expect 2 "one table too many" "$pleura" leaks a b
expect 2 "is not in a workspace" "$pleura" leaks

# A synthetic set, imported from inside the workspace and from outside.
expect 0 "training" "$pleura" phantom set --cases 12 --size 64
cd ws || exit 1
expect 0 "12 train" "$pleura" import ../set --size 32
expect 0 "12 train" "$pleura" import ../set --size 32
expect 0 "0 bad" "$pleura" import ../set --size 32 -q
cd .. || exit 1
expect 0 "0 bad" "$pleura" import set --size 32 -C ws -j 1
same "$(find ws/masks -name '*.png' | wc -l)" 12 "the number of masks"

# The first folds keep a patient's images together where the files tell patients apart, else they are by image.
expect 0 "training" "$pleura" phantom people --cases 60 --size 64
expect 0 "5 folds by patient (the DICOM files' patient ids)" "$pleura" import people --size 32 -C ws-people
expect 0 "0 of" "$pleura" leaks -C ws-people --no-pictures
expect 0 "5 folds by image" "$pleura" import --images people/dicom-images-train/$(ls people/dicom-images-train | head -1) \
  --rle people/train-rle.csv --size 32 -C ws-person
same "$(find ws -name '*.part' | wc -l)" 0 "the number of half files"
expect 0 "written to" "$pleura" split -C ws --folds 3
expect 0 "0 of" "$pleura" split -C ws --by patient --folds 3
expect 0 "patients by patients.csv" "$pleura" split -C ws --patients set/patients.csv --folds 3
expect 0 "0 pairs of near-duplicates are in different folds (12 of 12 pictures compared)" "$pleura" leaks -C ws
expect 0 "near-duplicates unknown" "$pleura" leaks -C ws --no-pictures

# Other sizes and rules make the pictures anew; the same again changes nothing, and neither does a picture that was cut
# off.
expect 0 "14 unchanged" "$pleura" import set --size 32 -C ws
expect 0 " 0 unchanged" "$pleura" import set --size 32 -C ws --resize reference
expect 0 "14 unchanged" "$pleura" import set --size 32 -C ws --resize reference
expect 0 " 0 unchanged" "$pleura" import set --resize none -C ws
expect 0 "14 unchanged" "$pleura" import set --resize none -C ws
picture=$(find ws/images -name '*.png' | head -1)
head -c 300 "$picture" >half.png && mv half.png "$picture"
expect 0 "13 unchanged" "$pleura" import set --resize none -C ws

# Refused files are counted by reason, and --strict stops at the first, whichever thread is done first.
dicom=$(find set -name '*.dcm' | head -1)
mkdir -p refused && head -c 2000 "$dicom" >refused/cut.dcm && echo text >refused/text.dcm && cp "$dicom" refused/good.dcm
expect 0 "refused    2 damaged" "$pleura" import refused -C ws2 --size 32
for _ in 1 2 3 4 5; do
  expect 3 "refused/cut.dcm" "$pleura" import refused -C ws2 --size 32 --strict -j 2
done

# The packed cache: made by an import, made anew when there is another picture, refused when it is cut.
expect 0 "packed     14 cases" "$pleura" import set --size 32 -C packed
expect 0 "14 of 14 cases are packed and whole" "$pleura" pack --verify -C packed
"$pleura" import set --size 32 -C packed -q >out && grep -q '^packed' out && same "made again" "" "a pack that was up to date"
expect 0 "14 of 14 cases" "$pleura" pack --verify -C ws
picture=$(find packed/masks -name '*.png' | head -1)
rm "$picture"
expect 0 "13 of 14 cases" "$pleura" pack --verify -C packed
expect 0 "packed     14 cases" "$pleura" import set --size 32 --resize reference -C packed
truncate -s 9000 packed/pictures.pack
expect 3 "pictures.pack is truncated" "$pleura" pack --verify -C packed
expect 0 "packed     14 cases" "$pleura" pack -C packed -j 1
expect 0 "removed" "$pleura" pack --remove -C packed
expect 2 "packed/pictures.pack" "$pleura" pack --verify -C packed
expect 0 "0 bad" "$pleura" import set --size 32 -C packed --no-pack
same "$(find packed -name 'pictures.pack*' | wc -l)" 0 "the number of packs"
expect 2 "not both" "$pleura" pack --verify --remove
expect 2 "nothing to name" "$pleura" pack ws

# A window of the file by name or number, or what there is.
expect 2 "there is no window '7'" "$pleura" show "$dicom" --window 7
expect 0 "64x64" "$pleura" show "$dicom" --window full
expect 0 "64x64" "$pleura" show "$dicom" --window 100,50
expect 2 "centre and width above 0" "$pleura" show "$dicom" --window 100,0
expect 2 "there is no window 'LUNG'" "$pleura" show 1 -C ws --window LUNG
expect 2 "a PNG file has no windows" "$pleura" show "$picture" --window 1
exit $failed
