#include "composer/nn/surgery.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "composer/base/logging.h"
#include "composer/base/type_name.h"
#include "composer/core/regroupable.h"
#include "composer/nn/slot.h"

namespace composer {
namespace {

using Key = const void*;
Key key(const at::Tensor& tensor) { return tensor.unsafeGetTensorImpl(); }

// One layer, and what will take its place wherever it is.
struct Plan {
  std::string name;
  std::shared_ptr<torch::nn::Module> before;
  std::shared_ptr<torch::nn::Module> after;
  std::vector<SlotBase*> slots;
};

SlotBase* slot_of(torch::nn::Module& parent, const std::string& child) {
  const auto* const owner = dynamic_cast<const SlotOwner*>(&parent);
  if (owner == nullptr) return nullptr;
  for (SlotBase* slot : owner->slots()) {
    if (slot->name() == child) return slot;
  }
  return nullptr;
}

class Search {
 public:
  explicit Search(const std::vector<LayerRule>& rules) : rules_(rules) {}

  void visit(torch::nn::Module& parent, const std::string& prefix) {
    if (!visited_.insert(&parent).second) return;
    for (const auto& child : parent.named_children()) {
      const std::string name = prefix + child.key();
      const auto known = planned_.find(child.value().get());
      if (known != planned_.end()) {
        add_place(plans_[known->second], parent, child.key(), name);
      } else if (!is_done(*child.value()) && !replace(parent, child.key(), child.value(), name)) {
        visit(*child.value(), name + ".");
      }
    }
  }

  std::vector<Plan>& plans() { return plans_; }

 private:
  bool is_done(const torch::nn::Module& layer) const {
    return std::any_of(rules_.begin(), rules_.end(),
                       [&](const LayerRule& rule) { return rule.is_done(layer); });
  }

  bool replace(torch::nn::Module& parent, const std::string& child,
               const std::shared_ptr<torch::nn::Module>& layer, const std::string& name) {
    if (visited_.count(layer.get()) > 0) return false;
    for (const LayerRule& rule : rules_) {
      std::shared_ptr<torch::nn::Module> replacement = rule.replacement(layer, name);
      if (replacement == nullptr) continue;
      planned_[layer.get()] = plans_.size();
      plans_.push_back({.name = name, .before = layer, .after = std::move(replacement)});
      add_place(plans_.back(), parent, child, name);
      return true;
    }
    return false;
  }

  static void add_place(Plan& plan, torch::nn::Module& parent, const std::string& child,
                        const std::string& name) {
    SlotBase* const slot = slot_of(parent, child);
    TORCH_CHECK_NOT_IMPLEMENTED(
        slot != nullptr, "\"", name, "\" (", layer_type(*plan.before), ") would become a ",
        layer_type(*plan.after), ", but its parent, a ", layer_type(parent),
        ", has no slot for it and would go on calling what is there. Hold it in a Slot "
        "(composer/nn/slot.h) or a LayerSequence");
    TORCH_CHECK_TYPE(slot->accepts(*plan.after), "\"", name, "\" (", layer_type(*plan.before),
                     ") cannot become a ", layer_type(*plan.after),
                     ": it has not the interface that its parent, a ", layer_type(parent),
                     ", calls");
    plan.slots.push_back(slot);
  }

  const std::vector<LayerRule>& rules_;
  std::vector<Plan> plans_;
  std::unordered_map<const torch::nn::Module*, size_t> planned_;
  std::unordered_set<const torch::nn::Module*> visited_;
};

std::vector<at::Tensor> tensors_of(const torch::nn::Module& module) {
  std::vector<at::Tensor> tensors = module.parameters();
  for (const at::Tensor& buffer : module.buffers()) tensors.push_back(buffer);
  return tensors;
}

int64_t count_values(const torch::nn::Module& module) {
  std::unordered_set<Key> seen;
  int64_t values = 0;
  for (const at::Tensor& parameter : module.parameters()) {
    if (seen.insert(key(parameter)).second) values += parameter.numel();
  }
  return values;
}

// Where a replacement is to be, in which dtype: as its predecessor, or as the model where that has
// no parameters.
void match_tensors(const torch::nn::Module& model, const Plan& plan) {
  std::vector<at::Tensor> models = plan.before->parameters();
  if (models.empty()) models = model.parameters();
  if (!models.empty()) {
    std::unordered_set<Key> shared;
    for (const at::Tensor& tensor : tensors_of(*plan.before)) shared.insert(key(tensor));
    for (at::Tensor& tensor : tensors_of(*plan.after)) {
      if (!tensor.defined() || shared.count(key(tensor)) > 0) continue;
      const at::ScalarType type =
          tensor.is_floating_point() ? models[0].scalar_type() : tensor.scalar_type();
      tensor.set_data(tensor.detach().to(models[0].device(), type));
    }
  }
  plan.after->train(plan.before->is_training());
}

std::string last_name(const std::string& name) { return name.substr(name.rfind('.') + 1); }

// Where new parameters go.
struct Place {
  size_t optimizer = 0;
  size_t group = 0;
  bool operator==(const Place& other) const {
    return optimizer == other.optimizer && group == other.group;
  }
};

// The groups of all optimizers as they will be.
class Regrouping {
 public:
  Regrouping(absl::Span<const std::unique_ptr<Optimizer>> optimizers,
             const std::vector<Plan>& plans) {
    for (size_t i = 0; i < optimizers.size(); ++i) {
      auto* const regroupable = dynamic_cast<Regroupable*>(optimizers[i].get());
      TORCH_CHECK_NOT_IMPLEMENTED(
          regroupable != nullptr && !optimizers[i]->evaluates_loss_repeatedly(), "optimizer ", i,
          " (", short_type_name(typeid(*optimizers[i])),
          ") cannot take other parameters: replace layers before it is made");
      optimizers_.push_back(regroupable);
      groups_.push_back(optimizers[i]->groups());
      for (size_t j = 0; j < groups_[i].size(); ++j) {
        for (const NamedParameter& parameter : groups_[i][j].parameters) {
          places_[key(parameter.tensor)] = {i, j};
        }
      }
    }
    if (optimizers_.empty()) return;
    for (const Plan& plan : plans) add(plan);
  }

  // When `model` is as it will be.
  void apply(const torch::nn::Module& model, const std::vector<Plan>& plans) {
    std::unordered_map<Key, std::string> names;
    for (const auto& item : model.named_parameters()) names.emplace(key(item.value()), item.key());
    std::unordered_set<Key> gone;
    for (const Plan& plan : plans) {
      for (const at::Tensor& parameter : plan.before->parameters()) {
        if (names.count(key(parameter)) == 0) gone.insert(key(parameter));
      }
    }
    for (size_t i = 0; i < optimizers_.size(); ++i) {
      for (ParameterGroup& group : groups_[i]) {
        std::vector<NamedParameter>& parameters = group.parameters;
        parameters.erase(std::remove_if(parameters.begin(), parameters.end(),
                                        [&](const NamedParameter& parameter) {
                                          return gone.count(key(parameter.tensor)) > 0;
                                        }),
                         parameters.end());
        for (NamedParameter& parameter : parameters) {
          const auto name = names.find(key(parameter.tensor));
          if (name != names.end()) parameter.name = name->second;
        }
      }
      optimizers_[i]->set_groups(std::move(groups_[i]));
    }
  }

 private:
  struct Replaced {
    std::string last_name;
    Place place;
  };

  void add(const Plan& plan) {
    std::vector<Replaced> replaced;
    for (const auto& item : plan.before->named_parameters()) {
      const auto place = places_.find(key(item.value()));
      if (place != places_.end()) replaced.push_back({last_name(item.key()), place->second});
    }
    for (const auto& item : plan.after->named_parameters()) {
      if (!item.value().requires_grad() || places_.count(key(item.value())) > 0) continue;
      const std::optional<Place> place = place_for(last_name(item.key()), replaced);
      TORCH_CHECK_VALUE(place, "there is no telling to which of the optimizers' groups \"",
                        plan.name, ".", item.key(), "\" belongs, which replaces ", replaced.size(),
                        " parameters: replace layers before the optimizers are made");
      places_[key(item.value())] = *place;
      groups_[place->optimizer][place->group].parameters.push_back(
          {absl::StrCat(plan.name, ".", item.key()), item.value()});
    }
  }

  std::optional<Place> place_for(const std::string& name,
                                 const std::vector<Replaced>& replaced) const {
    if (optimizers_.size() == 1 && groups_[0].size() == 1) return Place();
    const auto common = [&](bool same_name) -> std::optional<Place> {
      std::optional<Place> result;
      for (const Replaced& parameter : replaced) {
        if (same_name && parameter.last_name != name) continue;
        if (result && !(*result == parameter.place)) return std::nullopt;
        result = parameter.place;
      }
      return result;
    };
    const std::optional<Place> place = common(/*same_name=*/false);
    return place ? place : common(/*same_name=*/true);
  }

  std::vector<Regroupable*> optimizers_;
  std::vector<std::vector<ParameterGroup>> groups_;
  std::unordered_map<Key, Place> places_;
};

}  // namespace

std::vector<LayerReplacement> replace_layers(
    torch::nn::Module& model, const std::vector<LayerRule>& rules,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  Search search(rules);
  search.visit(model, "");
  const std::vector<Plan>& plans = search.plans();
  if (plans.empty()) return {};
  for (const Plan& plan : plans) match_tensors(model, plan);
  Regrouping regrouping(optimizers, plans);

  std::vector<LayerReplacement> replacements;
  for (const Plan& plan : plans) {
    replacements.push_back({.name = plan.name,
                            .from = layer_type(*plan.before),
                            .to = layer_type(*plan.after),
                            .parameters_before = count_values(*plan.before),
                            .parameters_after = count_values(*plan.after)});
    for (SlotBase* slot : plan.slots) slot->replace(plan.after);
  }
  regrouping.apply(model, plans);
  return replacements;
}

std::string replacement_table(const std::vector<LayerReplacement>& replacements) {
  size_t name = 5, from = 4, to = 2;
  for (const LayerReplacement& replacement : replacements) {
    name = std::max(name, replacement.name.size());
    from = std::max(from, replacement.from.size());
    to = std::max(to, replacement.to.size());
  }
  std::string table = absl::StrFormat("%-*s  %-*s  %-*s  %12s  %12s", name, "layer", from, "from",
                                      to, "to", "parameters", "now");
  for (const LayerReplacement& replacement : replacements) {
    absl::StrAppendFormat(&table, "\n%-*s  %-*s  %-*s  %12d  %12d", name, replacement.name, from,
                          replacement.from, to, replacement.to, replacement.parameters_before,
                          replacement.parameters_after);
  }
  return table;
}

void report_surgery(absl::string_view method, absl::string_view missing, bool required,
                    const std::vector<LayerReplacement>& replacements) {
  if (!replacements.empty()) {
    LOG(INFO) << method << " replaced " << replacements.size()
              << (replacements.size() == 1 ? " layer:\n" : " layers:\n")
              << replacement_table(replacements);
    return;
  }
  const std::string problem = absl::StrCat(method, " has no effect: the model has no ", missing,
                                           " in slots that it has not replaced already");
  TORCH_CHECK_VALUE(!required, problem);
  LOG(WARNING) << problem;
}

std::string layer_type(const torch::nn::Module& layer) {
  std::string type = short_type_name(typeid(layer));
  absl::string_view name = absl::StripSuffix(type, ">");
  name = absl::StripSuffix(name, "Impl");
  return std::string(name);
}

}  // namespace composer
