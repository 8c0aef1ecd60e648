#ifndef ALIGNFLOW_WORKER_DICOM_DICOM_FIELDS_H_
#define ALIGNFLOW_WORKER_DICOM_DICOM_FIELDS_H_

// DCMTK's configuration must come first.
#include <dcmtk/config/osconfig.h>
// Its other headers.
#include <dcmtk/dcmdata/dctk.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

// DICOM files as DCMTK writes them. Representations are said here, so that no dictionary is needed
// where it runs. Not thread-safe, but files can be written on several threads at once.
namespace alignflow {

// A number as DICOM writes it (PS3.5, VR DS): the most digits that 16 characters hold.
std::string DecimalText(double number);

// A UID of the root 2.25 (PS3.5, B.2): the first 128 bits of SHA-256 of `text` as a UUID of version
// 8 (RFC 9562, 5.8). The same text has the same UID.
std::string DerivedUid(std::string_view text);

struct Code {
  std::string value, scheme, meaning;
};

// A data set, or an item of a sequence in it, that is being filled. Handed on by value; the file
// must outlive it.
class DicomFields {
 public:
  DicomFields(DcmItem& item, OFCondition& result) : item_(&item), result_(&result) {}

  void Text(const DcmTagKey& key, DcmEVR vr, const std::string& text) const;
  void Uid(const DcmTagKey& key, const std::string& uid) const { Text(key, EVR_UI, uid); }
  void Short(const DcmTagKey& key, uint16_t number) const { Shorts(key, {number}); }
  void Shorts(const DcmTagKey& key, const std::vector<uint16_t>& numbers) const;
  void Longs(const DcmTagKey& key, const std::vector<uint32_t>& numbers) const;
  void Decimals(const DcmTagKey& key, const std::vector<double>& numbers) const;
  void Tag(const DcmTagKey& key, const DcmTagKey& value) const;
  // 8 bits a sample or fewer, and 16.
  void Bytes(const DcmTagKey& key, const std::vector<uint8_t>& bytes) const;
  void Words(const DcmTagKey& key, const std::vector<uint16_t>& words) const;
  // A sequence of one item, which is the code.
  void CodeOf(const DcmTagKey& sequence, const Code& code) const;
  // A new item at the end of a sequence.
  DicomFields Item(const DcmTagKey& sequence) const;

 private:
  void Keep(const OFCondition& result) const {
    if (result_->good()) *result_ = result;
  }

  DcmItem* item_;
  OFCondition* result_;
};

// A file in the making.
class DicomFile {
 public:
  DicomFields fields() { return {*file_.getDataset(), result_}; }
  // Its bytes: explicit representations, little endian, uncompressed. The same fields give the same
  // bytes. Internal if DCMTK took one of them for wrong.
  absl::StatusOr<std::string> Pack();

 private:
  DcmFileFormat file_;
  OFCondition result_ = EC_Normal;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_DICOM_FIELDS_H_
