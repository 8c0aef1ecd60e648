#ifndef ALIGNFLOW_WORKER_DICOM_KEPT_ELEMENTS_H_
#define ALIGNFLOW_WORKER_DICOM_KEPT_ELEMENTS_H_

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/dicom/element_walk.h"

namespace alignflow {

// Everything of a DICOM file that is ever looked at; docs/security.md has the same table, and a
// test compares the two. What is not in it is passed over unread: names, dates, numbers of
// patients, texts, private elements.
struct KeptElement {
  uint32_t tag;
  std::string_view name;  // as in PS3.6
  std::string_view use;
};
std::span<const KeptElement> KeptElements();
// "(0028,0010)".
std::string TagText(uint32_t tag);

// The kept elements of one data set or item, by their tags.
class KeptDataSet {
 public:
  // Reads `bytes` to their end; of those without `values_of_pixels` to the pixel data.
  static absl::StatusOr<KeptDataSet> Read(std::string_view bytes, ElementCoding coding,
                                          bool values_of_pixels = true);

  const DicomElement* Find(uint32_t tag) const;
  // Text without the padding; empty if it is not there.
  std::string Text(uint32_t tag) const;
  // Numbers of DS, IS, US, SS, UL and FD; empty if there are none, or what is there is no number.
  // Of elements whose representation is not written, US or SS: `as_signed` says which.
  std::vector<double> Numbers(uint32_t tag, bool as_signed = false) const;
  std::optional<double> Number(uint32_t tag, bool as_signed = false) const;
  // The first item of a sequence, or item `index`; nothing if there is none, or it is damaged.
  std::optional<KeptDataSet> Item(uint32_t sequence, size_t index = 0) const;
  // Whether there are overlays, whose pixels are not read.
  bool has_overlays() const { return has_overlays_; }

 private:
  std::map<uint32_t, DicomElement> elements_;
  bool has_overlays_ = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_KEPT_ELEMENTS_H_
