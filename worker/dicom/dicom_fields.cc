#include "worker/dicom/dicom_fields.h"

#include <dcmtk/dcmdata/dcostrmb.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/digest.h"

namespace alignflow {
namespace {

constexpr size_t kMostDecimals = 16;  // characters
constexpr size_t kPackPiece = size_t{1} << 16;

int HexDigit(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

}  // namespace

std::string DecimalText(double number) {
  if (number == 0) return "0";  // and not -0
  std::string text;
  for (int digits = 15; digits > 0; --digits) {
    text = absl::StrFormat("%.*g", digits, number);
    if (text.size() <= kMostDecimals) break;
  }
  return text;
}

std::string DerivedUid(std::string_view text) {
  const std::string digest = Sha256OfString(text);
  std::array<int, 32> digits{};
  std::ranges::transform(digest.begin(), digest.begin() + digits.size(), digits.begin(), HexDigit);
  digits[12] = 8;                     // the version
  digits[16] = 8 | (digits[16] & 3);  // the variant
  std::string decimal;
  // Long division by ten, until nothing is left.
  while (std::ranges::any_of(digits, [](int digit) { return digit != 0; })) {
    int rest = 0;
    for (int& digit : digits) {
      rest = 16 * rest + digit;
      digit = rest / 10;
      rest %= 10;
    }
    decimal.insert(decimal.begin(), static_cast<char>('0' + rest));
  }
  return absl::StrCat("2.25.", decimal);
}

void DicomFields::Text(const DcmTagKey& key, DcmEVR vr, const std::string& text) const {
  Keep(item_->putAndInsertString(DcmTag(key, vr), text.c_str()));
}

void DicomFields::Shorts(const DcmTagKey& key, const std::vector<uint16_t>& numbers) const {
  Keep(item_->putAndInsertUint16Array(DcmTag(key, EVR_US), numbers.data(), numbers.size()));
}

void DicomFields::Longs(const DcmTagKey& key, const std::vector<uint32_t>& numbers) const {
  Keep(item_->putAndInsertUint32Array(DcmTag(key, EVR_UL), numbers.data(), numbers.size()));
}

void DicomFields::Decimals(const DcmTagKey& key, const std::vector<double>& numbers) const {
  Text(key, EVR_DS, absl::StrJoin(numbers, "\\", [](std::string* text, double number) {
         absl::StrAppend(text, DecimalText(number));
       }));
}

void DicomFields::Tag(const DcmTagKey& key, const DcmTagKey& value) const {
  Keep(item_->putAndInsertTagKey(DcmTag(key, EVR_AT), value));
}

void DicomFields::Bytes(const DcmTagKey& key, const std::vector<uint8_t>& bytes) const {
  Keep(item_->putAndInsertUint8Array(DcmTag(key, EVR_OB), bytes.data(), bytes.size()));
}

void DicomFields::Words(const DcmTagKey& key, const std::vector<uint16_t>& words) const {
  Keep(item_->putAndInsertUint16Array(DcmTag(key, EVR_OW), words.data(), words.size()));
}

void DicomFields::CodeOf(const DcmTagKey& sequence, const Code& code) const {
  const DicomFields item = Item(sequence);
  item.Text(DCM_CodeValue, EVR_SH, code.value);
  item.Text(DCM_CodingSchemeDesignator, EVR_SH, code.scheme);
  item.Text(DCM_CodeMeaning, EVR_LO, code.meaning);
}

DicomFields DicomFields::Item(const DcmTagKey& sequence) const {
  constexpr long kNewAtEnd = -2;
  DcmItem* item = nullptr;
  Keep(item_->findOrCreateSequenceItem(DcmTag(sequence, EVR_SQ), item, kNewAtEnd));
  // Where there is no memory for one, nothing is written at last.
  return {item == nullptr ? *item_ : *item, *result_};
}

absl::StatusOr<std::string> DicomFile::Pack() {
  std::string bytes;
  std::vector<char> piece(kPackPiece);
  DcmOutputBufferStream stream(piece.data(), static_cast<offile_off_t>(piece.size()));
  OFCondition written = EC_Normal;
  file_.transferInit();
  do {
    written = file_.write(stream, EXS_LittleEndianExplicit, EET_ExplicitLength, nullptr,
                          EGL_recalcGL, EPD_withoutPadding);
    void* data = nullptr;
    offile_off_t length = 0;
    stream.flushBuffer(data, length);
    bytes.append(static_cast<const char*>(data), static_cast<size_t>(length));
  } while (written == EC_StreamNotifyClient);
  file_.transferEnd();
  if (result_.good()) result_ = written;
  if (result_.bad()) {
    return absl::InternalError(absl::StrCat("DCMTK cannot write the DICOM file: ", result_.text()));
  }
  return bytes;
}

}  // namespace alignflow
