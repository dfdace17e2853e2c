#include "composer/checkpoint/named_tensors.h"

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "composer/base/status.h"

namespace composer {

absl::StatusOr<NamedTensors> rename_tensors(const NamedTensors& tensors, const NameMap& map) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  COMPOSER_ASSIGN_OR_RETURN(std::vector<std::optional<std::string>> renamed, map.apply(names));
  NamedTensors result;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (renamed[i]) result.emplace_back(*std::move(renamed[i]), tensors[i].second);
  }
  return result;
}

UntiedTensors separate_tied(const NamedTensors& tensors) {
  using View = std::tuple<const void*, at::ScalarType, bool, bool, int64_t, std::vector<int64_t>,
                          std::vector<int64_t>>;
  const auto view_of = [](const at::Tensor& tensor) {
    return View(tensor.storage().unsafeGetStorageImpl(), tensor.scalar_type(), tensor.is_conj(),
                tensor.is_neg(), tensor.storage_offset(), tensor.sizes().vec(),
                tensor.strides().vec());
  };
  std::map<View, std::string> kept;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.numel() == 0) continue;
    const auto [found, added] = kept.emplace(view_of(tensor), name);
    if (!added && name < found->second) found->second = name;
  }
  UntiedTensors result;
  for (const auto& [name, tensor] : tensors) {
    const auto found = tensor.numel() == 0 ? kept.end() : kept.find(view_of(tensor));
    if (found == kept.end() || found->second == name) {
      result.tensors.emplace_back(name, tensor);
    } else {
      result.tied.emplace_back(name, found->second);
    }
  }
  return result;
}

NamedTensors restore_tied(const SafetensorsFile& file) {
  const std::map<std::string, at::Tensor> tensors(file.tensors.begin(), file.tensors.end());
  NamedTensors result = file.tensors;
  for (const auto& [name, kept] : file.metadata) {
    const auto found = tensors.find(kept);
    if (name != "format" && found != tensors.end() && tensors.count(name) == 0) {
      result.emplace_back(name, found->second);
    }
  }
  return result;
}

}  // namespace composer
