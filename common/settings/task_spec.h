#ifndef ALIGNFLOW_COMMON_SETTINGS_TASK_SPEC_H_
#define ALIGNFLOW_COMMON_SETTINGS_TASK_SPEC_H_

#include <cstdint>
#include <map>
#include <string>

// A task as the coordinator plans it and a worker runs it: plain data that both know.
namespace alignflow {

// The kinds with their inputs and outputs. Each is a role whose value is the SHA-256 of a blob;
// manifests are common/data/manifest.h's JSON. `source` and `target` are packed files of prepare
// tasks (worker/sets/prepared_set.h), `references` is a manifest.
//   prepare: dataset (a manifest) -> packed. Every image and mask of a dataset, checked, at the
//   size
//     of setting `size`; the pictures whole or cut to their views, as setting `pictures` says,
//     which all kinds have that read such files: "whole" or "view". The only task that reads all
//     of a dataset's own files.
//   describe: source -> statistics (worker/sets/source_statistics.h). Features of all images, and
//   how
//     near they come to each other. Has no settings.
//   fit: source, weights (optional) -> model, curve.json. Stage 1, net and control branch;
//     safetensors. With weights (common/data/motfm_config.h) nothing is trained: they are checked
//     and become the model, for masks of the source's labels.
//   rollout: source, model -> pool. Masks and states x_s rolled out by the stage-1 model.
//   align: source, statistics, model, references, pool (unless align.rollout is fresh) -> model,
//     curve.json. Stage 2.
//   fit-masks: source -> model, curve.json, rules. The mask model, and what holds for real masks:
//   JSON
//     (worker/masks/mask_rules_json.h).
//   masks: source, model and rules (of fit-masks) -> masks. New masks for pairs first_pair to
//   last_pair: JSON
//     lines {"pair":1,"mask":"<sha256 of a PNG>","origin":"<stem of the real mask>",
//     "similarity":0.97}
//   judge: source -> segmenter. Trained on the source's pairs outside of the part `fold` (FoldsOf).
//   generate: source, references (where there are any), model, stage1 (optional: the stage-1 model
//     that leads up to the hand-over, beside an aligned model), masks (of the same shard; unless
//     masks.kind is real), judge/NNNNNN, statistics (if gates are on), training (if the source
//     is not what model, judge and statistics are of, but another dataset whose masks the pairs
//     have: the packed file that they are of) -> pairs. Settings first_pair, last_pair. Where
//     pairs.size asks for larger pairs than the task works at, it reads the files of the source
//     items that it takes, which the packed file names. JSON
//     lines, one a pair: {"pair":1,"image":"<sha256 of a PNG>","mask":"<sha256 of a
//     PNG>","view_image":"<sha256>","view_mask":"<sha256>","record":{provenance}} or, if it failed
//     the gates in every attempt, {"pair":1,"left_out":"mask agreement 0.21", "record":{...}}. The
//     view is the pair without its frame, and not there with framing=none; record.framing is
//     {"of":"references","reference":"<stem>","width":64,"height":48,"view":[20,2,43,44]};
//     record.scale, where the view is shown from farther away (framing.least_scale), is 0.71;
//     record.made_at, where pairs are larger than what the model works at, is that size.
//     record.gates, if they ran, is
//     {"mask_agreement":0.83,"memorization":0.61,
//     "nearest":"<stem>","nearest_in":"source","near_copy":false,"attempts":1,"passed":true};
//     record.synthetic is what the pair is, "generated", "restyled" or "recoloured"
//     (common/settings/pair_mix.h), or "framed" by method framing; record.method is of pairs that
//     no model has made alone, record.reference the stem of the one whose colours it has,
//     record.start of restyled ones: "source image" or, of a new mask,
//     "warped source image".
//   transfer: source, references -> pairs. As generate, by colour transfer (method).
//   baseline: source -> segmenter. A segmentation model trained on the source alone. Settings run
//     (1, 2, ...: its seed).
//   evaluate: source, target, pairs/NNNNNN or segmenter (a baseline's) -> scores. A segmentation
//     model trained on the source and the pairs, or the one given, tested on the target. Settings
//     run, as the baseline's of the same first weights. JSON:
//     {"segmenter":"unet","run":1,"pairs":700,"iterations":600,"classes":["polyp"],
//      "images":[{"name":"a","group":"","dice":[0.7],"iou":[0.6]},...],
//      "mean_dice":0.7,"mean_iou":0.6}
//   figures: source, statistics, references (optional), target (optional), origins (optional: whose
//     masks the pairs have, if not the source's), stage1/NNNNNN (optional) and stage2/NNNNNN
//     (pairs), and, of segmentation models that see whole pictures or views, whole/real/NNNNNN,
//     whole/both/NNNNNN, view/real/NNNNNN and view/both/NNNNNN (scores by run, optional)
//     -> figures, contact-sheet.png, verdicts.json, samples.json, scores.json, embedding.json.
//     figures: [{"name","subject","value","low","high","better","unit","sample_count","note"},...];
//       low and high (95 % bootstrap interval), unit and note are optional; value is null where a
//       figure is not available, and the note says why.
//     verdicts.json: [{"name":"alignment","verdict":"good"|"poor"|"not measured","reason":"..."}]
//     samples.json: [{"pair":1,"mask_origin":"<stem>","images":{"stage 2":{"png":"<base64>",
//       "mask":"<base64>"},"stage
//       1":...,"framed":...,"source":...,"nearest":...},"gates":{...}},...]; "kind", "start" and
//       "class" are the record's synthetic, start and class. A pair's image is under the name of
//       its subject (worker/figures/subjects.h).
//     scores.json: {"classes":["polyp"],"images":["a","b"],"groups":["seq05",""],"encoder":
//     "pretrained" (what the models began with, or "random"),"dice":
//       {"real only":[[[0.7],[null]],...],"real + pairs":[...]}}: by run, image and class, of the
//       images that the figures count; null where a class is in neither mask; no sides where
//       nothing was evaluated
//     embedding.json: [{"subject":"source","x":0.1,"y":-3.2},...] (t-SNE)
//   curve.json: {"name":"align","x":"step","series":[{"name":"alignment","points":[[25,3.1],...]}],
//     "events":[{"step":150,"text":"..."}]}
//
// Pair i depends on (model, settings, seed, i) only, not on the shard's bounds.
//
// One unit of leased work, as plain data. The coordinator plans it, a worker, a test or a benchmark
// runs it. What a task does depends on nothing but these fields, so that its result can be stored
// under their digest and never computed twice.
struct TaskSpec {
  std::string kind;  // one of the kinds above
  std::map<std::string, std::string>
      settings;  // resolved settings this kind depends on, by dotted name; "preset", "seed"
  std::map<std::string, std::string>
      inputs;  // role -> sha-256 of the blob (see the task's header for its roles)
};

// A state of progress. `stage` is the task's kind.
struct TaskProgress {
  int64_t step = 0;
  int64_t total = 0;
  std::map<std::string, double>
      values;        // "loss", "alignment" (MMD), "images_per_second", "steps_per_second"
  std::string note;  // one line for a person, never a path or label; empty mostly
};

// Output role -> sha-256 of the blob.
using TaskOutputs = std::map<std::string, std::string>;

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_SETTINGS_TASK_SPEC_H_
