#include "composer/checkpoint/safetensors_stream.h"

#include <cstring>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/base/utf8.h"
#include "composer/checkpoint/safetensors_dtypes.h"
#include "composer/checkpoint/safetensors_header.h"

namespace composer {
namespace {

absl::StatusOr<SafetensorsEntry> entry_of(const std::string& name, const at::Tensor& tensor) {
  const auto refuse = [&](absl::string_view reason) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", json_quote(name), " ", reason));
  };
  if (name == "__metadata__" || !is_utf8(name)) return refuse("has a name that cannot be written");
  if (!tensor.defined()) return refuse("is undefined");
  if (tensor.layout() != at::kStrided) return refuse("is not dense");
  const absl::string_view dtype = safetensors_dtype(tensor.scalar_type());
  if (dtype.empty()) {
    return refuse(absl::StrCat("is of ", c10::toString(tensor.scalar_type()),
                               ", which safetensors does not have"));
  }
  SafetensorsEntry entry;
  entry.name = name;
  entry.dtype = std::string(dtype);
  entry.shape = tensor.sizes().vec();
  return entry;
}

}  // namespace

absl::StatusOr<SafetensorsStream> SafetensorsStream::create(const NamedTensors& tensors,
                                                            const SafetensorsMetadata& metadata) {
  SafetensorsHeader header;
  header.metadata = metadata;
  std::map<std::string, at::Tensor> by_name;
  for (const auto& [name, tensor] : tensors) {
    COMPOSER_ASSIGN_OR_RETURN(SafetensorsEntry entry, entry_of(name, tensor));
    if (!by_name.emplace(name, tensor).second) {
      return absl::InvalidArgumentError(absl::StrCat("two tensors are called ", json_quote(name)));
    }
    header.entries.push_back(std::move(entry));
  }
  std::set<std::string> keys;
  for (const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value) || !keys.insert(key).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata ", json_quote(key), " comes twice or is not UTF-8"));
    }
  }
  lay_out(header.entries);
  const std::string json = format_safetensors_header(header);
  if (json.size() > kMaxSafetensorsHeader) {
    return absl::InvalidArgumentError("the names and metadata are too long for a header");
  }
  SafetensorsStream stream;
  const uint64_t length = json.size();
  stream.start_.resize(sizeof length);
  std::memcpy(stream.start_.data(), &length, sizeof length);
  stream.start_ += json;
  stream.size_ = stream.start_.size();
  for (const SafetensorsEntry& entry : header.entries) {
    stream.tensors_.push_back(by_name[entry.name]);
    stream.size_ += entry.end - entry.begin;
  }
  return stream;
}

absl::Status SafetensorsStream::write(const ByteSink& sink) const {
  COMPOSER_RETURN_IF_ERROR(sink(start_.data(), start_.size()));
  for (const at::Tensor& tensor : tensors_) {
    if (tensor.numel() == 0) continue;
    // One at a time: a copy in row-major order on the CPU may be needed.
    const at::Tensor stored = tensor.detach().cpu().contiguous().resolve_conj().resolve_neg();
    COMPOSER_RETURN_IF_ERROR(sink(stored.const_data_ptr(), stored.nbytes()));
  }
  return absl::OkStatus();
}

}  // namespace composer
