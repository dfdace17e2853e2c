#include "composer/data/sources/token_windows.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

bool is_fraction(double value) { return value >= 0 && value <= 1; }

}  // namespace

absl::StatusOr<WindowPlan> WindowPlan::create(const config::Windows& config, int64_t num_tokens,
                                              absl::string_view what) {
  const int64_t length = config.sequence_length();
  if (length < 1) {
    return field_error("sequence_length",
                       absl::StrCat("sequence_length is ", length, "; it must be at least 1"));
  }
  if (config.has_stride() && config.stride() < 1) {
    return field_error("stride",
                       absl::StrCat("stride is ", config.stride(), "; it must be at least 1"));
  }
  if (!is_fraction(config.begin())) {
    return field_error("begin", absl::StrCat("begin is ", config.begin(), "; expected 0 to 1"));
  }
  if (!is_fraction(config.end()) || config.end() <= config.begin()) {
    return field_error("end", absl::StrCat("end is ", config.end(), "; expected more than begin, ",
                                           config.begin(), ", and at most 1"));
  }
  WindowPlan plan;
  const auto part = [&](double fraction) {
    return static_cast<int64_t>(std::floor(fraction * static_cast<double>(num_tokens)));
  };
  plan.first = part(config.begin());
  plan.length = length;
  plan.stride = config.has_stride() ? config.stride() : length;
  plan.next_token = config.labels() == config::NEXT_TOKEN;
  const int64_t used = std::min(part(config.end()), num_tokens) - plan.first;
  const int64_t next = plan.next_token ? 1 : 0;
  if (used - next < length) {
    const std::string of_all =
        used == num_tokens ? ""
                           : absl::StrCat(" between begin and end, of ", num_tokens, " in all");
    return field_error("sequence_length",
                       absl::StrCat("a sample takes ", length, " tokens",
                                    plan.next_token ? " and the one after them" : "", ", but ",
                                    what, " has ", used, of_all));
  }
  plan.num_samples = (used - next - length) / plan.stride + 1;
  return plan;
}

TokenWindows::TokenWindows(const WindowPlan& plan, std::string name)
    : plan_(plan), name_(std::move(name)) {}

Batch TokenWindows::get_batch(absl::Span<const int64_t> indices) const {
  for (const int64_t index : indices) {
    TORCH_CHECK_INDEX(index >= 0 && index < size(), "there is no sample ", index, " among ",
                      size());
  }
  const int64_t length = plan_.length;
  const int64_t count = static_cast<int64_t>(indices.size());
  at::Tensor input_ids = at::empty({count, length}, at::kLong);
  at::Tensor labels = at::empty({count, length}, at::kLong);
  int64_t* input = input_ids.mutable_data_ptr<int64_t>();
  int64_t* label = labels.mutable_data_ptr<int64_t>();
  for (const int64_t index : indices) {
    const int64_t begin = plan_.first + index * plan_.stride;
    in_context([&] { return absl::StrCat("sample ", index); },
               [&] {
                 copy_tokens(begin, length, input);
                 if (plan_.next_token) copy_tokens(begin + length, 1, label + length - 1);
               });
    const int64_t shift = plan_.next_token ? 1 : 0;
    std::copy(input + shift, input + length, label);
    input += length;
    label += length;
  }
  return {{"input_ids", std::move(input_ids)}, {"labels", std::move(labels)}};
}

}  // namespace composer
