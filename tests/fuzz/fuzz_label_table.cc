// Any text as --labels: either refused, or a table that its own text form gives back.
#include <cstdint>
#include <cstdlib>

#include "common/data/label_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto table = alignflow::LabelTable::Parse(text);
  if (!table.ok()) return 0;
  const auto again = alignflow::LabelTable::Parse(table->ToString());
  if (!again.ok() || !(*again == *table)) std::abort();
  for (int label = 0; label < table->classes(); ++label) {
    if (table->ClassOf(table->ValueOf(label)) != label) std::abort();
  }
  return 0;
}
