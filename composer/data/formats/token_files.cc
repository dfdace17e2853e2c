#include "composer/data/formats/token_files.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

static_assert(std::endian::native == std::endian::little, "tokens are copied as they lie");

template <typename Token>
void widen(const uint8_t* bytes, int64_t count, int64_t* out) {
  const Token* tokens = reinterpret_cast<const Token*>(bytes);
  for (int64_t i = 0; i < count; ++i) out[i] = tokens[i];
}

}  // namespace

absl::StatusOr<TokenFiles> TokenFiles::open(const std::vector<std::string>& paths,
                                            int bytes_per_token,
                                            std::optional<int64_t> vocabulary_size) {
  TokenFiles result;
  result.bytes_per_token_ = bytes_per_token;
  result.vocabulary_size_ = vocabulary_size;
  for (const std::string& path : paths) {
    COMPOSER_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
    const int64_t bytes = static_cast<int64_t>(file.bytes().size());
    if (bytes % bytes_per_token != 0) {
      return absl::DataLossError(absl::StrCat(path, ": byte ", bytes, ": expected tokens of ",
                                              bytes_per_token,
                                              " bytes each, found the file's end within one"));
    }
    result.starts_.push_back(result.size() + bytes / bytes_per_token);
    result.files_.push_back(std::move(file));
  }
  return result;
}

absl::Status TokenFiles::copy(int64_t begin, int64_t count, int64_t* out) const {
  size_t file = std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin() - 1;
  for (; count > 0; ++file) {
    const int64_t offset = begin - starts_[file];
    const int64_t part = std::min(count, starts_[file + 1] - begin);
    const uint8_t* bytes = files_[file].bytes().data() + offset * bytes_per_token_;
    if (bytes_per_token_ == 1) widen<uint8_t>(bytes, part, out);
    if (bytes_per_token_ == 2) widen<uint16_t>(bytes, part, out);
    if (bytes_per_token_ == 4) widen<uint32_t>(bytes, part, out);
    if (vocabulary_size_) {
      const int64_t* wrong =
          std::find_if(out, out + part, [&](int64_t token) { return token >= *vocabulary_size_; });
      if (wrong != out + part) {
        return absl::DataLossError(absl::StrCat(files_[file].path(), ": byte ",
                                                (offset + (wrong - out)) * bytes_per_token_,
                                                ": expected a token below the vocabulary's size, ",
                                                *vocabulary_size_, ", found ", *wrong));
      }
    }
    begin += part;
    out += part;
    count -= part;
  }
  return absl::OkStatus();
}

}  // namespace composer
