#include "composer/optim/from_config.h"

#include <regex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/core/registries.h"
#include "composer/optim/parameter_groups.h"
#include "proto/optimizer.pb.h"
#include "proto/run.pb.h"
#include "proto/scheduler.pb.h"

namespace composer {
namespace {

// One of a run's optimizers: where it stands in the config, and what it takes.
struct Chosen {
  std::string field;
  config::Optimizer config;
  std::regex pattern;

  bool takes(const std::string& name) const {
    return !config.has_parameters() || std::regex_search(name, pattern);
  }
  // As messages name it.
  std::string who() const {
    return config.has_parameters() ? absl::StrCat(field, " (\"", config.parameters(), "\")")
                                   : absl::StrCat(field, " (all)");
  }
};

absl::StatusOr<std::vector<Chosen>> chosen_optimizers(const config::Run& run) {
  if (run.has_optimizer() && run.optimizers_size() > 0) {
    return field_error("optimizers",
                       "`optimizer` and `optimizers` are both given; write one optimizer as the "
                       "first, several as the second");
  }
  std::vector<Chosen> all;
  if (run.has_optimizer()) all.push_back({"optimizer", run.optimizer(), {}});
  for (int i = 0; i < run.optimizers_size(); ++i) {
    all.push_back({absl::StrCat("optimizers[", i, "]"), run.optimizers(i), {}});
  }
  for (Chosen& chosen : all) {
    try {
      chosen.pattern = std::regex(chosen.config.parameters());
    } catch (const std::regex_error& error) {
      return field_error(chosen.field + ".parameters",
                         absl::StrCat("\"", chosen.config.parameters(),
                                      "\" is no regular expression: ", error.what()));
    }
  }
  return all;
}

absl::Status check_each_taken_once(const std::vector<Chosen>& all,
                                   const std::vector<NamedParameter>& parameters) {
  for (const NamedParameter& parameter : parameters) {
    const Chosen* owner = nullptr;
    for (const Chosen& chosen : all) {
      if (!chosen.takes(parameter.name)) continue;
      if (owner != nullptr) {
        return field_error(
            chosen.field + ".parameters",
            absl::StrCat("\"", parameter.name, "\" is taken by ", chosen.who(), " and by ",
                         owner->who(), "; a parameter belongs to one optimizer"));
      }
      owner = &chosen;
    }
    if (owner == nullptr) {
      return field_error(all.back().field + ".parameters",
                         absl::StrCat("no optimizer takes \"", parameter.name, "\""));
    }
  }
  return absl::OkStatus();
}

void log_groups(const Chosen& chosen, Optimizer& optimizer) {
  if (optimizer.groups().size() < 2) return;
  for (const ParameterGroup& group : optimizer.groups()) {
    LOG(INFO) << chosen.field << ", group " << description(group);
  }
}

absl::StatusOr<std::unique_ptr<Optimizer>> build(const std::vector<Chosen>& all, size_t which,
                                                 std::vector<NamedParameter> parameters) {
  const Chosen& chosen = all[which];
  COMPOSER_RETURN_IF_ERROR(check_each_taken_once(all, parameters));
  std::vector<NamedParameter> own;
  for (NamedParameter& parameter : parameters) {
    if (chosen.takes(parameter.name)) own.push_back(std::move(parameter));
  }
  if (own.empty() && !parameters.empty()) {
    return field_error(chosen.field + ".parameters",
                       absl::StrCat("\"", chosen.config.parameters(), "\" finds no parameter"));
  }
  auto optimizer = build_chosen<Optimizer>(chosen.config, std::move(own));
  if (!optimizer.ok()) return in_field(chosen.field, optimizer.status());
  if (!parameters.empty()) log_groups(chosen, **optimizer);
  return optimizer;
}

}  // namespace

absl::StatusOr<std::vector<OptimizerFactory>> build_optimizer_factories(const config::Run& run) {
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<Chosen> all, chosen_optimizers(run));
  std::vector<OptimizerFactory> factories;
  for (size_t i = 0; i < all.size(); ++i) {
    COMPOSER_RETURN_IF_ERROR(build(all, i, {}).status());
    factories.push_back([all, i](std::vector<NamedParameter> parameters) {
      return build(all, i, std::move(parameters));
    });
  }
  return factories;
}

absl::StatusOr<std::unique_ptr<Scheduler>> build_scheduler(const config::Scheduler& config) {
  return build_chosen<Scheduler>(config);
}

}  // namespace composer
