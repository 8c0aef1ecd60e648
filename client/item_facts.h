#ifndef ALIGNFLOW_CLIENT_ITEM_FACTS_H_
#define ALIGNFLOW_CLIENT_ITEM_FACTS_H_

#include <string>
#include <vector>

#include "alignflow/v1/datasets.pb.h"
#include "common/data/label_table.h"
#include "worker/data/image_folder.h"
#include "worker/data/item_facts.h"

namespace alignflow {

// Facts of an item as they travel: structures of labels alone.
void SetFacts(const ItemFacts& facts, const LabelTable& labels, v1::ItemFacts& out);

// What a user should know before a job is started on the folder: that its masks show nothing, or
// that structures vanish at the default preset's size, with the preset that keeps them.
std::vector<std::string> WarningsOfStructures(const ImageFolder& folder);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_ITEM_FACTS_H_
