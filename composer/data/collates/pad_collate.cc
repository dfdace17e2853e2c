#include "composer/data/collates/pad_collate.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/samples.h"
#include "proto/data.pb.h"

namespace composer {
namespace {

template <typename Integer>
bool in_range(double value) {
  // The upper limit plus one is a power of two, which a double holds.
  return value == std::trunc(value) &&
         value >= static_cast<double>(std::numeric_limits<Integer>::min()) &&
         value < 2 * static_cast<double>(std::numeric_limits<Integer>::max() / 2 + 1);
}

// Nothing when a tensor of this type cannot hold the value.
std::optional<at::Scalar> as_scalar(double value, at::ScalarType type) {
  if (at::isFloatingType(type)) return value;
  const bool fits = type == at::kBool    ? value == 0 || value == 1
                    : type == at::kByte  ? in_range<uint8_t>(value)
                    : type == at::kChar  ? in_range<int8_t>(value)
                    : type == at::kShort ? in_range<int16_t>(value)
                    : type == at::kInt   ? in_range<int32_t>(value)
                                         : type == at::kLong && in_range<int64_t>(value);
  if (!fits) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PadCollate>> PadCollate::create(const Config& config) {
  if (config.multiple_of() < 1) {
    return field_error("multiple_of", absl::StrCat("multiple_of is ", config.multiple_of(),
                                                   "; it must be 1 or above"));
  }
  if (config.has_max_length() && config.max_length() < 1) {
    return field_error("max_length", absl::StrCat("max_length is ", config.max_length(),
                                                  "; a sequence has at least one place"));
  }
  if (config.has_max_length() && config.max_length() % config.multiple_of() != 0) {
    return field_error("max_length",
                       absl::StrCat("max_length ", config.max_length(),
                                    " is no multiple of multiple_of, ", config.multiple_of()));
  }
  if (config.pad_to_max() && !config.has_max_length()) {
    return field_error("max_length", "pad_to_max needs a max_length");
  }
  std::set<std::string> names;
  for (int i = 0; i < config.fill_size(); ++i) {
    if (!names.insert(config.fill(i).tensor()).second) {
      return field_error(absl::StrCat("fill[", i, "].tensor"),
                         absl::StrCat("\"", config.fill(i).tensor(), "\" is filled twice"));
    }
  }
  names.clear();
  for (int i = 0; i < config.tensors_size(); ++i) {
    if (!names.insert(config.tensors(i)).second) {
      return field_error(absl::StrCat("tensors[", i, "]"),
                         absl::StrCat("\"", config.tensors(i), "\" is listed twice"));
    }
  }
  for (int i = 0; i < config.fill_size(); ++i) {
    if (!names.empty() && names.count(config.fill(i).tensor()) == 0) {
      return field_error(absl::StrCat("fill[", i, "].tensor"),
                         absl::StrCat("\"", config.fill(i).tensor(), "\" is not among `tensors`"));
    }
  }
  return std::unique_ptr<PadCollate>(new PadCollate(config));
}

PadCollate::PadCollate(const Config& config)
    : multiple_of_(config.multiple_of()),
      pad_to_max_(config.pad_to_max()),
      left_(config.side() == Config::LEFT),
      fill_{{"labels", -100}},
      sequences_(config.tensors().begin(), config.tensors().end()) {
  if (config.has_max_length()) max_length_ = config.max_length();
  for (const Config::Fill& fill : config.fill()) fill_[fill.tensor()] = fill.value();
}

bool PadCollate::is_sequence(absl::string_view name, const at::Tensor& tensor) const {
  return sequences_.empty() ? tensor.dim() > 0 : sequences_.count(name) != 0;
}

int64_t PadCollate::padded_length(int64_t longest) const {
  if (pad_to_max_) return *max_length_;
  longest = std::min(longest, max_length_.value_or(longest));
  return (longest + multiple_of_ - 1) / multiple_of_ * multiple_of_;
}

at::Tensor PadCollate::pad(absl::Span<const TensorDict> samples, const std::string& name) const {
  const at::Tensor& first = samples[0].at(name);
  int64_t longest = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const at::Tensor& tensor = samples[i].at(name);
    TORCH_CHECK_VALUE(tensor.dim() > 0, "\"", name, "\" of sample ", i,
                      " of the batch has no dimension that could be padded");
    TORCH_CHECK_VALUE(tensor.dtype() == first.dtype() && tensor.dim() == first.dim() &&
                          tensor.sizes().slice(1) == first.sizes().slice(1),
                      "\"", name, "\" of sample ", i, " of the batch is ", tensor.dtype().name(),
                      " ", tensor.sizes(), "; that of the first sample is ", first.dtype().name(),
                      " ", first.sizes(), ", and padding fills the first dimension alone");
    longest = std::max(longest, tensor.size(0));
  }
  const auto found = fill_.find(name);
  const double fill = found == fill_.end() ? 0 : found->second;
  const std::optional<at::Scalar> value = as_scalar(fill, first.scalar_type());
  TORCH_CHECK_VALUE(value.has_value(), "\"", name, "\" is ", first.dtype().name(),
                    " and cannot be filled with ", fill, "; say with what in collate.pad.fill");

  const int64_t length = padded_length(longest);
  std::vector<int64_t> sizes = first.sizes().vec();
  sizes[0] = length;
  sizes.insert(sizes.begin(), static_cast<int64_t>(samples.size()));
  at::Tensor padded = at::full(sizes, *value, first.options());
  const size_t step = length == 0 ? 0 : padded.nbytes() / samples.size() / length;
  char* row = static_cast<char*>(padded.mutable_data_ptr());
  for (const TensorDict& sample : samples) {
    const at::Tensor source = sample.at(name).contiguous();
    const int64_t kept = std::min(source.size(0), length);
    if (kept > 0) {
      std::memcpy(row + (left_ ? (length - kept) * step : 0), source.const_data_ptr(), kept * step);
    }
    row += length * step;
  }
  return padded;
}

at::Tensor PadCollate::attention_mask(absl::Span<const TensorDict> samples) const {
  int64_t longest = 0;
  for (const TensorDict& sample : samples) {
    longest = std::max(longest, sample.at("input_ids").size(0));
  }
  const int64_t length = padded_length(longest);
  at::Tensor mask = at::zeros({static_cast<int64_t>(samples.size()), length}, at::kLong);
  int64_t* row = mask.mutable_data_ptr<int64_t>();
  for (const TensorDict& sample : samples) {
    const int64_t kept = std::min(sample.at("input_ids").size(0), length);
    std::fill_n(row + (left_ ? length - kept : 0), kept, 1);
    row += length;
  }
  return mask;
}

Batch PadCollate::operator()(absl::Span<const TensorDict> samples) const {
  Batch batch;
  if (samples.empty()) return batch;
  check_same_names(samples);
  const TensorDict& first = samples.front();
  for (const std::string& name : sequences_) {
    TORCH_CHECK_VALUE(first.contains(name), "collate.pad.tensors lists \"", name,
                      "\", which the samples do not have");
  }
  for (const auto& [name, value] : fill_) {
    TORCH_CHECK_VALUE(name == "labels" || first.contains(name), "collate.pad.fill has \"", name,
                      "\", which the samples do not have");
  }
  for (const auto& [name, tensor] : first) {
    batch.set(name, is_sequence(name, tensor) ? pad(samples, name) : stack_tensors(samples, name));
  }
  const at::Tensor* tokens = first.find("input_ids");
  if (tokens != nullptr && is_sequence("input_ids", *tokens) && !batch.contains("attention_mask")) {
    batch.set("attention_mask", attention_mask(samples));
  }
  return batch;
}

COMPOSER_REGISTER(Collate, PadCollate);

}  // namespace composer
