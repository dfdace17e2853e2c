#include "composer/checkpoint/torch_zip.h"

#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"

namespace composer {
namespace {

// Of the file format, that PyTorch 2.11 reads.
constexpr int kMaxVersion = 10;
constexpr size_t kMaxShortRecord = 100;

absl::string_view text_of(absl::Span<const uint8_t> file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

// The pickled number that PyTorch's files before 1.6 begin with.
constexpr absl::string_view kLegacyMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19",
                                         14);

}  // namespace

absl::StatusOr<TorchZip> TorchZip::open(absl::Span<const uint8_t> file) {
  if (absl::StartsWith(text_of(file), kLegacyMagic)) {
    return absl::UnimplementedError(
        "it is in the format of PyTorch before 1.6, which is not read; torch.load it in Python and "
        "torch.save it again");
  }
  absl::StatusOr<ZipArchive> archive = ZipArchive::open(file);
  if (!archive.ok()) return annotate("it is no file of torch.save's", archive.status());
  TorchZip zip(*std::move(archive));
  for (size_t i = 0; i < zip.archive_.members().size(); ++i) {
    const ZipMember& member = zip.archive_.members()[i];
    zip.numbers_.emplace(member.name, i);
    absl::string_view folder = member.name;
    if (absl::ConsumeSuffix(&folder, "/data.pkl") && !absl::StrContains(folder, '/')) {
      if (!zip.folder_.empty()) return absl::DataLossError("it has two records data.pkl");
      zip.folder_ = absl::StrCat(folder, "/");
    }
  }
  if (zip.folder_.empty()) {
    return absl::DataLossError("it is a ZIP archive, but none of torch.save's: no record data.pkl");
  }
  COMPOSER_RETURN_IF_ERROR(zip.check(file.size()));
  return zip;
}

absl::Status TorchZip::check(uint64_t file_size) const {
  if (find("constants.pkl").ok()) {
    return absl::UnimplementedError(
        "it is a TorchScript program (torch.jit.save), which is not read; torch.save the module's "
        "state_dict() instead");
  }
  uint64_t total = 0;
  for (const ZipMember& member : archive_.members()) {
    if (!member.stored) {
      return absl::DataLossError(absl::StrCat("the record ", json_quote(member.name.substr(0, 100)),
                                              " is compressed, which torch.save does not do"));
    }
    // Records that lie upon one another could be many times the file.
    if (member.size > file_size - total) {
      return absl::DataLossError("its records are larger than the file");
    }
    total += member.size;
  }
  const bool hidden = find(".data/version").ok();
  COMPOSER_ASSIGN_OR_RETURN(const std::string version,
                            read_text(hidden ? ".data/version" : "version", kMaxShortRecord));
  int number = 0;
  if (!absl::SimpleAtoi(version, &number) || number < 1 || number > kMaxVersion) {
    return absl::UnimplementedError(absl::StrCat(
        "its version of the format is ", json_quote(version), "; expected 1 to ", kMaxVersion));
  }
  if (!find("byteorder").ok()) return absl::OkStatus();
  COMPOSER_ASSIGN_OR_RETURN(const std::string order, read_text("byteorder", kMaxShortRecord));
  if (order != "little") {
    return absl::UnimplementedError(
        absl::StrCat("its byte order is ", json_quote(order), "; expected \"little\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<const ZipMember*> TorchZip::find(absl::string_view record) const {
  const auto found = numbers_.find(absl::StrCat(folder_, record));
  if (found == numbers_.end()) {
    return absl::NotFoundError(absl::StrCat("it has no record ", json_quote(record)));
  }
  return &archive_.members()[found->second];
}

absl::Status TorchZip::read(absl::string_view record, absl::Span<uint8_t> out) const {
  COMPOSER_ASSIGN_OR_RETURN(const ZipMember* const member, find(record));
  const absl::Status status = [&]() -> absl::Status {
    COMPOSER_ASSIGN_OR_RETURN(ZipMemberReader reader, archive_.read(*member));
    COMPOSER_ASSIGN_OR_RETURN(const size_t count, reader.read(out));
    // The checksum is compared at the end.
    uint8_t more = 0;
    COMPOSER_ASSIGN_OR_RETURN(const size_t beyond, reader.read({&more, 1}));
    if (count == out.size() && beyond == 0) return absl::OkStatus();
    return absl::DataLossError("it is not of the size that is declared");
  }();
  return annotate(absl::StrCat("record ", json_quote(record)), status);
}

absl::StatusOr<std::string> TorchZip::read_text(absl::string_view record, uint64_t max_size) const {
  COMPOSER_ASSIGN_OR_RETURN(const ZipMember* const member, find(record));
  if (member->size > max_size) {
    return absl::DataLossError(absl::StrCat("record ", json_quote(record), ": it is too large"));
  }
  std::string text(member->size, '\0');
  COMPOSER_RETURN_IF_ERROR(read(record, {reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  absl::StripTrailingAsciiWhitespace(&text);
  return text;
}

absl::StatusOr<std::string> TorchZip::pickle() const {
  COMPOSER_ASSIGN_OR_RETURN(const ZipMember* const member, find("data.pkl"));
  std::string pickle(member->size, '\0');
  COMPOSER_RETURN_IF_ERROR(
      read("data.pkl", {reinterpret_cast<uint8_t*>(pickle.data()), pickle.size()}));
  return pickle;
}

absl::StatusOr<uint64_t> TorchZip::storage_size(absl::string_view key) const {
  COMPOSER_ASSIGN_OR_RETURN(const ZipMember* const member, find(absl::StrCat("data/", key)));
  return member->size;
}

absl::Status TorchZip::read_storage(absl::string_view key, absl::Span<uint8_t> out) const {
  return read(absl::StrCat("data/", key), out);
}

}  // namespace composer
