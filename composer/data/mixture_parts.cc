#include "composer/data/mixture_parts.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/data/gather.h"

namespace composer {
namespace {

std::string describe(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.dtype().name() << " " << tensor.sizes();
  return text.str();
}

}  // namespace

std::string difference(const TensorDict& one, const TensorDict& other, int64_t first_dimension) {
  for (const auto& [name, tensor] : other) {
    if (!one.contains(name)) return absl::StrCat("there is no `", name, "` in the first");
  }
  for (const auto& [name, tensor] : one) {
    const at::Tensor* second = other.find(name);
    if (second == nullptr) return absl::StrCat("there is no `", name, "` in the second");
    const bool same =
        tensor.dtype() == second->dtype() && tensor.dim() == second->dim() &&
        (tensor.dim() < first_dimension ||
         tensor.sizes().slice(first_dimension) == second->sizes().slice(first_dimension));
    if (!same) {
      return absl::StrCat("`", name, "` is ", describe(tensor), " and ", describe(*second));
    }
  }
  return "";
}

MixtureParts::MixtureParts(std::vector<std::shared_ptr<const Dataset>> datasets)
    : datasets_(std::move(datasets)), starts_{0} {
  for (const auto& dataset : datasets_) starts_.push_back(starts_.back() + dataset->size());
}

MixtureParts::Place MixtureParts::locate(int64_t index) const {
  TORCH_CHECK_INDEX(index >= 0 && index < size(), "there is no sample ", index, " among ", size());
  // The last part that starts at or before it: parts may be empty.
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), index);
  const size_t part = after - starts_.begin() - 1;
  return {part, index - starts_[part]};
}

Batch MixtureParts::join(
    absl::Span<const int64_t> indices,
    const std::function<Batch(size_t, absl::Span<const int64_t>)>& get_batch) const {
  std::vector<std::vector<int64_t>> by_part(datasets_.size());
  std::vector<Place> places;
  for (const int64_t index : indices) {
    const Place place = locate(index);
    // From here on, its row in its part's batch.
    places.push_back({place.part, static_cast<int64_t>(by_part[place.part].size())});
    by_part[place.part].push_back(place.index);
  }
  std::vector<Batch> batches;
  std::vector<size_t> parts;
  std::vector<int64_t> first_rows(datasets_.size());
  int64_t rows = 0;
  for (size_t part = 0; part < datasets_.size(); ++part) {
    if (by_part[part].empty()) continue;
    batches.push_back(in_context([&] { return datasets_[part]->name(); },
                                 [&] { return get_batch(part, by_part[part]); }));
    parts.push_back(part);
    first_rows[part] = rows;
    rows += static_cast<int64_t>(by_part[part].size());
    const std::string differs = difference(batches.front(), batches.back(), 1);
    TORCH_CHECK_VALUE(differs.empty(), "batches of ", datasets_[parts.front()]->name(), " and ",
                      datasets_[part]->name(), " cannot be mixed: ", differs);
  }
  if (batches.empty()) return {};
  // A part that is alone has the right order already.
  if (batches.size() == 1) return std::move(batches.front());

  std::vector<int64_t> row_of;
  for (const Place& place : places) row_of.push_back(first_rows[place.part] + place.index);
  Batch joined;
  for (const auto& [name, tensor] : batches.front()) {
    std::vector<at::Tensor> tensors;
    for (const Batch& batch : batches) tensors.push_back(batch.at(name));
    joined.set(name, gather_rows(at::cat(tensors), row_of));
  }
  return joined;
}

}  // namespace composer
