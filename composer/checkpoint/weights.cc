#include "composer/checkpoint/weights.h"

#include <c10/core/GradMode.h>

#include <map>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/checkpoint/named_tensors.h"
#include "composer/nn/foreign_weights.h"

namespace composer {
namespace {

std::string describe(const at::Tensor& tensor) {
  std::ostringstream out;
  out << c10::toString(tensor.scalar_type()) << " " << tensor.sizes();
  return out.str();
}

// Floating-point types convert into one another; nothing else does.
bool convertible(const at::Tensor& from, const at::Tensor& to) {
  return from.scalar_type() == to.scalar_type() ||
         (from.is_floating_point() && to.is_floating_point());
}

}  // namespace

NamedTensors weights_of(const torch::nn::Module& module) {
  NamedTensors weights;
  for (const auto& item : module.named_parameters()) weights.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) weights.emplace_back(item.key(), item.value());
  return weights;
}

absl::StatusOr<NamedTensors> read_module_weights(const std::string& path) {
  absl::StatusOr<SafetensorsFile> file = read_safetensors(path);
  if (file.ok()) return restore_tied(*file);
  if (!absl::IsDataLoss(file.status())) return file.status();
  for (const char* const ending : {".pt", ".pth", ".bin", ".ckpt"}) {
    if (!absl::EndsWith(path, ending)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no safetensors file; of torch.save's, `composer import ", path,
                     " OUT.safetensors` makes one"));
  }
  return file.status();
}

absl::StatusOr<NameReport> load_weights(torch::nn::Module& module, const NamedTensors& tensors,
                                        const LoadWeightsOptions& options) {
  COMPOSER_ASSIGN_OR_RETURN(const NameMap map, NameMap::create(options.names));
  NameReport report;
  std::set<std::string> seen;
  for (const auto& [name, tensor] : tensors) {
    if (!seen.insert(name).second) report.given_twice.push_back(name);
  }
  std::map<std::string, at::Tensor> given;
  if (report.given_twice.empty()) {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors) names.push_back(name);
    COMPOSER_ASSIGN_OR_RETURN(const auto renamed, map.apply(names));
    for (size_t i = 0; i < names.size(); ++i) {
      if (renamed[i]) {
        given.emplace(*renamed[i], tensors[i].second);
      } else {
        report.left_out.push_back(names[i]);
      }
    }
  }
  const NamedTensors own = weights_of(module);
  const std::map<std::string, at::Tensor> targets(own.begin(), own.end());
  const auto* const foreign = dynamic_cast<const ForeignWeights*>(&module);
  std::set<const void*> covered;
  for (const auto& [name, tensor] : given) {
    const auto target = targets.find(name);
    if (target == targets.end()) {
      const bool is_foreign = foreign != nullptr && foreign->is_foreign(name);
      (is_foreign ? report.left_out : report.unexpected).push_back(name);
      continue;
    }
    covered.insert(target->second.unsafeGetTensorImpl());
    if (tensor.sizes() != target->second.sizes() || !convertible(tensor, target->second)) {
      report.mismatched.emplace_back(name, absl::StrCat("is ", describe(tensor), ", the model has ",
                                                        describe(target->second)));
    }
  }
  for (const auto& [name, target] : targets) {
    const bool tied = covered.count(target.unsafeGetTensorImpl()) > 0;
    if (given.count(name) > 0 || tied) continue;
    (map.takes(name) ? report.missing : report.kept).push_back(name);
  }
  const bool acceptable =
      options.strict ? report.fits() : report.given_twice.empty() && report.mismatched.empty();
  if (!acceptable) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weights do not fit the model", report.text()));
  }
  COMPOSER_RETURN_IF_ERROR(catch_exceptions([&] {
    const c10::NoGradGuard no_grad;
    for (const auto& [name, tensor] : given) {
      const auto target = targets.find(name);
      if (target != targets.end()) at::Tensor(target->second).copy_(tensor);
    }
  }));
  return report;
}

absl::Status load_weights(torch::nn::Module& module, const NamedTensors& tensors) {
  return load_weights(module, tensors, LoadWeightsOptions()).status();
}

absl::Status load_weights(torch::nn::Module& module, const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(const NamedTensors tensors, read_module_weights(path));
  return annotate(path, load_weights(module, tensors));
}

absl::Status save_weights(const torch::nn::Module& module, const std::string& path) {
  return write_safetensors(path, weights_of(module), {{"format", "pt"}});
}

}  // namespace composer
