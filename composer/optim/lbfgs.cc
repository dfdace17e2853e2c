#include "composer/optim/lbfgs.h"

#include <torch/optim/lbfgs.h>

#include <memory>
#include <utility>

#include "composer/core/registries.h"
#include "composer/optim/torch_optimizer.h"
#include "proto/optimizer.pb.h"

namespace composer {

OptimizerFactory lbfgs(LbfgsOptions options) {
  torch::optim::LBFGSOptions theirs(options.lr);
  theirs.max_iter(options.max_iter)
      .max_eval(options.max_eval.value_or(options.max_iter * 5 / 4))
      .tolerance_grad(options.tolerance_grad)
      .tolerance_change(options.tolerance_change)
      .history_size(options.history_size);
  if (options.strong_wolfe) theirs.line_search_fn("strong_wolfe");
  return torch_optimizer<torch::optim::LBFGS>(theirs);
}

namespace {

struct ConfiguredLbfgs {
  using Config = config::Lbfgs;

  static absl::StatusOr<std::unique_ptr<Optimizer>> create(const Config& config,
                                                           std::vector<NamedParameter> parameters) {
    LbfgsOptions options{.lr = config.lr(),
                         .max_iter = config.max_iter(),
                         .tolerance_grad = config.tolerance_grad(),
                         .tolerance_change = config.tolerance_change(),
                         .history_size = config.history_size(),
                         .strong_wolfe = config.line_search() == Config::STRONG_WOLFE};
    if (config.has_max_eval()) options.max_eval = config.max_eval();
    return lbfgs(options)(std::move(parameters));
  }
};

COMPOSER_REGISTER(Optimizer, ConfiguredLbfgs);

}  // namespace
}  // namespace composer
