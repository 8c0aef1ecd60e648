#ifndef ALIGNFLOW_SERVER_SERVICES_ITEM_FACTS_H_
#define ALIGNFLOW_SERVER_SERVICES_ITEM_FACTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alignflow/v1/datasets.pb.h"
#include "common/data/label_table.h"
#include "common/data/structures.h"
#include "server/catalog/records.h"

namespace alignflow {

// The facts that a client sent with its items, gathered while a dataset is registered. They are
// claims: what rests on them is refused early, and a worker that relies on one counts anew.
class FactsOfItems {
 public:
  explicit FactsOfItems(const LabelTable& labels) : labels_(labels) {}

  // Adds an item's and fills in its fingerprint. InvalidArgument, at `where`, for facts that can't
  // be.
  absl::Status Add(const v1::ItemFacts& facts, const std::string& where, DatasetBlobs& item);

  // For DatasetRecord::mask_facts: empty unless every item's structures were counted.
  std::string MaskFactsText() const;

 private:
  const LabelTable& labels_;
  MaskFacts sum_;
  bool all_counted_ = true;
};

// A fingerprint of the wire as the catalog keeps it. InvalidArgument for bytes that are none.
absl::StatusOr<std::string> FingerprintText(const std::string& bytes, const std::string& where);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_ITEM_FACTS_H_
