#pragma once

#include <c10/util/Exception.h>

#include <string>
#include <vector>

namespace composer {

/// Throws a ValueError, in the name of `who`, unless both are in [0, 1).
template <typename Options>
void check_betas(const char* who, const Options& options) {
  TORCH_CHECK_VALUE(
      options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1, who,
      "'s betas must be in [0, 1), not ", options.beta1, " and ", options.beta2);
}

/// What Adam and its kin keep of a parameter. Throws a ValueError, in the name of `who`, for
/// options that are out of range.
template <typename Options>
std::vector<std::string> adam_state_kinds(const char* who, const Options& options) {
  check_betas(who, options);
  TORCH_CHECK_VALUE(options.eps >= 0, who, "'s eps must not be negative, it is ", options.eps);
  std::vector<std::string> kinds = {"exp_avg", "exp_avg_sq"};
  if (options.amsgrad) kinds.push_back("max_exp_avg_sq");
  return kinds;
}

/// The options that their config says.
template <typename Options, typename Config>
Options adam_options(const Config& config) {
  return {.lr = config.lr(),
          .beta1 = config.beta1(),
          .beta2 = config.beta2(),
          .eps = config.eps(),
          .weight_decay = config.weight_decay(),
          .amsgrad = config.amsgrad()};
}

}  // namespace composer
