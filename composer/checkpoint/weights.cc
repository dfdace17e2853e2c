#include "composer/checkpoint/weights.h"

#include <c10/core/GradMode.h>

#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"

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

// What is wrong, in groups of equal kind. Names of a large model fill screens, so few are shown.
class Report {
 public:
  void add(const std::string& kind, std::string item) { kinds_[kind].push_back(std::move(item)); }

  absl::Status status() const {
    constexpr size_t kShown = 10;
    if (kinds_.empty()) return absl::OkStatus();
    std::string text = "the weights do not fit the model";
    for (const auto& [kind, items] : kinds_) {
      absl::StrAppend(&text, "\n  ", kind, " (", items.size(), "):");
      for (size_t i = 0; i < items.size() && i < kShown; ++i) {
        absl::StrAppend(&text, "\n    ", items[i]);
      }
      if (items.size() > kShown) absl::StrAppend(&text, "\n    ...");
    }
    return absl::InvalidArgumentError(text);
  }

 private:
  std::map<std::string, std::vector<std::string>> kinds_;
};

std::string with_nearest(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  return near.empty() ? name : absl::StrCat(name, "  (nearest: ", near, ")");
}

}  // namespace

NamedTensors weights_of(const torch::nn::Module& module) {
  NamedTensors weights;
  for (const auto& item : module.named_parameters()) weights.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) weights.emplace_back(item.key(), item.value());
  return weights;
}

absl::Status load_weights(torch::nn::Module& module, const NamedTensors& tensors) {
  const NamedTensors own = weights_of(module);
  std::map<std::string, at::Tensor> targets(own.begin(), own.end());
  std::map<std::string, at::Tensor> given;
  std::set<const void*> covered;
  Report report;
  for (const auto& [name, tensor] : tensors) {
    if (!given.emplace(name, tensor).second) report.add("given twice", name);
    const auto target = targets.find(name);
    if (target != targets.end()) covered.insert(target->second.unsafeGetTensorImpl());
  }
  std::vector<std::string> missing, unexpected;
  for (const auto& [name, target] : targets) {
    const bool tied = covered.count(target.unsafeGetTensorImpl()) > 0;
    if (given.count(name) == 0 && !tied) missing.push_back(name);
  }
  for (const auto& [name, tensor] : given) {
    const auto target = targets.find(name);
    if (target == targets.end()) {
      unexpected.push_back(name);
    } else if (tensor.sizes() != target->second.sizes() || !convertible(tensor, target->second)) {
      report.add("of another shape or type",
                 absl::StrCat(name, " is ", describe(tensor), ", the model has ",
                              describe(target->second)));
    }
  }
  for (const std::string& name : missing) report.add("missing", with_nearest(name, unexpected));
  for (const std::string& name : unexpected) report.add("unexpected", with_nearest(name, missing));
  COMPOSER_RETURN_IF_ERROR(report.status());
  return catch_exceptions([&] {
    const c10::NoGradGuard no_grad;
    for (const auto& [name, tensor] : given) targets[name].copy_(tensor);
  });
}

absl::Status load_weights(torch::nn::Module& module, const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(const SafetensorsFile file, read_safetensors(path));
  return annotate(path, load_weights(module, file.tensors));
}

absl::Status save_weights(const torch::nn::Module& module, const std::string& path) {
  return write_safetensors(path, weights_of(module), {{"format", "pt"}});
}

}  // namespace composer
