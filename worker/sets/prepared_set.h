#ifndef ALIGNFLOW_WORKER_SETS_PREPARED_SET_H_
#define ALIGNFLOW_WORKER_SETS_PREPARED_SET_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "common/data/manifest.h"
#include "worker/sets/dataset_decode.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

// A dataset at one size in one file, which is written once (kind prepare) and mapped into memory by
// every later task: who takes 32 items reads 32 rows. A safetensors file with
//   images        U8 [N,3,S,S] or, of volumes, [N,1,S,S,S]
//   classes       U8 [N,S,S] or [N,S,S,S]   if there are masks, with
//   mask_digests  U8 [N,32]    the SHA-256 of each row of classes
//   names         U8 [bytes]   the stems, one after another, and
//   name_ends     I64 [N]      where each ends
//   groups        U8 [bytes]   ImageSet::groups, likewise, and
//   group_ends    I64 [N]
//   image_classes U8 [bytes]   ImageSet::image_classes, likewise, and
//   image_class_ends I64 [N]   of datasets with classes
//   image_digests U8 [N,32]    the SHA-256 of each image's own file
//   mask_files    U8 [N,32]    of sets with masks, and
//   picture_sizes I64 [N,2]    of pictures among them: FileRows
//   counts        I64 [2]      PreparedFacts::different and with_structures
//   mask_facts    U8 [262144]  PreparedFacts::masks as JSON, and spaces
//   view_shapes   U8 [N,S,S]   and
//   view_places   I64 [N,6]    and
//   view_borders  U8 [N,3]     ViewRows, if it holds views
//   volume_sizes   I64 [N,3]   and
//   volume_affines F32 [N,12]  and
//   volume_ranges  F32 [N,2]   VolumeRows, if it holds volumes
// and the strings "alignflow.format", "dataset" (digest of the manifest), "labels" (the table's
// text; empty without masks), "note" and, beside mask_files, "sample_bits". The same dataset and
// size give the same bytes on every machine.
namespace alignflow {

// Decodes and writes the whole dataset. Memory holds one chunk of it. `progress` is called with the
// items done and may throw; errors as of DecodeDataset. Nothing is left at `file` then.
void PackDataset(TaskContext& context, const DatasetManifest& manifest,
                 const std::string& manifest_digest, int64_t size, PictureUse use,
                 const std::filesystem::path& file,
                 const std::function<void(int64_t done)>& progress);

// Maps such a file; nothing of it is read but names and digests. Throws std::runtime_error saying
// what is wrong with a file that is none.
ImageSet MapPrepared(const std::filesystem::path& file);

// The SHA-256 of a row's bytes, such as of a mask's classes, uint8 [S,S]: 32 bytes.
std::string RowDigest(const at::Tensor& row);

// The prepared set in an input of a task. Throws TaskError with InvalidArgument naming the role for
// a file that is none, or of another size than the task's preset works on, or of volumes or views
// where the task works on whole pictures, or the reverse.
ImageSet LoadPrepared(TaskContext& context, const TaskSpec& spec, const std::string& role);
ImageSet LoadPrepared(TaskContext& context, const TaskSpec& spec, const std::string& role,
                      PictureUse use);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_PREPARED_SET_H_
