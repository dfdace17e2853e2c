#include "composer/core/state_dict.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"

namespace composer {
namespace {

template <typename Map>
absl::StatusOr<const typename Map::mapped_type*> find(const Map& map, absl::string_view name,
                                                      absl::string_view kind) {
  const auto position = map.find(std::string(name));
  if (position != map.end()) return &position->second;
  return absl::NotFoundError(absl::StrCat(
      "the state has no ", kind, " \"", name, "\"; it has ",
      map.empty() ? "none" : absl::StrJoin(map, ", ", [](std::string* out, const auto& entry) {
        absl::StrAppend(out, entry.first);
      })));
}

template <typename T>
absl::StatusOr<T> dereference(absl::StatusOr<const T*> value) {
  if (!value.ok()) return value.status();
  return **value;
}

bool same(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (a.dtype() != b.dtype() || a.sizes() != b.sizes()) return false;
  const at::Tensor left = a.cpu().contiguous(), right = b.cpu().contiguous();
  return std::memcmp(left.const_data_ptr(), right.const_data_ptr(), left.nbytes()) == 0;
}

bool same(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

template <typename T>
bool same(const T& a, const T& b) {
  return a == b;
}

// The first key that only one map has or whose values differ.
template <typename Map>
std::string difference(const Map& a, const Map& b) {
  for (const auto& [name, value] : a) {
    const auto other = b.find(name);
    if (other == b.end() || !same(value, other->second)) return name;
  }
  for (const auto& [name, value] : b) {
    if (a.count(name) == 0) return name;
  }
  return {};
}

}  // namespace

void StateDict::set(absl::string_view name, at::Tensor value) {
  tensors_[std::string(name)] = std::move(value);
}
void StateDict::set(absl::string_view name, int64_t value) { integers_[std::string(name)] = value; }
void StateDict::set(absl::string_view name, double value) { numbers_[std::string(name)] = value; }
void StateDict::set(absl::string_view name, absl::string_view value) {
  strings_[std::string(name)] = std::string(value);
}
void StateDict::set(absl::string_view name, StateDict value) {
  children_[std::string(name)] = std::move(value);
}

absl::StatusOr<at::Tensor> StateDict::tensor(absl::string_view name) const {
  return dereference<at::Tensor>(find(tensors_, name, "tensor"));
}
absl::StatusOr<int64_t> StateDict::integer(absl::string_view name) const {
  return dereference<int64_t>(find(integers_, name, "integer"));
}
absl::StatusOr<double> StateDict::number(absl::string_view name) const {
  return dereference<double>(find(numbers_, name, "number"));
}
absl::StatusOr<std::string> StateDict::string(absl::string_view name) const {
  return dereference<std::string>(find(strings_, name, "string"));
}
absl::StatusOr<const StateDict*> StateDict::child(absl::string_view name) const {
  return find(children_, name, "part");
}

bool StateDict::empty() const {
  return tensors_.empty() && integers_.empty() && numbers_.empty() && strings_.empty() &&
         children_.empty();
}

StateDict StateDict::cloned() const {
  StateDict copy = *this;
  for (auto& [name, tensor] : copy.tensors_) {
    if (tensor.defined()) tensor = tensor.detach().clone();
  }
  for (auto& [name, part] : copy.children_) part = part.cloned();
  return copy;
}

bool StateDict::identical(const StateDict& other) const { return first_difference(other).empty(); }

std::string StateDict::first_difference(const StateDict& other) const {
  for (const std::string& name :
       {difference(tensors_, other.tensors_), difference(integers_, other.integers_),
        difference(numbers_, other.numbers_), difference(strings_, other.strings_)}) {
    if (!name.empty()) return name;
  }
  for (const auto& [name, part] : children_) {
    const auto position = other.children_.find(name);
    if (position == other.children_.end()) return name;
    const std::string path = part.first_difference(position->second);
    if (!path.empty()) return absl::StrCat(name, ".", path);
  }
  for (const auto& [name, part] : other.children_) {
    if (children_.count(name) == 0) return name;
  }
  return {};
}

}  // namespace composer
