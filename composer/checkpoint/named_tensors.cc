#include "composer/checkpoint/named_tensors.h"

#include <map>
#include <optional>

#include "composer/base/status.h"
#include "composer/checkpoint/view_key.h"

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
  std::map<ViewKey, std::string> kept;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.numel() == 0) continue;
    const auto [found, added] = kept.emplace(view_key(tensor), name);
    if (!added && name < found->second) found->second = name;
  }
  UntiedTensors result;
  for (const auto& [name, tensor] : tensors) {
    const auto found = tensor.numel() == 0 ? kept.end() : kept.find(view_key(tensor));
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
