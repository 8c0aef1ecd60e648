#ifndef ALIGNFLOW_SERVER_SERVICES_DATASET_FACTS_H_
#define ALIGNFLOW_SERVER_SERVICES_DATASET_FACTS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alignflow/v1/datasets.pb.h"
#include "common/data/label_table.h"
#include "server/catalog/records.h"

namespace alignflow {

// What v1::Dataset and v1::DatasetVersion have in common. Internal if the catalog's labels can't be
// read.
template <typename Message>
absl::Status SetFacts(const DatasetRecord& record, Message& message) {
  message.set_digest(record.digest);
  if (record.item_count == 0)
    return absl::OkStatus();  // of a job that was made before they were kept
  absl::StatusOr<LabelTable> labels = LabelTable::Parse(record.labels);
  if (!labels.ok()) return absl::InternalError("catalog: a dataset's labels can't be read");
  message.set_item_count(record.item_count);
  message.set_background(labels->background());
  if (labels->coloured()) message.set_background_colour(ColourText(labels->ColourOf(0)));
  message.set_size_bytes(record.size_bytes);
  message.set_smallest(record.smallest);
  message.set_largest(record.largest);
  for (const LabelTable::Label& label : labels->labels()) {
    v1::Label* added = message.add_labels();
    added->set_name(label.name);
    added->set_value(label.value);
    if (label.colour) added->set_colour(ColourText(*label.colour));
  }
  return absl::OkStatus();
}

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_DATASET_FACTS_H_
