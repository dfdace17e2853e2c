#include "algorithms/earlier_surgery.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"

namespace composer {

std::string earlier_surgery(const State& state, const Algorithm& self) {
  std::vector<std::string> names;
  for (const auto& algorithm : state.algorithms) {
    if (algorithm.get() == &self) break;
    const std::vector<Event> events = algorithm->traits().events;
    if (std::count(events.begin(), events.end(), Event::kInit) > 0) {
      names.push_back(algorithm->name());
    }
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace composer
