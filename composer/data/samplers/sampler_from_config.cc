#include "composer/data/samplers/sampler_from_config.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/samplers/materialized_sampler.h"
#include "composer/data/samplers/sample_weights.h"
#include "composer/data/samplers/weighted_sampler.h"
#include "proto/data.pb.h"

namespace composer {
namespace {

absl::StatusOr<std::vector<double>> weights_of(const config::WeightedSampler& config,
                                               const Dataset& dataset) {
  if (config.has_weights_file() == !config.class_weights().empty()) {
    return field_error("weights_file",
                       config.has_weights_file()
                           ? "the weights come from weights_file or by class_weights; set one"
                           : "the weights are missing: set weights_file or class_weights");
  }
  if (!config.has_weights_file()) {
    auto weights = weights_by_class(dataset, config.class_weights());
    if (!weights.ok()) return in_field("class_weights", weights.status());
    return weights;
  }
  auto weights = read_weights(config.weights_file());
  if (!weights.ok()) return in_field("weights_file", weights.status());
  if (static_cast<int64_t>(weights->size()) != dataset.size()) {
    return field_error("weights_file",
                       absl::StrCat(config.weights_file(), " has ", weights->size(),
                                    " weights, but ", dataset.name(), " has ", dataset.size(),
                                    " samples; expected a weight for each"));
  }
  return weights;
}

absl::StatusOr<std::shared_ptr<const Sampler>> build_weighted(const config::WeightedSampler& config,
                                                              const Dataset& dataset,
                                                              uint64_t seed) {
  COMPOSER_ASSIGN_OR_RETURN(std::vector<double> weights, weights_of(config, dataset));
  WeightedSamplerOptions options{.replacement = config.replacement(), .seed = seed};
  if (config.has_num_samples()) options.num_samples = config.num_samples();
  auto sampler = make_weighted_sampler(std::move(weights), options);
  if (sampler.ok()) return *std::move(sampler);
  // Which of the two fields the weights come from is known here.
  if (field_of(sampler.status()) != "weights") return sampler.status();
  return field_error(config.has_weights_file() ? "weights_file" : "class_weights",
                     sampler.status().message());
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Sampler>> build_sampler(const config::DataLoader& config,
                                                             const Dataset& dataset, bool shuffle,
                                                             uint64_t seed) {
  std::shared_ptr<const Sampler> own = dataset.make_sampler(seed, shuffle);
  if (!config.has_sampler()) return own;
  if (own != nullptr) {
    return field_error(
        "sampler", absl::StrCat(dataset.name(), " has an order of its own; leave the sampler out"));
  }
  if (!shuffle) {
    return field_error(
        "sampler",
        "a sampler draws the order of a loader that shuffles, and this one does not: "
        "set shuffle, or leave the sampler out");
  }
  if (config.sampler().has_permutation()) {
    const auto method = config.sampler().permutation().method();
    if (method == config::PermutationSampler::KEYED) return nullptr;
    return std::make_shared<MaterializedSampler>(dataset.size(), seed);
  }
  if (!config.sampler().has_weighted()) {
    return field_error("sampler", "choose one of: permutation, weighted");
  }
  auto sampler = build_weighted(config.sampler().weighted(), dataset, seed);
  if (!sampler.ok()) return in_field("sampler.weighted", sampler.status());
  return sampler;
}

}  // namespace composer
