#pragma once

#include <string>
#include <utility>
#include <vector>

namespace composer {

/// How the names of some weights fit those of a model.
struct NameReport {
  std::vector<std::string> given_twice;
  /// Of the model, and not among the weights.
  std::vector<std::string> missing;
  /// A name, and what is wrong: "is Float [5], the model has Float [2]".
  std::vector<std::pair<std::string, std::string>> mismatched;
  /// Among the weights, and not of the model.
  std::vector<std::string> unexpected;
  /// Those of the weights, and of the model, that were not to be taken, which is nothing wrong.
  std::vector<std::string> left_out;
  std::vector<std::string> kept;

  bool fits() const;
  /// Lines by kind, the first names of each with the nearest of the others: "\n  missing (1):\n
  /// head.weight  (nearest: heads.weight)". Empty when it fits.
  std::string text() const;
};

}  // namespace composer
